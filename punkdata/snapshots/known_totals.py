"""Known totals of the full collection, which a build and `punkdata verify` check.

This is a separate module because a build checks the totals before a snapshot exists.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from punkdata.errors import DataError
from punkdata.snapshots.tables import column_to_numpy, extract_labels
from punkdata.traits import ACCESSORIES, TYPES

COLLECTION_SIZE = 10_000
"""Number of CryptoPunks, with the ids 0 to 9999."""
KNOWN_TYPES = {"Alien": 9, "Ape": 24, "Female": 3840, "Male": 6039, "Zombie": 88}
"""Number of punks of each type in the full collection."""
KNOWN_ACCESSORIES_PER_PUNK = dict(enumerate((8, 333, 3560, 4501, 1420, 166, 11, 1)))
"""Number of punks in the full collection with 0 to 7 accessories."""

MAX_NAMED = 5
"""Number of differences that a message names."""


def check_known_totals(punks: pa.Table) -> None:
    """Raise DataError if the table of all punks deviates from the totals; the message says how.

    The columns "punk_id", "labels" and "pixels_sha256" are read.
    """
    labels = extract_labels(punks)
    types = dict(zip(TYPES, labels[:, : len(TYPES)].sum(axis=0, dtype=int).tolist(), strict=True))
    per_punk = Counter(labels[:, len(TYPES) :].sum(axis=1, dtype=int).tolist())
    deviations = _compare("punks of the type {}", types, KNOWN_TYPES)
    deviations += _compare("punks with {} accessories", per_punk, KNOWN_ACCESSORIES_PER_PUNK)
    absent = [ACCESSORIES[i] for i in np.flatnonzero(~labels[:, len(TYPES) :].any(axis=0))]
    if absent:
        deviations.append(f"no punk has {', '.join(absent[:MAX_NAMED])}")
    if sorted(column_to_numpy(punks.column("punk_id")).tolist()) != list(range(COLLECTION_SIZE)):
        deviations.append("the punk ids are not 0 to 9999")
    distinct = len(set(punks.column("pixels_sha256").to_pylist()))
    if distinct != COLLECTION_SIZE:
        deviations.append(f"only {distinct:,} images are distinct")
    if deviations:
        more = len(deviations) - MAX_NAMED
        shown = deviations[:MAX_NAMED] + ([f"and {more} more differences"] if more > 0 else [])
        raise DataError("; ".join(shown))


def _compare(name: str, found: Mapping[Any, int], known: Mapping[Any, int]) -> list[str]:
    keys = [*known, *(key for key in found if key not in known)]
    return [
        f"{found.get(key, 0):,} instead of {known.get(key, 0):,} {name.format(key)}"
        for key in keys
        if found.get(key, 0) != known.get(key, 0)
    ]

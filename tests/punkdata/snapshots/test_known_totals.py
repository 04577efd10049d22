from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from punkdata.errors import DataError
from punkdata.snapshots.known_totals import (
    COLLECTION_SIZE,
    KNOWN_ACCESSORIES_PER_PUNK,
    KNOWN_TYPES,
    check_known_totals,
)
from punkdata.traits import ACCESSORIES, LABELS, TYPES


def make_labels() -> np.ndarray:
    """Return label vectors (10000, 92) with the known totals, but no real combinations."""
    labels = np.zeros((COLLECTION_SIZE, len(LABELS)), np.uint8)
    types = np.repeat([TYPES.index(name) for name in KNOWN_TYPES], list(KNOWN_TYPES.values()))
    labels[np.arange(COLLECTION_SIZE), types] = 1
    counts = np.repeat(list(KNOWN_ACCESSORIES_PER_PUNK), list(KNOWN_ACCESSORIES_PER_PUNK.values()))
    for punk_id, count in enumerate(counts.tolist()):
        worn = (punk_id + 11 * np.arange(count)) % len(ACCESSORIES)
        labels[punk_id, len(TYPES) + worn] = 1
    return labels


def make_table(labels: np.ndarray, first_id: int = 0, hashes: list[str] | None = None) -> pa.Table:
    ids = pa.array(np.arange(first_id, first_id + len(labels), dtype=np.int32))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(labels.ravel()), len(LABELS))
    hashes = hashes or [f"{i:064x}" for i in range(len(labels))]
    return pa.table({"punk_id": ids, "labels": vectors, "pixels_sha256": hashes})


def find_deviations(table: pa.Table) -> str:
    with pytest.raises(DataError) as caught:
        check_known_totals(table)
    return caught.value.message


def test_known_totals_are_accepted() -> None:
    check_known_totals(make_table(make_labels()))


def test_every_deviation_is_named() -> None:
    labels = make_labels()
    labels[0, :5] = labels[-1, :5]  # An Alien becomes a Zombie.
    labels[0, 5] = 1  # A punk without accessories gets one.
    hashes = ["0" * 64] * 2 + [f"{i:064x}" for i in range(2, COLLECTION_SIZE)]
    assert find_deviations(make_table(labels, hashes=hashes)) == (
        "8 instead of 9 punks of the type Alien; 89 instead of 88 punks of the type Zombie; "
        "7 instead of 8 punks with 0 accessories; 334 instead of 333 punks with 1 accessories; "
        "only 9,999 images are distinct"
    )
    assert find_deviations(make_table(make_labels(), 1)) == "the punk ids are not 0 to 9999"


def test_long_list_of_deviations_is_shortened() -> None:
    labels = make_labels()
    labels[:, len(TYPES) :] = 0
    assert find_deviations(make_table(labels)) == (
        "10,000 instead of 8 punks with 0 accessories; 0 instead of 333 punks with 1 accessories; "
        "0 instead of 3,560 punks with 2 accessories; 0 instead of 4,501 punks with 3 accessories; "
        "0 instead of 1,420 punks with 4 accessories; and 4 more differences"
    )

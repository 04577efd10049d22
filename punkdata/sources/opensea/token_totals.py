"""Comparison of the collected tokens with the totals and the trait counts that the API reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.collected_punks import CollectedPunks
from punkdata.sources.opensea.parsing import (
    find_label_problem,
    parse_collection_punk_id,
    parse_labels,
)
from punkdata.sources.opensea.schemas import Collection, TraitCounts
from punkdata.traits import ACCESSORIES, TYPES, find_label


def sum_type_counts(counts: TraitCounts) -> int:
    """Return the number of tokens according to the counts of their types, 0 if unknown."""
    return sum(
        n
        for kind, values in counts.counts.items()
        for n in values.values()
        if kind.casefold() == "type" and isinstance(n, int)
    )


def check_totals(punks: CollectedPunks, collection: Collection) -> None:
    """Add a warning for each total of the API that differs from the number of tokens in `punks`."""
    num_known = len(punks.labels) + len(punks.missing)
    totals = {
        "total_supply": collection.total_supply,
        "unique_item_count": collection.unique_item_count,
    }
    for name, total in totals.items():
        if total and total != num_known:
            punks.warnings.append(
                f"the API reports {total:,} tokens ({name}), but there are {num_known:,}"
            )
    if not any(totals.values()):
        punks.warnings.append(
            "the API reports no total, so the number of tokens cannot be compared with it"
        )


def check_trait_counts(client: OpenSeaClient, punks: CollectedPunks, counts: TraitCounts) -> None:
    """Compare the labels with the reported counts. Adds a warning to `punks` per difference.

    If too few punks have a label, the punks that the API lists with it are requested again.
    """
    num_with_label = Counter(
        name for kind, names in punks.labels.values() for name in (kind, *names)
    )
    for (kind, value), reported in _iter_counts(counts):
        label = find_label(value)
        if label is None or not isinstance(reported, int):
            if not re.fullmatch(r"\d attributes?", value, re.IGNORECASE):
                punks.warnings.append(f"the API counts an unknown {kind} {value[:40]!r}")
            continue
        found = num_with_label.pop(label, 0)
        if found < reported - len(punks.missing):
            found = _complete_trait(client, punks, (kind, value), label, reported)
        if found != reported:
            punks.warnings.append(
                f"the API counts {reported:,} punks with {label}, but lists {found:,}"
            )
    if any(kind.casefold() == "accessory" for kind in counts.counts):
        for label in (*TYPES, *ACCESSORIES):
            if label in num_with_label:
                punks.warnings.append(
                    f"the API does not count {label}, but lists {num_with_label[label]:,}"
                )


def _iter_counts(counts: TraitCounts) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield ((trait type, value), count) for the types and the accessories."""
    for kind, values in counts.counts.items():
        if kind.casefold() in ("type", "accessory"):
            for value, count in values.items():
                yield (kind, value), count


def _complete_trait(
    client: OpenSeaClient,
    punks: CollectedPunks,
    trait: tuple[str, str],
    label: str,
    reported: int,
) -> int:
    """Request again the punks that the API lists with a trait but whose own traits lack it.

    Punks whose traits still lack it are moved to `punks.missing`.

    Returns the number of punks that have the label afterwards.
    """
    listed: set[int] = set()
    for page in client.iter_nfts(traits=[trait]):
        if page is None:
            listed.clear()
        ids = (parse_collection_punk_id(nft, punks.contract) for nft in page or ())
        listed |= {punk_id for punk_id in ids if punk_id in punks.labels}
        if len(listed) > reported:  # The API ignores the filter, so the list means nothing.
            listed.clear()
            break
    for punk_id in sorted(listed):
        punk_type, accessories = punks.labels[punk_id]
        if label in (punk_type, *accessories):
            continue
        nft = client.get_nft(punk_id, punks.chain, punks.contract)
        labels = parse_labels(nft) if nft and not find_label_problem(nft) else None
        if labels and label in (labels[0], *labels[1]):
            punks.labels[punk_id] = labels
        else:
            del punks.labels[punk_id], punks.image_urls[punk_id]
            punks.missing[punk_id] = f"is listed with {label}, which its own traits do not include"
    return sum(label in (kind, *names) for kind, names in punks.labels.values())

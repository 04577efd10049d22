"""What changed between two snapshots."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from punkdata.schema import VERSIONED_SALE_COLUMNS
from punkdata.snapshots.reader import Snapshot

# Encodings of what other columns say; comparing them would only say it again.
_DERIVED = {"type_id", "accessory_ids", "labels", "accessory_count", "image", "last_sale_wei"}


@dataclass(frozen=True)
class SnapshotDiff:
    """From one snapshot to another. All empty or 0 where nothing differs."""

    added: list[int]
    """punk_ids that only the second has"""
    removed: list[int]
    changed: dict[str, dict[int, tuple[Any, Any]]]
    """column -> punk_id -> what stood there before and what now"""
    sales_added: int
    sales_removed: int
    schema: list[str]
    """columns and tables that one of them lacks or has otherwise, in words"""

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def compare_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare rows, prices, sales and schema.

    Raises:
        DataError: a file of one of them is missing or damaged.
    """
    ours, theirs = before.punks(), after.punks()
    names = [
        name
        for name in ours.column_names
        if name in theirs.column_names and name not in _DERIVED | {"punk_id"}
    ]
    old, new = _by_id(ours, names), _by_id(theirs, names)
    changed: dict[str, dict[int, tuple[Any, Any]]] = {name: {} for name in names}
    for punk_id in sorted(old.keys() & new.keys()):
        for name, was, now in zip(names, old[punk_id], new[punk_id], strict=True):
            if was != now:
                changed[name][punk_id] = (was, now)
    schema = _schema_changes(before, after, ours, theirs)
    sales_before, sales_after = before.sales(), after.sales()
    added = removed = 0
    if sales_before is not None and sales_after is not None:
        was, now = _sale_rows(sales_before), _sale_rows(sales_after)
        added, removed = (now - was).total(), (was - now).total()
    elif (sales_before is None) != (sales_after is None):
        first, second = ("not known", "known") if sales_before is None else ("known", "not known")
        schema.append(f"sales were {first}, and are {second} now")
    return SnapshotDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed={name: rows for name, rows in changed.items() if rows},
        sales_added=added,
        sales_removed=removed,
        schema=schema,
    )


def _by_id(punks: pa.Table, names: list[str]) -> dict[int, tuple[Any, ...]]:
    ids = punks.column("punk_id").to_pylist()
    columns = [punks.column(name).to_pylist() for name in names]
    return dict(zip(ids, zip(*columns, strict=True), strict=True))


def _sale_rows(sales: pa.Table) -> Counter[tuple[Any, ...]]:
    names = [name for name in VERSIONED_SALE_COLUMNS if name in sales.column_names]
    return Counter(tuple(row.values()) for row in sales.select(names).to_pylist())


def _schema_changes(
    before: Snapshot, after: Snapshot, ours: pa.Table, theirs: pa.Table
) -> list[str]:
    first, second = before.manifest.schema_version, after.manifest.schema_version
    changes = [] if first == second else [f"schema {first} became {second}"]
    old, new = (
        dict(zip(t.column_names, map(str, t.schema.types), strict=True)) for t in (ours, theirs)
    )
    changes += [f"column {name} is new" for name in new if name not in old]
    changes += [f"column {name} is gone" for name in old if name not in new]
    changes += [
        f"column {name} was {old[name]} and is {new[name]}"
        for name in old
        if name in new and old[name] != new[name]
    ]
    return changes

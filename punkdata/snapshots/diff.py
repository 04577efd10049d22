"""Comparison of two snapshots: punks, labels, pixels, prices, sales and schema."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from punkdata.schema import VERSIONED_SALE_COLUMNS
from punkdata.snapshots.reader import Snapshot

_DERIVED_COLUMNS = {
    *("type_id", "accessory_ids", "labels", "accessory_count", "image", "last_sale_wei"),
}
"""Columns that are not compared, because they encode others that are."""


@dataclass(frozen=True)
class SnapshotDiff:
    """The differences between two snapshots. Its truth value is False if there are none."""

    added: list[int]
    """Ids of punks that only the second snapshot has."""
    removed: list[int]
    """Ids of punks that only the first snapshot has."""
    changed: dict[str, dict[int, tuple[Any, Any]]]
    """Old and new value of each changed cell, by column and punk_id."""
    sales_added: int
    """Number of sales that only the second snapshot has."""
    sales_removed: int
    """Number of sales that only the first snapshot has."""
    schema: list[str]
    """Messages about columns and tables that were added, removed or changed."""

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def compare_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare the rows, prices, sales and schema of two snapshots.

    Raises:
        DataError: A file of one of them is missing or damaged.
    """
    old_punks, new_punks = before.punks(), after.punks()
    schema = _compare_schemas(before, after, old_punks, new_punks)
    names = [
        name
        for name in old_punks.column_names
        if name in new_punks.column_names and name not in _DERIVED_COLUMNS | {"punk_id"}
    ]
    old, new = _rows_by_id(old_punks, names), _rows_by_id(new_punks, names)
    changed: dict[str, dict[int, tuple[Any, Any]]] = {name: {} for name in names}
    for punk_id in sorted(old.keys() & new.keys()):
        for name, old_value, new_value in zip(names, old[punk_id], new[punk_id], strict=True):
            if old_value != new_value:
                changed[name][punk_id] = (old_value, new_value)
    old_sales, new_sales = before.sales(), after.sales()
    sales_added = sales_removed = 0
    if old_sales is not None and new_sales is not None:
        old_counts, new_counts = _count_sales(old_sales), _count_sales(new_sales)
        sales_added = (new_counts - old_counts).total()
        sales_removed = (old_counts - new_counts).total()
    elif (old_sales is None) != (new_sales is None):
        schema.append(f"the sales table was {'added' if old_sales is None else 'removed'}")
    return SnapshotDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed={name: rows for name, rows in changed.items() if rows},
        sales_added=sales_added,
        sales_removed=sales_removed,
        schema=schema,
    )


def _rows_by_id(punks: pa.Table, names: list[str]) -> dict[int, tuple[Any, ...]]:
    """Return the values of the given columns by punk_id."""
    ids = punks.column("punk_id").to_pylist()
    columns = [punks.column(name).to_pylist() for name in names]
    return dict(zip(ids, zip(*columns, strict=True), strict=True))


def _count_sales(sales: pa.Table) -> Counter[tuple[Any, ...]]:
    """Return how often each distinct row occurs."""
    names = [name for name in VERSIONED_SALE_COLUMNS if name in sales.column_names]
    return Counter(tuple(row.values()) for row in sales.select(names).to_pylist())


def _compare_schemas(
    before: Snapshot, after: Snapshot, old_punks: pa.Table, new_punks: pa.Table
) -> list[str]:
    """Return one message for each difference between the schemas of the punks tables."""
    first, second = before.manifest.schema_version, after.manifest.schema_version
    changes = [] if first == second else [f"schema {first} became schema {second}"]
    old, new = (
        dict(zip(table.column_names, map(str, table.schema.types), strict=True))
        for table in (old_punks, new_punks)
    )
    changes += [f"column {name} was added" for name in new if name not in old]
    changes += [f"column {name} was removed" for name in old if name not in new]
    changes += [
        f"column {name} changed its type from {old[name]} to {new[name]}"
        for name in old
        if name in new and old[name] != new[name]
    ]
    return changes

"""Comparison of two snapshots: punks, labels, pixels, prices, sales and schema."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import VERSIONED_SALE_COLUMNS

_DERIVED_COLUMNS = {
    *("type_id", "accessory_ids", "labels", "accessory_count", "image", "last_sale_wei")
}
"""Columns that are not compared, because they encode others that are."""


@dataclass(frozen=True)
class SnapshotDiff:
    """The differences between two snapshots. Its truth value is False if there are none.

    `added` and `removed` are punk_ids. `changed` has the old and the new value of changed cells, by
    column and punk_id. `schema` has messages about columns and tables.
    """

    added: list[int]
    removed: list[int]
    changed: dict[str, dict[int, tuple[Any, Any]]]
    sales_added: int
    sales_removed: int
    schema: list[str]

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def compare_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare the rows, prices, sales and schema of two snapshots."""
    old_punks, new_punks = before.punks(), after.punks()
    shared = set(new_punks.column_names) - _DERIVED_COLUMNS
    names = [name for name in old_punks.column_names if name in shared]
    old, new = (
        {row["punk_id"]: row for row in punks.select(names).to_pylist()}
        for punks in (old_punks, new_punks)
    )
    changed: dict[str, dict[int, tuple[Any, Any]]] = {}
    for name in names:
        cells = {i: (old[i][name], new[i][name]) for i in sorted(old.keys() & new.keys())}
        if cells := {i: (a, b) for i, (a, b) in cells.items() if a != b}:
            changed[name] = cells
    schema = _compare_schemas(old_punks.schema, new_punks.schema)
    versions = before.manifest.schema_version, after.manifest.schema_version
    if versions[0] != versions[1]:
        schema.insert(0, "schema {} became schema {}".format(*versions))
    old_sales, new_sales = before.sales(), after.sales()
    if (old_sales is None) != (new_sales is None):
        schema.append(f"the sales table was {'added' if old_sales is None else 'removed'}")
        old_sales = new_sales = None
    old_counts, new_counts = _count_sales(old_sales), _count_sales(new_sales)
    return SnapshotDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed=changed,
        sales_added=(new_counts - old_counts).total(),
        sales_removed=(old_counts - new_counts).total(),
        schema=schema,
    )


def _compare_schemas(old: pa.Schema, new: pa.Schema) -> list[str]:
    changes = [f"column {name} was added" for name in new.names if name not in old.names]
    changes += [f"column {name} was removed" for name in old.names if name not in new.names]
    for field in old:
        if field.name in new.names and (found := new.field(field.name).type) != field.type:
            changes.append(f"column {field.name} changed its type from {field.type} to {found}")
    return changes


def _count_sales(sales: pa.Table | None) -> Counter[tuple[Any, ...]]:
    """Return how often each distinct row occurs."""
    if sales is None:
        return Counter()
    names = [name for name in VERSIONED_SALE_COLUMNS if name in sales.column_names]
    return Counter(tuple(row.values()) for row in sales.select(names).to_pylist())

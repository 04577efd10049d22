"""Comparison of two snapshots: punks, labels, pixels, prices, sales, listings and schema."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import VERSIONED_LISTING_COLUMNS, VERSIONED_SALE_COLUMNS

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
    listings_added: int
    listings_removed: int
    schema: list[str]

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def compare_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare the rows, prices, sales, listings and schema of two snapshots."""
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
    sales = _compare_rows(before.sales(), after.sales(), VERSIONED_SALE_COLUMNS)
    listings = _compare_rows(before.listings(), after.listings(), VERSIONED_LISTING_COLUMNS)
    schema += [
        f"the {name} table was {'added' if old is None else 'removed'}"
        for name, old, new in (
            ("sales", before.manifest.sales, after.manifest.sales),
            ("listings", before.manifest.listings, after.manifest.listings),
        )
        if (old is None) != (new is None)
    ]
    return SnapshotDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed=changed,
        sales_added=sales[0],
        sales_removed=sales[1],
        listings_added=listings[0],
        listings_removed=listings[1],
        schema=schema,
    )


def _compare_schemas(old: pa.Schema, new: pa.Schema) -> list[str]:
    changes = [f"column {name} was added" for name in new.names if name not in old.names]
    changes += [f"column {name} was removed" for name in old.names if name not in new.names]
    for field in old:
        if field.name in new.names and (found := new.field(field.name).type) != field.type:
            changes.append(f"column {field.name} changed its type from {field.type} to {found}")
    return changes


def _compare_rows(
    old: pa.Table | None, new: pa.Table | None, columns: list[str]
) -> tuple[int, int]:
    """Return the numbers of added and removed rows; (0, 0) unless both snapshots have the table."""
    if old is None or new is None:
        return 0, 0
    old_rows, new_rows = _count_rows(old, columns), _count_rows(new, columns)
    return (new_rows - old_rows).total(), (old_rows - new_rows).total()


def _count_rows(table: pa.Table, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """Return how often each distinct row occurs, comparing only these columns."""
    names = [name for name in columns if name in table.column_names]
    return Counter(tuple(row.values()) for row in table.select(names).to_pylist())

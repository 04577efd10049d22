"""Comparison of two snapshots: punks, labels, pixels, all other tables, and schema."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import VERSIONED_COLUMNS

_DERIVED_COLUMNS = {
    *("type_id", "accessory_ids", "labels", "accessory_count", "image", "last_sale_wei"),
    *("rarity_score", "rarity_rank", "owner_punk_count", "part_mask"),
}
"""Columns that are not compared, because they encode others that are."""


@dataclass(frozen=True)
class SnapshotDiff:
    """The differences between two snapshots. Its truth value is False if there are none.

    `added` and `removed` are punk_ids. `changed` has the old and the new value of changed cells, by
    column and punk_id. `rows` has the numbers of added and removed rows of each other table that
    both snapshots have. `schema` has messages about columns and tables.
    """

    added: list[int]
    removed: list[int]
    changed: dict[str, dict[int, tuple[Any, Any]]]
    rows: dict[str, tuple[int, int]]
    schema: list[str]

    def __bool__(self) -> bool:
        tables = (count for counts in self.rows.values() for count in counts)
        return any((self.added, self.removed, self.changed, self.schema, *tables))


def compare_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare the rows of all tables and the schema of two snapshots."""
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
    tables = before.manifest.tables, after.manifest.tables
    schema += [f"the table {name} was added" for name in tables[1] if name not in tables[0]]
    schema += [f"the table {name} was removed" for name in tables[0] if name not in tables[1]]
    rows = {
        name: _compare_rows(getattr(before, name)(), getattr(after, name)(), columns)
        for name, columns in VERSIONED_COLUMNS.items()
        if name in tables[0] and name in tables[1]
    }
    return SnapshotDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed=changed,
        rows=rows,
        schema=schema,
    )


def _compare_schemas(old: pa.Schema, new: pa.Schema) -> list[str]:
    changes = [f"column {name} was added" for name in new.names if name not in old.names]
    changes += [f"column {name} was removed" for name in old.names if name not in new.names]
    for field in old:
        if field.name in new.names and (found := new.field(field.name).type) != field.type:
            changes.append(f"column {field.name} changed its type from {field.type} to {found}")
    return changes


def _compare_rows(old: pa.Table, new: pa.Table, columns: list[str]) -> tuple[int, int]:
    """Return the numbers of added and removed rows, comparing only these columns."""
    old_rows, new_rows = _count_rows(old, columns), _count_rows(new, columns)
    return (new_rows - old_rows).total(), (old_rows - new_rows).total()


def _count_rows(table: pa.Table, columns: list[str]) -> Counter[tuple[Any, ...]]:
    """Return how often each distinct row occurs, comparing only these columns."""
    names = [name for name in columns if name in table.column_names]
    return Counter(tuple(row.values()) for row in table.select(names).to_pylist())

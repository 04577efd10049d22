"""The columns that snapshots of older schemas lack, computed from those that they have.

Readers therefore see the columns of the current schema in every snapshot. What cannot be computed
is null.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from punkdata.rarity import rarity_ranks, rarity_scores
from punkdata.schema import ADDED_IN_SCHEMA, PUNKS, SALE_FLAGS, SALES
from punkdata.snapshots.prices import MAIN_MARKET
from punkdata.snapshots.sale_flags import find_flags
from punkdata.snapshots.tables import extract_labels

_ADDED = frozenset(name for name, schema in ADDED_IN_SCHEMA.items() if schema == 3)

Columns: TypeAlias = "list[str] | None"


def upgrade_punks(
    read: Callable[[Columns], pa.Table],
    read_split: Callable[[str, Columns], pa.Table],
    columns: Columns,
) -> pa.Table:
    """Return these columns of the rows that `read` reads from an older snapshot; None is all.

    `read_split` reads the punks of a split.
    """
    if columns is not None and not _ADDED.intersection(columns):
        return read(columns)
    stored = None if columns is None else list({"punk_id", *columns} - _ADDED)
    rows = add_punk_columns(read(stored), read_split("all", ["punk_id", "labels"]))
    return rows if columns is None else rows.select(columns)


def upgrade_sales(
    read: Callable[[Columns], pa.Table | None],
    read_split: Callable[[str, Columns], pa.Table],
    columns: Columns,
) -> pa.Table | None:
    """Return these columns of the sales of an older snapshot, as `upgrade_punks` does."""
    if columns is not None and not _ADDED.intersection(columns):
        return read(columns)
    sales = read(None)
    if sales is None:
        return None
    rows = add_sale_columns(sales, read_split("all", ["punk_id", "type"]))
    return rows if columns is None else rows.select(columns)


def add_punk_columns(punks: pa.Table, everyone: pa.Table) -> pa.Table:
    """Return punks with the columns that schema 3 added, in the order of the schema.

    Rarity is relative to all punks of the snapshot: `everyone` has their punk_id and labels.
    """
    scores = rarity_scores(extract_labels(everyone))
    ranks = rarity_ranks(scores)
    row_by_id = {id_: row for row, id_ in enumerate(everyone.column("punk_id").to_pylist())}
    rows = [row_by_id[punk_id] for punk_id in punks.column("punk_id").to_pylist()]
    columns: dict[str, Sequence[Any]] = {
        "rarity_score": scores[rows].tolist(),
        "rarity_rank": ranks[rows].tolist(),
        "owner": [None] * len(rows),
        "owner_punk_count": [None] * len(rows),
    }
    return _add_columns(punks, columns, PUNKS)


def add_sale_columns(sales: pa.Table, punks: pa.Table) -> pa.Table:
    """Return sales with the columns that schema 3 added, in the order of the schema.

    Before schema 3, all sales were of one market. `punks` has the columns punk_id and type.
    """
    types = dict(zip(*punks.select(["punk_id", "type"]).to_pydict().values(), strict=True))
    rows: list[dict[str, Any]] = [row | {"market": MAIN_MARKET} for row in sales.to_pylist()]
    flags = find_flags(rows, types)
    columns: dict[str, Sequence[Any]] = {
        name: [flag[name] for flag in flags] for name in SALE_FLAGS
    }
    columns |= {"market": [MAIN_MARKET] * len(rows), "price_usd": [None] * len(rows)}
    return _add_columns(sales, columns, SALES)


def _add_columns(
    table: pa.Table, columns: Mapping[str, Sequence[Any]], schema: pa.Schema
) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(schema.field(name), pa.array(values, schema.field(name).type))
    known = [name for name in schema.names if name in table.column_names]
    return table.select([*known, *(n for n in table.column_names if n not in known)])

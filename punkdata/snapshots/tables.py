"""Conversions of the tables of a snapshot: to sprites, label vectors, counts and content hashes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.extras import translate_missing_package
from punkdata.files import DEFAULT_COLLECTION
from punkdata.images.sprite import decode_sprites
from punkdata.schema import (
    ADDED_IN_SCHEMA,
    NO_LABEL,
    OPTIONAL_TABLES,
    PUNKS,
    SALE_FLAGS,
    SCHEMA_VERSION,
)
from punkdata.snapshots.manifest import SalesSummary
from punkdata.splits import SPLIT_COLUMNS, SPLITS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, LABELS, TYPES

if TYPE_CHECKING:
    import pandas as pd

_ALLOWED_VALUES = {
    "type": TYPES,
    "accessories": ACCESSORIES,
    "label": LABELS,
    "hidden_accessories": ACCESSORIES,
    **dict.fromkeys(SPLIT_COLUMNS.values(), SPLITS),
    "part_mask": (*range(len(LABELS)), NO_LABEL),
}
"""Valid values of each column that contains names or labels."""
VERSIONED_PUNK_COLUMNS = [
    *("punk_id", "type", "accessories", "hidden_accessories", "split", "split_by_id"),
    *("pixels_sha256", "sale_count", "last_sale_wei", "last_sold_at", "lowest_listing_eth"),
    "owner",
]
"""Columns of the punks table that enter the version of a snapshot; the others follow from them."""
_DERIVED_COLUMNS = {"price_eth", "price_usd", *SALE_FLAGS}
VERSIONED_COLUMNS = {
    table: [n for n in schema.names if n not in _DERIVED_COLUMNS or table == "floor_prices"]
    for table, schema in OPTIONAL_TABLES.items()
}
"""Columns of the other tables that enter the version of a snapshot, by table."""
_LABEL_COLUMNS = ["punk_id", "type", "accessories", "split", "split_by_id", "pixels_sha256"]
"""Columns of the punks table that enter the labels hash."""
_REQUIRED = {
    *PUNKS.names[: PUNKS.names.index("owner")],
    *("sold_at", "market", "day", "usd_per_eth", "time", "label", "price"),
}
"""Columns that must not contain null: all of the punks but owners and prices, times and keys."""
_PATTERNS = {
    **dict.fromkeys(("pixels_sha256", "image_sha256"), ("a SHA-256 hash", "[0-9a-f]{64}")),
    "market": ("the name of a market", "[a-z0-9][a-z0-9-]{0,63}"),
    "owner": ("an address", "0x[0-9a-f]{40}"),
}
"""What a column of text has, and its pattern, for columns that could otherwise bring any text into
exports and messages."""
_RANGES: dict[str, tuple[int, int | None]] = {
    "punk_id": (0, None),
    "type_id": (0, len(TYPES) - 1),
    "accessory_ids": (0, len(ACCESSORIES) - 1),
    "accessory_count": (0, len(ACCESSORIES)),
    "labels": (0, 1),
    "rarity_rank": (1, None),
    "owner_punk_count": (1, None),
    "sale_count": (0, None),
    "decimals": (0, None),
}
"""Smallest and largest valid value of integer columns. Prices and other measures are at least 0."""
_LAST_TIME_MS = 2**32 * 1000
"""The year 2106. A fetch reads no later times, and charts and pandas fail at much later ones."""
_MAX_FLOAT = 10**100
"""Limit of prices and other measures, whose sums and ratios would otherwise become infinite. A
fetch reads only numbers below 1e78."""


def column_to_numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return a numeric column without nulls as a read-only array of shape (N,).

    pyarrow's own `to_numpy` imports pandas, which takes longer than reading all punks.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return np.from_dlpack(column)


def validate_values(table: pa.Table, schema: pa.Schema) -> None:
    """Raise DataError unless rows that anyone may have written have valid values.

    These are the properties that readers rely on; `punkdata verify` checks whether the values are
    correct. The table may lack columns of the schema, and columns that the schema lacks may have
    any value.
    """
    for name in schema.names:
        if name not in table.column_names:
            continue
        values = table.column(name).combine_chunks()
        has_null = name in _REQUIRED and values.null_count > 0
        if name == "image":
            values = values.field("bytes")
            has_null |= values.null_count > 0
        elif hasattr(values.type, "value_type"):
            values = values.flatten()
            has_null |= values.null_count > 0  # A list may be null, but not an item of a list.
        if has_null:
            raise DataError(f"the column {name} contains null")
        if name in _ALLOWED_VALUES:
            unknown = set(values.unique().to_pylist()).difference(_ALLOWED_VALUES[name])
            if unknown:
                raise DataError(f"the column {name} contains the unknown value {min(unknown)!r}")
        if name in _PATTERNS:
            what, pattern = _PATTERNS[name]
            is_valid = pc.match_substring_regex(values, f"^{pattern}$")
            if not pc.all(is_valid, min_count=0).as_py():
                raise DataError(f"the column {name} contains a value that is not {what}")
        _check_numbers(name, values)


def _check_numbers(name: str, values: pa.Array) -> None:
    """Raise DataError if numbers or times are not finite or not in their range."""
    if pa.types.is_floating(values.type):
        if not pc.all(pc.is_finite(values), min_count=0).as_py():
            raise DataError(f"the column {name} contains a value that is not a finite number")
        low, high = 0, _MAX_FLOAT
    elif pa.types.is_decimal(values.type):
        low, high = 0, None
    elif pa.types.is_timestamp(values.type):
        values, low, high = values.cast(pa.int64()), 0, _LAST_TIME_MS
    elif name in _RANGES:
        low, high = _RANGES[name]
    else:
        return
    least, greatest = pc.min_max(values).as_py().values()
    if least is not None and (least < low or (high is not None and greatest > high)):
        raise DataError(f"the column {name} has invalid values: {least} to {greatest}")


def extract_sprites(punks: pa.Table) -> NDArray[np.uint8]:
    """Decode the column `image` to RGBA sprites, uint8 (N, 24, 24, 4).

    Raises DataError if an image is damaged, or was not written by punkdata.
    """
    return decode_sprites(punks.column("image").combine_chunks().field("bytes").to_pylist())


def extract_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """Return the column `labels` as 0 and 1, uint8 (N, 92), in the order of `LABELS`."""
    labels: NDArray[np.uint8] = column_to_numpy(punks.column("labels").combine_chunks().flatten())
    return labels.reshape(-1, len(LABELS))


def extract_hidden_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """Return the column `hidden_accessories` as label vectors, uint8 (N, 92), 1 where hidden.

    Raises DataError if the table lacks the column, which schema 1 does not have.
    """
    if "hidden_accessories" not in punks.column_names:
        raise DataError(
            "the snapshot has no column hidden_accessories",
            hint="build it again with: punkdata build-dataset",
        )
    rows = punks.column("hidden_accessories").to_pylist()
    hidden = np.zeros((len(rows), len(LABELS)), np.uint8)
    for row, names in enumerate(rows):
        hidden[row, [len(TYPES) + ACCESSORY_IDS[name] for name in names]] = 1
    return hidden


def punks_to_pandas(punks: pa.Table) -> pd.DataFrame:
    """Return rows of punks as a DataFrame, indexed by punk_id; sale counts are Int64.

    Raises MissingExtraError, an ImportError, without pandas.
    """
    with translate_missing_package("to_pandas()"):
        frame: pd.DataFrame = punks.to_pandas().set_index("punk_id")
    # By default, pandas would show sale counts as floats if some of them are unknown.
    return frame.astype({"sale_count": "Int64"})


def summarize_tables(
    tables: Mapping[str, pa.Table],
    missing: Iterable[str] = (),
    schema: int = SCHEMA_VERSION,
    *,
    lost_sales: int = 0,
) -> dict[str, Any]:
    """Return the fields of a manifest that follow from the rows.

    The version `s<schema>-<12 hex>` does not depend on the order of the punks, the times of
    fetching and building, tool versions, Parquet and PNG bytes, or image URLs. Columns that were
    added after `schema` are left out. The labels hash, on which trained weights depend, covers
    labels, splits and pixels, so it stays the same when only sales are added. `tables` are all
    tables that the snapshot has, with the sales ordered from the oldest; `missing` are the punk_ids
    without a row, and `lost_sales` is the number of sales that could not be read.
    """
    punks = tables["punks"]
    version = hashlib.sha256(json.dumps([schema, DEFAULT_COLLECTION, LABELS]).encode())
    _hash_columns(version, punks.sort_by("punk_id"), VERSIONED_PUNK_COLUMNS, schema)
    # The version of a partial snapshot differs from that of a complete one with the same rows.
    for punk_id in sorted(missing):
        version.update(f"missing {punk_id}\n".encode())
    version.update(b"sales\n" if "sales" in tables else b"sales not known\n")
    if "sales" in tables:
        _hash_columns(version, tables["sales"], VERSIONED_COLUMNS["sales"], schema)
    # A snapshot without these has the version that it had before they were introduced.
    if lost_sales:
        version.update(f"lost sales {lost_sales}\n".encode())
    for name in [name for name in OPTIONAL_TABLES if name != "sales" and name in tables]:
        version.update(f"{name}\n".encode())
        _hash_columns(version, tables[name], VERSIONED_COLUMNS[name], schema)
    labels_hash = hashlib.sha256(json.dumps(LABELS).encode())
    _hash_columns(labels_hash, punks.sort_by("punk_id"), _LABEL_COLUMNS, schema)
    support = extract_labels(punks).sum(axis=0, dtype=int).tolist()
    per_punk = np.bincount(column_to_numpy(punks.column("accessory_count"))).tolist()
    return {
        "version": f"s{schema}-{version.hexdigest()[:12]}",
        "labels_hash": labels_hash.hexdigest(),
        "punks": len(punks),
        "tables": {name: len(tables[name]) for name in OPTIONAL_TABLES if name in tables},
        "sales": summarize_sales_table(tables.get("sales"), tables.get("eth_usd"), schema),
        "splits": {
            scheme: {split: punks.column(column).to_pylist().count(split) for split in SPLITS}
            for scheme, column in SPLIT_COLUMNS.items()
        },
        "labels": dict(zip(LABELS, support, strict=True)),
        "accessories_per_punk": {str(i): n for i, n in enumerate(per_punk)},
    }


def summarize_sales_table(
    sales: pa.Table | None, eth_usd: pa.Table | None, schema: int
) -> SalesSummary | None:
    """Return the summary of the sales for the manifest; None if the source provides none."""
    if sales is None:
        return None
    ends = pc.min_max(sales.column("sold_at")).as_py()
    first, last = (time and time.isoformat() for time in ends.values())
    summary = SalesSummary(count=len(sales), first_sold_at=first, last_sold_at=last)
    if schema < 3:
        return summary
    markets = Counter(sales.column("market").to_pylist())
    days = [] if eth_usd is None else eth_usd.column("day").to_pylist()
    return summary.model_copy(
        update={
            "markets": dict(sorted(markets.items())),
            "flagged": {name: pc.sum(sales.column(name)).as_py() or 0 for name in SALE_FLAGS},
            "usd_from": min(days).date().isoformat() if days else None,
        }
    )


def _hash_columns(digest: Any, table: pa.Table, columns: list[str], schema: int) -> None:
    """Update a hashlib digest with one JSON array per row, of the columns that a schema has."""
    names = [name for name in columns if ADDED_IN_SCHEMA.get(name, 1) <= schema]
    for row in table.select(names).to_pylist():
        line = json.dumps(list(row.values()), default=_to_json, separators=(",", ":"))
        digest.update(line.encode() + b"\n")


def _to_json(value: Decimal | datetime) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(int(value.timestamp()))

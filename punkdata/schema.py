"""Arrow schemas and column descriptions of the tables in a snapshot, from `data/columns.toml`.

Null means that a value is unknown or does not exist: a punk that was never sold has no last sale,
and one that is not listed has no listing. 0 and empty lists are known values.
"""

import json
import re
import tomllib
from importlib import resources
from typing import Any

import pyarrow as pa

from punkdata.traits import ACCESSORIES, TYPES

SALE_FLAGS = ("is_zero_amount", "is_other_currency", "is_bundle", "is_self_trade", "is_outlier")
"""Columns of the sales table that mark sales whose price says little about the value of a punk."""

SCHEMA_VERSION = 3
"""Number of the schema. It increases with every change that an older reader would misinterpret,
and readers reject snapshots with a larger number."""
ADDED_IN_SCHEMA = {
    "hidden_accessories": 2,
    **dict.fromkeys(("rarity_score", "rarity_rank", "owner", "owner_punk_count"), 3),
    **dict.fromkeys(("market", "price_usd", *SALE_FLAGS), 3),
}
"""Schema number in which a column was added, for each column that schema 1 does not have."""
OPTIONAL_COLUMNS = frozenset({"part_mask"})
"""Columns that a file of any schema may lack. They follow from other columns and were added without
a new schema number; readers return null for a column that is missing."""

NO_LABEL = 255
"""Value of the column `part_mask` where a punk is transparent."""

_ARROW_TYPES = {
    "list of string": pa.list_(pa.string()),
    "list of int64": pa.list_(pa.int64()),
    "struct of bytes and path": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
    "decimal128(38, 0)": pa.decimal128(38, 0),
    "timestamp, UTC": pa.timestamp("ms", tz="UTC"),  # whole seconds; Parquet has no coarser unit
}
"""Arrow types by the name that columns.toml gives them, except for lists of a fixed length, such as
"92 of uint8"; other names are Arrow's own."""
_CLASS_NAMES = {"type_id": TYPES, "accessory_ids": ACCESSORIES}

COLUMNS: dict[str, dict[str, tuple[str, str]]] = tomllib.loads(
    resources.files("punkdata").joinpath("data/columns.toml").read_text("utf-8")
)
"""Type and description of each column, by table (such as "punks") and name."""


def _make_schema(table: str) -> pa.Schema:
    # No field is marked non-nullable, because `datasets` ignores the class names and the image
    # type in the metadata of non-nullable fields.
    return pa.schema((name, _parse_type(kind)) for name, (kind, _) in COLUMNS[table].items())


def _parse_type(kind: str) -> pa.DataType:
    """Return the Arrow type that columns.toml calls `kind`."""
    if fixed := re.fullmatch(r"(\d+) of (\w+)", kind):
        return pa.list_(pa.type_for_alias(fixed[2]), int(fixed[1]))
    return _ARROW_TYPES.get(kind) or pa.type_for_alias(kind)


def _with_features(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the `huggingface` metadata, from which `datasets` takes features."""
    info = {"info": {"features": {field.name: _get_feature(field) for field in schema}}}
    return schema.with_metadata({"huggingface": json.dumps(info)})


def _get_feature(field: pa.Field) -> dict[str, Any]:
    """Return the feature of a column, as Hugging Face's `datasets` stores it."""
    if field.name == "image":
        return {"mode": "RGBA", "_type": "Image"}
    value_type = getattr(field.type, "value_type", field.type)
    dtype = str(value_type).replace("double", "float64")
    feature: dict[str, Any] = {"dtype": dtype, "_type": "Value"}
    if field.name in _CLASS_NAMES:
        feature = {"names": list(_CLASS_NAMES[field.name]), "_type": "ClassLabel"}
    if value_type is field.type:
        return feature
    # All versions of `datasets` support "Sequence"; "List" exists only since 4.0.
    length = getattr(field.type, "list_size", -1)
    return {"feature": feature, "length": length, "_type": "Sequence"}


PUNKS = _with_features(_make_schema("punks"))
"""Schema of the punks table, one row per punk."""
SALES = _with_features(_make_schema("sales"))
"""Schema of the sales table, one row per sale, oldest first."""
PROVENANCE = _make_schema("provenance")
"""Schema of the provenance table: where the image of each punk came from."""
OPTIONAL_TABLES = {
    "sales": SALES,
    **{
        name: _with_features(_make_schema(name))
        for name in ("listings", "eth_usd", "floor_prices", "trait_floors")
    },
}
"""Schemas of the tables that a snapshot has if its source provides them, by name.

The listings have one row per punk and currency, by punk_id; `eth_usd` one per day and
`floor_prices` one per time, oldest first; and `trait_floors` one per label and currency, by label.
"""
TABLES = {"punks": PUNKS, **OPTIONAL_TABLES, "provenance": PROVENANCE}
"""Schemas of all tables, by name."""

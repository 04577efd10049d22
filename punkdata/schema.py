"""The tables of a snapshot: the one place where a column is named.

`SCHEMA_VERSION` counts the changes that an older reader would misread; such a reader
refuses a newer snapshot by its number. Schema 2 added `hidden_accessories`.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from punkdata.traits import ACCESSORIES, LABELS, TYPES

SCHEMA_VERSION = 2

_WEI = pa.decimal128(38, 0)
_UTC = pa.timestamp("ms", tz="UTC")  # whole seconds; Parquet has no coarser unit

# Not known is null; known to be none is 0. No field is marked non-nullable, because
# `datasets` then ignores the class names and image type in the metadata below.
_PUNKS = pa.schema(
    [
        pa.field("punk_id", pa.int32()),
        pa.field("type", pa.string()),
        pa.field("type_id", pa.int64()),
        pa.field("accessories", pa.list_(pa.string())),
        pa.field("accessory_ids", pa.list_(pa.int64())),
        pa.field("accessory_count", pa.int8()),
        pa.field("hidden_accessories", pa.list_(pa.string())),
        pa.field("labels", pa.list_(pa.uint8(), len(LABELS))),
        pa.field("split", pa.string()),
        pa.field("split_by_id", pa.string()),
        pa.field("image", pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        pa.field("pixels_sha256", pa.string()),
        pa.field("sale_count", pa.int32()),
        pa.field("last_sale_wei", _WEI),
        pa.field("last_sale_eth", pa.float64()),
        pa.field("last_sold_at", _UTC),
        pa.field("median_sale_eth", pa.float64()),
        pa.field("highest_sale_eth", pa.float64()),
        pa.field("best_listing_eth", pa.float64()),
    ]
)

_SALES = pa.schema(
    [
        pa.field("punk_id", pa.int32()),
        pa.field("sold_at", _UTC),
        pa.field("amount", _WEI),
        pa.field("decimals", pa.int16()),
        pa.field("symbol", pa.string()),
        pa.field("token_address", pa.string()),
        pa.field("price_wei", _WEI),
        pa.field("price_eth", pa.float64()),
        pa.field("seller", pa.string()),
        pa.field("buyer", pa.string()),
        pa.field("buyer_is_zero", pa.bool_()),
        pa.field("transaction", pa.string()),
    ]
)

PROVENANCE = pa.schema(
    [
        pa.field("punk_id", pa.int32()),
        pa.field("image_url", pa.string()),
        pa.field("image_body", pa.string()),
        pa.field("image_scale", pa.float32()),
        pa.field("background", pa.string()),
        pa.field("image_confidence", pa.float32()),
    ]
)

VERSIONED_PUNK_COLUMNS = (
    "punk_id",
    "type",
    "accessories",
    "hidden_accessories",
    "split",
    "split_by_id",
    "pixels_sha256",
    "sale_count",
    "last_sale_wei",
    "last_sold_at",
    "best_listing_eth",
)
"""What a snapshot's version is computed from, with all columns of sales but `price_eth`.

The columns left out follow from these: encodings of the same labels, the PNG of the same
pixels, floats of the same integers.
"""
ADDED_IN_SCHEMA = {"hidden_accessories": 2}
"""columns that older snapshots lack -> the schema that added them"""
VERSIONED_SALE_COLUMNS = tuple(name for name in _SALES.names if name != "price_eth")

_CLASSES = {"type_id": TYPES, "accessory_ids": ACCESSORIES}


def _feature(field: pa.Field) -> dict[str, object]:
    """One entry of the `huggingface` metadata, from which `datasets` builds its features."""
    if field.name == "image":
        return {"mode": "RGBA", "_type": "Image"}
    kind: dict[str, object]
    inner = field.type.value_type if hasattr(field.type, "value_type") else field.type
    if field.name in _CLASSES:
        kind = {"names": list(_CLASSES[field.name]), "_type": "ClassLabel"}
    else:
        kind = {"dtype": _dtype_name(inner), "_type": "Value"}
    if inner is field.type:
        return kind
    length = getattr(field.type, "list_size", -1)
    # "Sequence" is understood by every version of `datasets`; "List" only since 4.0.
    return {"feature": kind, "length": length, "_type": "Sequence"}


def _dtype_name(kind: pa.DataType) -> str:
    return {"double": "float64"}.get(str(kind), str(kind))


def _described(schema: pa.Schema) -> pa.Schema:
    features = {field.name: _feature(field) for field in schema}
    described = json.dumps({"info": {"features": features}})
    return schema.with_metadata({"huggingface": described})


PUNKS = _described(_PUNKS)
SALES = _described(_SALES)

PUNK_COLUMN_DESCRIPTIONS = {
    "punk_id": "number of the punk, 0 to 9999",
    "type": "Alien, Ape, Female, Male or Zombie, as in the traits on OpenSea",
    "type_id": "its place in that list",
    "accessories": "what it wears, in on-chain spelling, alphabetical",
    "accessory_ids": "their places in the list of 87",
    "accessory_count": "how many",
    "hidden_accessories": "those that change none of its pixels, so that nobody can see them",
    "labels": "0 or 1 for each of the 92: the types, then the accessories, alphabetical",
    "split": "train, val or test, stratified over all labels; the published assignment",
    "split_by_id": "the same as in earlier work, by number: below 8000, below 9000, the rest",
    "image": "PNG of the exact 24x24 RGBA sprite, background transparent",
    "pixels_sha256": "SHA-256 of those 2,304 bytes, row by row",
    "sale_count": "sales of any kind; null where sales are not known",
    "last_sale_wei": "price of the last sale in ETH, WETH or BETH above 0, exact",
    "last_sale_eth": "the same, rounded to a float",
    "last_sold_at": "when that was, UTC",
    "median_sale_eth": "median of all such sales",
    "highest_sale_eth": "the highest of them",
    "best_listing_eth": "lowest price at which it was for sale when fetched; null if it was not",
}
"""what each column of punks holds"""
SALE_COLUMN_DESCRIPTIONS = {
    "punk_id": "of which punk",
    "sold_at": "when, UTC, to the second",
    "amount": "what was paid, in the currency's base units, exact",
    "decimals": "how many digits of `amount` stand behind the point",
    "symbol": "the currency, as ETH or USDC",
    "token_address": "its contract; of ETH itself the zero address",
    "price_wei": "`amount`, if it was paid in ETH, WETH or BETH and is above 0; else null",
    "price_eth": "the same, rounded to a float",
    "seller": "address, lower case",
    "buyer": "address, lower case",
    "buyer_is_zero": "true where the contract logged no buyer, as for some accepted bids",
    "transaction": "hash; several sales may share one",
}
PROVENANCE_COLUMN_DESCRIPTIONS = {
    "punk_id": "of which punk",
    "image_url": "where its image was read",
    "image_body": "SHA-256 of the recorded reply",
    "image_scale": "pixels of that image for each of the sprite's",
    "background": "the plain color that was found behind it and removed; null if none was",
    "image_confidence": "probability that every pixel is right; 1 of lossless images",
}


def columns_to_markdown(schema: pa.Schema, about: dict[str, str]) -> str:
    """A Markdown table of a schema's columns: name, Arrow type, meaning."""
    lines = [
        f"| `{field.name}` | {_short_type(field.type)} | {about[field.name]} |" for field in schema
    ]
    return "\n".join(["| column | type | |", "|---|---|---|", *lines])


def _short_type(kind: pa.DataType) -> str:
    names = {
        "timestamp[ms, tz=UTC]": "timestamp, UTC",
        "double": "float64",
        "float": "float32",
        "list<item: string>": "list of string",
        "list<item: int64>": "list of int64",
        f"fixed_size_list<item: uint8>[{len(LABELS)}]": f"{len(LABELS)} of uint8",
        "struct<bytes: binary, path: string>": "struct of bytes and path",
    }
    return names.get(str(kind), str(kind))


def features(schema: pa.Schema) -> dict[str, Any]:
    """A schema as Hugging Face's `datasets` describes it: column -> feature."""
    found: dict[str, Any] = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    return found

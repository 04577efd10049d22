"""Arrow schemas and column descriptions of the tables in a snapshot.

Null means that a value is unknown or does not exist: a punk that was never sold has no last sale,
and one that is not listed has no listing. 0 and empty lists are known values.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from punkdata.traits import ACCESSORIES, LABELS, TYPES

SCHEMA_VERSION = 2
"""Number of the schema. It increases with every change that an older reader would misinterpret,
and readers reject snapshots with a larger number. Schema 2 added `hidden_accessories`."""

_WEI = pa.decimal128(38, 0)
_UTC = pa.timestamp("ms", tz="UTC")  # whole seconds; Parquet has no coarser unit

# No field is marked non-nullable, because `datasets` ignores the class names and the image type
# in the metadata of non-nullable fields.
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
"""Schema of the provenance table: where the image of each punk came from."""

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
"""Columns of the punks table that enter the version of a snapshot.

The other columns can be derived from them: they are other encodings of the labels, the PNG of the
same pixels, and prices as floats.
"""
ADDED_IN_SCHEMA = {"hidden_accessories": 2}
"""Schema number in which a column was added, for each column that schema 1 does not have."""
VERSIONED_SALE_COLUMNS = tuple(name for name in _SALES.names if name != "price_eth")
"""Columns of the sales table that enter the version of a snapshot."""

_CLASS_NAMES = {"type_id": TYPES, "accessory_ids": ACCESSORIES}


def _feature(field: pa.Field) -> dict[str, object]:
    """Return the feature of one column, as `datasets` stores it."""
    if field.name == "image":
        return {"mode": "RGBA", "_type": "Image"}
    feature: dict[str, object]
    value_type = field.type.value_type if hasattr(field.type, "value_type") else field.type
    if field.name in _CLASS_NAMES:
        feature = {"names": list(_CLASS_NAMES[field.name]), "_type": "ClassLabel"}
    else:
        feature = {"dtype": _dtype_name(value_type), "_type": "Value"}
    if value_type is field.type:
        return feature
    length = getattr(field.type, "list_size", -1)
    # All versions of `datasets` support "Sequence"; "List" exists only since 4.0.
    return {"feature": feature, "length": length, "_type": "Sequence"}


def _dtype_name(arrow_type: pa.DataType) -> str:
    return {"double": "float64"}.get(str(arrow_type), str(arrow_type))


def _add_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the `huggingface` metadata, from which `datasets` takes features."""
    features = {field.name: _feature(field) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def get_features(schema: pa.Schema) -> dict[str, Any]:
    """Return the features of a schema by column, as Hugging Face's `datasets` stores them."""
    found: dict[str, Any] = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    return found


PUNKS = _add_features(_PUNKS)
"""Schema of the punks table, one row per punk."""
SALES = _add_features(_SALES)
"""Schema of the sales table, one row per sale, oldest first."""

PUNK_COLUMN_DESCRIPTIONS = {
    "punk_id": "punk number, 0 to 9999",
    "type": "type name: Alien, Ape, Female, Male or Zombie",
    "type_id": "index of the type, 0 to 4, in alphabetical order",
    "accessories": "names of the accessories in on-chain spelling, alphabetical",
    "accessory_ids": "indices of the accessories, 0 to 86, in the alphabetical list of all 87",
    "accessory_count": "number of accessories, 0 to 7",
    "hidden_accessories": "names of the accessories that change no pixel and so are not visible",
    "labels": "multi-hot vector of 0 and 1: the 5 types, then the 87 accessories, alphabetical",
    "split": "split name (train, val or test) of the default scheme, stratified over all labels",
    "split_by_id": "split name by punk number: train below 8000, val below 9000, test from 9000",
    "image": "PNG of the exact 24x24 RGBA sprite with a transparent background",
    "pixels_sha256": "SHA-256 of the 2,304 bytes of RGBA pixels in row-major order",
    "sale_count": "number of sales in any currency; null if the source does not provide sales",
    "last_sale_wei": "price of the last priced sale (ETH, WETH or BETH, above 0), in wei, exact",
    "last_sale_eth": "price of the last priced sale, in ETH, rounded to a float",
    "last_sold_at": "time of the last priced sale, UTC",
    "median_sale_eth": "median price of all priced sales, in ETH",
    "highest_sale_eth": "highest price of all priced sales, in ETH",
    "best_listing_eth": "lowest asking price at the time of the fetch, in ETH; null if not listed",
}
"""Description of each column of the punks table."""
SALE_COLUMN_DESCRIPTIONS = {
    "punk_id": "punk number, 0 to 9999",
    "sold_at": "time of the sale, UTC, to the second",
    "amount": "amount paid in base units of the currency, exact (1 ETH is 10^18)",
    "decimals": "number of decimal places of the currency: `amount` / 10^`decimals` is its value",
    "symbol": "symbol of the currency, for example ETH or USDC",
    "token_address": "contract address of the currency; the zero address for ETH itself",
    "price_wei": "price in wei, exact; null unless paid in ETH, WETH or BETH and above 0",
    "price_eth": "price in ETH, rounded to a float; null where `price_wei` is null",
    "seller": "address of the seller, lower case",
    "buyer": "address of the buyer, lower case",
    "buyer_is_zero": "true if the contract logged no buyer, which happens for some accepted bids",
    "transaction": "hash of the transaction, which several sales may share",
}
"""Description of each column of the sales table."""
PROVENANCE_COLUMN_DESCRIPTIONS = {
    "punk_id": "punk number, 0 to 9999",
    "image_url": "address from which the image was read",
    "image_body": "SHA-256 of the recorded reply that contains the image",
    "image_scale": "scale of the source image, in image pixels per sprite pixel",
    "background": "background color that was removed, #rrggbb; null if there was none",
    "image_confidence": "probability that every pixel is correct, 0 to 1; 1 for lossless images",
}
"""Description of each column of the provenance table."""


def columns_to_markdown(schema: pa.Schema, descriptions: dict[str, str]) -> str:
    """Return a Markdown table with the name, Arrow type and description of each column."""
    lines = [
        f"| `{field.name}` | {_short_type(field.type)} | {descriptions[field.name]} |"
        for field in schema
    ]
    return "\n".join(["| column | type | description |", "|---|---|---|", *lines])


def _short_type(arrow_type: pa.DataType) -> str:
    names = {
        "timestamp[ms, tz=UTC]": "timestamp, UTC",
        "double": "float64",
        "float": "float32",
        "list<item: string>": "list of string",
        "list<item: int64>": "list of int64",
        f"fixed_size_list<item: uint8>[{len(LABELS)}]": f"{len(LABELS)} of uint8",
        "struct<bytes: binary, path: string>": "struct of bytes and path",
    }
    return names.get(str(arrow_type), str(arrow_type))

"""The tables of a snapshot: the one place where a column is named.

`SCHEMA_VERSION` counts the changes that an older reader would misread; such a reader
refuses a newer snapshot by its number. Schema 2 added `hidden_accessories`.
"""

from __future__ import annotations

import json

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
SINCE_SCHEMA = {"hidden_accessories": 2}
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

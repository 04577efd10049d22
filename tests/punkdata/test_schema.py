from __future__ import annotations

import json

import pyarrow as pa

from punkdata.schema import COLUMNS, PUNKS, SALES
from punkdata.traits import ACCESSORIES, TYPES

PUNK_COLUMNS = (
    "punk_id type type_id accessories accessory_ids accessory_count hidden_accessories labels "
    "split split_by_id image pixels_sha256 rarity_score rarity_rank owner owner_punk_count "
    "part_mask sale_count last_sale_wei last_sale_eth last_sold_at median_sale_eth max_sale_eth "
    "lowest_listing_eth"
)
SALE_COLUMNS = (
    "punk_id sold_at market payment_base_units decimals symbol token_address price_wei price_eth "
    "price_usd seller buyer buyer_is_zero_address transaction_hash is_zero_amount "
    "is_other_currency is_bundle is_self_trade is_outlier"
)


def test_schemas_have_the_documented_columns() -> None:
    assert " ".join(PUNKS.names) == PUNK_COLUMNS
    assert " ".join(SALES.names) == SALE_COLUMNS


def test_wei_columns_are_exact_integers() -> None:
    fields = [SALES.field(name) for name in ("payment_base_units", "price_wei")]
    for field in (PUNKS.field("last_sale_wei"), *fields):
        assert field.type == pa.decimal128(38, 0)


def test_metadata_has_a_feature_for_every_column() -> None:
    info = json.loads(PUNKS.metadata[b"huggingface"])["info"]["features"]
    assert list(info) == PUNKS.names
    assert info["image"]["_type"] == "Image"
    assert info["type_id"] == {"names": list(TYPES), "_type": "ClassLabel"}
    assert info["accessory_ids"]["feature"]["names"] == list(ACCESSORIES)
    assert info["labels"]["length"] == 92
    feature = {"dtype": "uint8", "_type": "Value"}
    assert info["part_mask"] == {"feature": feature, "length": 576, "_type": "Sequence"}
    assert info["last_sold_at"]["dtype"] == "timestamp[ms, tz=UTC]"


def test_all_fields_are_nullable() -> None:
    # `datasets` drops the features of non-nullable fields.
    assert all(field.nullable for field in [*PUNKS, *SALES])


def test_every_column_has_a_description_of_its_own() -> None:
    for columns in COLUMNS.values():
        assert len({description for _, description in columns.values()}) == len(columns)

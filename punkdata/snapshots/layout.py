"""Where each table of a snapshot is, and what older schemas called their columns.

Each table has a folder of its own, named after it, so that programs that read a whole folder read
one table. Up to schema 2, all tables were in the folder `data/`.
"""

from collections.abc import Mapping

from punkdata.schema import SCHEMA_VERSION

PROVENANCE_FILE = "provenance.parquet"
_OLD_NAMES: dict[str, dict[str, str]] = {
    "punks": {"best_listing_eth": "lowest_listing_eth", "highest_sale_eth": "max_sale_eth"},
    "sales": {
        "amount": "payment_base_units",
        "buyer_is_zero": "buyer_is_zero_address",
        "transaction": "transaction_hash",
    },
    "listings": {"amount": "payment_base_units"},
    "provenance": {"image_body": "image_sha256"},
}
"""Current name of each column that schema 3 renamed, by table and former name."""


def table_file(table: str, split: str = "train", schema: int = SCHEMA_VERSION) -> str:
    """Return the path of a Parquet file, relative to the snapshot.

    Only the punks have splits; all rows of the other tables are in "train", the name that libraries
    expect for data without splits.
    """
    if table == "provenance":
        return PROVENANCE_FILE
    if schema >= 3:
        return f"{table}/{split}-00000-of-00001.parquet"
    name = f"punks-{split}" if table == "punks" else table
    return f"data/{name}-00000-of-00001.parquet"


def renamed_columns(table: str, schema: int) -> Mapping[str, str]:
    """Return the current names of those columns that this schema called otherwise."""
    return _OLD_NAMES.get(table, {}) if schema < 3 else {}

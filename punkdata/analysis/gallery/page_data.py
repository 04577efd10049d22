"""The data of the gallery page: columns of punks and sales, and the pixels of the sprites."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.analysis.gallery.page_accounts import number_accounts
from punkdata.analysis.gallery.page_sales import describe_floor, describe_rates, describe_sales
from punkdata.errors import DataError
from punkdata.rarity import rarity_terms
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_labels
from punkdata.splits import SPLITS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, TYPES

COLUMNS = {
    "id": "punk_id",
    "type": "type_id",
    "accessories": "accessory_ids",
    "saleCount": "sale_count",
    "rarityRank": "rarity_rank",
    "listing": "lowest_listing_eth",
}
"""Columns that the page shows as they are: from the name in its data to that in the snapshot."""


def build_page_data(
    snapshot: Snapshot, punks: pa.Table, sales: pa.Table | None, *, with_transactions: bool = False
) -> dict[str, Any]:
    """Return the data of the page except for sprites, with a value for each row of `punks`.

    To save space, the page itself computes rarity scores from their terms, and the prices of a
    punk from its sales. Prices are in ETH, and unknown values are null. `addresses` are the digits
    of all accounts, joined to one text, whose numbers are the owners, sellers and buyers.
    `with_transactions` adds the hash of the transaction of each sale.
    """
    split_ids = {name: number for number, name in enumerate(SPLITS)}
    data: dict[str, Any] = {
        "version": snapshot.version,
        "typeNames": TYPES,
        "accessoryNames": ACCESSORIES,
        "hiddenAccessories": [[]] * len(punks),
        "split": [split_ids[name] for name in punks["split"].to_pylist()],
        "splitById": [split_ids[name] for name in punks["split_by_id"].to_pylist()],
        **_describe_rarity(extract_labels(punks)),
        "sales": None,
        "noPricesHelp": "This snapshot has no prices, because its source, "
        f"{snapshot.manifest.source}, has none. To get them from OpenSea, run: "
        "punkdata fetch --instant-key && punkdata build-dataset",
    }
    data |= {name: punks[column].to_pylist() for name, column in COLUMNS.items()}
    if "hidden_accessories" in punks.column_names:  # Snapshots of schema 1 lack this column.
        hidden = punks["hidden_accessories"].to_pylist()
        data["hiddenAccessories"] = [[ACCESSORY_IDS[name] for name in names] for names in hidden]
    owners = punks["owner"].to_pylist()
    if sales is None:
        data["addresses"], [data["owner"]] = number_accounts(owners)
        return data
    sales = sales.append_column("row", pc.index_in(sales["punk_id"], punks["punk_id"]))
    sales = sales.filter(pc.is_valid(sales["row"]))
    data["addresses"], [data["owner"], sellers, buyers] = number_accounts(
        owners, sales["seller"].to_pylist(), sales["buyer"].to_pylist()
    )
    data["sales"] = describe_sales(sales, sellers, buyers, with_transactions=with_transactions)
    data["ethUsd"] = describe_rates(snapshot)
    data["floor"] = describe_floor(snapshot)
    return data


def _describe_rarity(labels: NDArray[np.uint8]) -> dict[str, list[float]]:
    """Return the terms of the rarity score in bits: by label, and by number of accessories."""
    terms = rarity_terms(labels)
    counts = labels[:, len(TYPES) :].sum(axis=1, dtype=int)
    by_count = np.zeros(counts.max() + 1)
    by_count[counts] = terms[:, -1]
    return {"rarityBits": terms[:, :-1].max(axis=0).tolist(), "rarityCountBits": by_count.tolist()}


def index_colors(sprites: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[str]]:
    """Convert RGBA sprites, uint8 (N, 24, 24, 4), to indices into a palette of their colors.

    Returns the indices, uint8 (N, 24, 24), and the palette, up to 256 colors as "rrggbbaa".
    """
    keys = np.ascontiguousarray(sprites).view(">u4")[..., 0].astype(np.uint32)
    colors = np.unique(keys)  # return_inverse would take four times as long as searchsorted.
    if len(colors) > 256:  # An index is one byte.
        raise DataError(
            f"cannot create a gallery: the sprites have {len(colors)} colors, "
            "more than the maximum of 256"
        )
    indices = np.searchsorted(colors, keys).astype(np.uint8)
    return indices, [f"{key:08x}" for key in colors.tolist()]

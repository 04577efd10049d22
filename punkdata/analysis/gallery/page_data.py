"""The data of the gallery page: columns of punks and sales, and the pixels of the sprites."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.rarity import rarity_terms
from punkdata.snapshots.prices import MAIN_MARKET
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_labels
from punkdata.splits import SPLITS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, TYPES

COLUMNS = {
    "id": "punk_id",
    "type": "type_id",
    "accessories": "accessory_ids",
    "saleCount": "sale_count",
    "last": "last_sale_eth",
    "median": "median_sale_eth",
    "highest": "max_sale_eth",
    "rarityScore": "rarity_score",
    "rarityRank": "rarity_rank",
    "listing": "lowest_listing_eth",
}
"""Columns that the page shows as they are: from the name in its data to that in the snapshot."""

FLAG_TEXTS = {
    "is_zero_amount": "nothing paid",
    "is_other_currency": "not in ETH",
    "is_bundle": "sold with others",
    "is_self_trade": "self-trade",
    "is_outlier": "outlier",
}
"""What the page shows for each flag of a sale."""


def build_page_data(snapshot: Snapshot, punks: pa.Table, sales: pa.Table | None) -> dict[str, Any]:
    """Return the data of the page except for sprites, with a value for each row of `punks`.

    Times are Unix seconds, prices are in ETH, and unknown values are null.
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
        "lastSoldAt": _to_unix_seconds(punks["last_sold_at"]),
        "sales": None,
        "noPricesHelp": "This snapshot has no prices, because its source, "
        f"{snapshot.manifest.source}, has none. To get them from OpenSea, run: "
        "punkdata fetch --instant-key && punkdata build-dataset",
    }
    data |= {name: punks[column].to_pylist() for name, column in COLUMNS.items()}
    if "hidden_accessories" in punks.column_names:  # Snapshots of schema 1 lack this column.
        hidden = punks["hidden_accessories"].to_pylist()
        data["hiddenAccessories"] = [[ACCESSORY_IDS[name] for name in names] for names in hidden]
    if sales is not None:
        sales = sales.append_column("row", pc.index_in(sales["punk_id"], punks["punk_id"]))
        sales = sales.filter(pc.is_valid(sales["row"]))
        notes = [_describe_unpriced(sale) for sale in sales.to_pylist()]
        prices = zip(sales["price_eth"].to_pylist(), notes, strict=True)
        data["sales"] = {
            "row": sales["row"].to_pylist(),
            "at": _to_unix_seconds(sales["sold_at"]),
            "eth": [None if note else price for price, note in prices],
            "note": notes,
        }
    return data


def _describe_rarity(labels: NDArray[np.uint8]) -> dict[str, list[float]]:
    """Return the terms of the rarity score in bits: by label, and by number of accessories."""
    terms = rarity_terms(labels)
    counts = labels[:, len(TYPES) :].sum(axis=1, dtype=int)
    by_count = np.zeros(counts.max() + 1)
    by_count[counts] = terms[:, -1]
    return {"rarityBits": terms[:, :-1].max(axis=0).tolist(), "rarityCountBits": by_count.tolist()}


def _describe_unpriced(sale: dict[str, Any]) -> str | None:
    """Return what a sale is that price statistics leave out; None for a priced sale."""
    reasons = [text for name, text in FLAG_TEXTS.items() if sale[name]]
    if sale["market"] != MAIN_MARKET:
        reasons.insert(0, f"market {sale['market']}")
    if sale["price_eth"] is not None:
        return ", ".join((f"{sale['price_eth']:g} ETH", *reasons)) if reasons else None
    return ", ".join(reasons) or "payment unknown"


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


def _to_unix_seconds(times: pa.ChunkedArray) -> list[int | None]:
    seconds = times.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
    result: list[int | None] = seconds.to_pylist()
    return result

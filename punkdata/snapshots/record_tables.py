"""Conversion of records to the Arrow tables of a snapshot."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from punkdata.errors import DataError
from punkdata.hidden_labels import load_hidden_accessories
from punkdata.images.sprite import pixels_sha256
from punkdata.images.sprite_png import encode_png
from punkdata.records import PunkRecord, SaleRecord
from punkdata.schema import PROVENANCE, PUNKS, SALES
from punkdata.splits import SPLITS, assign_by_id, assign_splits
from punkdata.traits import ACCESSORY_IDS, LABELS, TYPE_IDS, encode_labels

WEI_PER_ETH = 10**18


def make_punk_tables(
    punks: list[PunkRecord],
    sales: list[SaleRecord] | None,
    listings_wei: dict[int, int],
    hidden: dict[str, tuple[str, ...]] | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Return the tables of punks and of provenance, sorted by punk_id.

    Args:
        punks: One record per punk, in any order.
        sales: Sales, oldest first; None if the source does not provide sales.
        listings_wei: Lowest listing price of each listed punk, in wei, by punk_id.
        hidden: Names of hidden accessories by the SHA-256 of a punk's pixels; by default the
            list that ships with punkdata.

    Raises:
        DataError: There are no punks, or two with the same punk_id.
    """
    punks = sorted(punks, key=lambda punk: punk.punk_id)
    ids = np.array([punk.punk_id for punk in punks], np.int32)
    if not len(ids):
        raise DataError("the recording contains no punks")
    if len(duplicates := ids[1:][ids[1:] == ids[:-1]]):
        raise DataError(f"the recording contains punk {duplicates[0]} twice")
    labels = np.stack([encode_labels(p.punk_type, p.accessories) for p in punks])
    hashes = [pixels_sha256(p.image) for p in punks]
    hidden = load_hidden_accessories() if hidden is None else hidden
    columns = {
        "punk_id": ids,
        "type": [p.punk_type for p in punks],
        "type_id": [TYPE_IDS[p.punk_type] for p in punks],
        "accessories": [list(p.accessories) for p in punks],
        "accessory_ids": [[ACCESSORY_IDS[name] for name in p.accessories] for p in punks],
        "accessory_count": [len(p.accessories) for p in punks],
        "hidden_accessories": [
            [name for name in hidden.get(sha256, ()) if name in p.accessories]
            for p, sha256 in zip(punks, hashes, strict=True)
        ],
        "labels": pa.FixedSizeListArray.from_arrays(labels.reshape(-1), len(LABELS)),
        "split": [SPLITS[i] for i in assign_splits(ids, labels)],
        "split_by_id": [SPLITS[i] for i in assign_by_id(ids)],
        "image": [{"bytes": encode_png(p.image), "path": f"{p.punk_id:04d}.png"} for p in punks],
        "pixels_sha256": hashes,
    }
    columns |= _make_price_columns([p.punk_id for p in punks], sales, listings_wei)
    provenance = {
        "punk_id": ids,
        "image_url": [p.image_url for p in punks],
        "image_body": [p.image_body for p in punks],
        "image_scale": [p.image_scale for p in punks],
        "background": [p.background for p in punks],
        "image_confidence": [p.image_confidence for p in punks],
    }
    return pa.table(columns, schema=PUNKS), pa.table(provenance, schema=PROVENANCE)


def _make_price_columns(
    punk_ids: list[int], sales: list[SaleRecord] | None, listings_wei: dict[int, int]
) -> dict[str, list[Any]]:
    """Return the price columns with one row per id; all null if `sales` is None."""
    names = PUNKS.names[PUNKS.names.index("sale_count") :]
    if sales is None:
        return {name: [None] * len(punk_ids) for name in names}
    sales_by_punk: dict[int, list[SaleRecord]] = {punk_id: [] for punk_id in punk_ids}
    for sale in sales:
        sales_by_punk.get(sale.punk_id, []).append(sale)
    rows = []
    for punk_id in punk_ids:
        own_sales = sales_by_punk[punk_id]
        priced = [(s.price_wei, s.sold_at) for s in own_sales if s.price_wei is not None]
        prices_wei = [price_wei for price_wei, _ in priced]
        last_wei, last_sold_at = priced[-1] if priced else (None, None)
        rows.append(
            {
                "sale_count": len(own_sales),
                "last_sale_wei": None if last_wei is None else Decimal(last_wei),
                "last_sale_eth": _wei_to_eth(last_wei),
                "last_sold_at": last_sold_at,
                "median_sale_eth": _wei_to_eth(_median(prices_wei)),
                "highest_sale_eth": _wei_to_eth(max(prices_wei, default=None)),
                "best_listing_eth": _wei_to_eth(listings_wei.get(punk_id)),
            }
        )
    return {name: [row[name] for row in rows] for name in names}


def make_sales_table(sales: list[SaleRecord]) -> pa.Table:
    """Return the table of sales, in the given order."""
    rows = [
        vars(sale)
        | {
            "amount": _to_decimal(sale.amount),
            "price_wei": _to_decimal(sale.price_wei),
            "price_eth": _wei_to_eth(sale.price_wei),
        }
        for sale in sales
    ]
    return pa.Table.from_pylist(rows, schema=SALES)


def _median(prices_wei: list[int]) -> Fraction | None:
    """Return the exact median; None if there are no prices."""
    if not prices_wei:
        return None
    ordered, half = sorted(prices_wei), len(prices_wei) // 2
    return Fraction(ordered[half] + ordered[-half - 1], 2)


def _wei_to_eth(wei: int | Fraction | None) -> float | None:
    # Dividing exact fractions and converting once rounds to the nearest float.
    return None if wei is None else float(wei / Fraction(WEI_PER_ETH))


def _to_decimal(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)

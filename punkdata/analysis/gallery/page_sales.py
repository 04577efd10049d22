"""The sales, rates and floor prices of a snapshot, as the gallery embeds them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from punkdata.analysis.gallery.page_accounts import strip_prefix
from punkdata.snapshots.prices import MAIN_MARKET, read_rates
from punkdata.snapshots.reader import Snapshot

FLAG_TEXTS = {
    "is_zero_amount": "nothing paid",
    "is_other_currency": "not in ETH",
    "is_bundle": "sold with others",
    "is_self_trade": "self-trade",
    "is_outlier": "outlier",
}
"""What the page shows for each flag of a sale."""
_EPOCH = date(1970, 1, 1).toordinal()
FLOOR_INTERVAL = timedelta(days=7)
"""Shortest time between two floor prices in the page."""


def describe_sales(
    sales: pa.Table, sellers: list[int | None], buyers: list[int | None], *, with_transactions: bool
) -> dict[str, Any]:
    """Return the columns of sales, oldest first, whose parties are numbers of addresses.

    The table has a column `row`, the position of the punk in the page. `after` is the number of
    seconds since the previous sale, or for the first one since 1970. `eth` is the price, and `note`
    says why statistics leave a sale out, whose price is then null. A `seller` who bought the punk
    in the sale before is -1. `transactions` has a hash for each sale if they are wanted: 64
    hexadecimal digits, or blanks if it is unknown.
    """
    rows = sales.to_pylist()
    times = to_unix_seconds(sales["sold_at"])
    notes = [_describe_unpriced(sale) for sale in rows]
    data: dict[str, Any] = {
        "row": sales["row"].to_pylist(),
        "after": np.diff(np.array(times, np.int64), prepend=0).tolist(),
        "eth": [
            None if note else sale["price_eth"] for sale, note in zip(rows, notes, strict=True)
        ],
        "note": notes,
        "seller": _shorten_sellers(sales["row"].to_pylist(), sellers, buyers),
        "buyer": buyers,
    }
    if with_transactions:
        hashes = (strip_prefix(sale["transaction_hash"], 64) or "" for sale in rows)
        data["transactions"] = "".join(f"{each:64}" for each in hashes)
    return data


def _shorten_sellers(
    rows: list[int], sellers: list[int | None], buyers: list[int | None]
) -> list[int | None]:
    """Replace each seller who is the buyer of the punk's previous sale by -1."""
    shortened: list[int | None] = []
    owners: dict[int, int | None] = {}
    for row, seller, buyer in zip(rows, sellers, buyers, strict=True):
        is_owner = seller is not None and owners.get(row) == seller
        shortened.append(-1 if is_owner else seller)
        owners[row] = buyer
    return shortened


def describe_rates(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return the price of 1 ETH in USD by day, from the day `first` on; null if unknown.

    `first` is a number of days since 1970.
    """
    rates = {day.date().toordinal(): rate for day, rate in read_rates(snapshot.eth_usd()).items()}
    if not rates:
        return None
    days = range(min(rates), max(rates) + 1)
    return {
        "first": days.start - _EPOCH,
        "usd": [round(rates[day], 2) if day in rates else None for day in days],
    }


def describe_floor(snapshot: Snapshot) -> dict[str, list[Any]] | None:
    """Return the floor price in ETH about once a week, by time in Unix seconds."""
    table = snapshot.floor_prices(["time", "price_eth"])
    if table is None:
        return None
    table = table.filter(pc.greater(table["price_eth"], 0))
    kept: list[int] = []
    times = table["time"].to_pylist()
    for i, time in enumerate(times):
        if not kept or time - times[kept[-1]] >= FLOOR_INTERVAL:
            kept.append(i)
    table = table.take(kept)
    return {"at": to_unix_seconds(table["time"]), "eth": table["price_eth"].to_pylist()}


def to_unix_seconds(times: pa.ChunkedArray) -> list[int | None]:
    """Return times in seconds since 1970; null stays null."""
    seconds = times.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
    result: list[int | None] = seconds.to_pylist()
    return result


def _describe_unpriced(sale: dict[str, Any]) -> str | None:
    """Return what a sale is that price statistics leave out; None for a priced sale."""
    reasons = [text for name, text in FLAG_TEXTS.items() if sale[name]]
    if sale["market"] != MAIN_MARKET:
        reasons.insert(0, f"market {sale['market']}")
    if sale["price_eth"] is not None:
        return ", ".join((f"{sale['price_eth']:g} ETH", *reasons)) if reasons else None
    return ", ".join(reasons) or "payment unknown"

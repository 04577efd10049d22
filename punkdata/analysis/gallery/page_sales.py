"""The sales, rates and floor prices of a snapshot, as the gallery embeds them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
    sales: pa.Table, punk_ids: pa.ChunkedArray, *, with_transactions: bool
) -> dict[str, Any]:
    """Return the columns of the sales of these punks, oldest first.

    `row` is the position of the punk in `punk_ids`, `after` the number of seconds since the
    previous sale, or for the first one since 1970. `eth` is the price, and `note` says why
    statistics leave a sale out, whose price is then null. `seller` and `buyer` are positions in
    `addresses`, or null if unknown; a seller who bought the punk in the sale before is -1.
    `transactions` has a hash for each sale if they are wanted. Addresses and hashes are hexadecimal
    numbers without 0x, joined to one text.
    """
    sales = sales.append_column("row", pc.index_in(sales["punk_id"], punk_ids))
    sales = sales.filter(pc.is_valid(sales["row"]))
    rows = sales.to_pylist()
    times = to_unix_seconds(sales["sold_at"])
    notes = [_describe_unpriced(sale) for sale in rows]
    parties = [_strip_prefix(sale[name], 40) for sale in rows for name in ("seller", "buyer")]
    # Frequent addresses first, because small numbers are short.
    counts = pc.value_counts(pa.array(parties, pa.string()).drop_null()).to_pylist()
    addresses = [c["values"] for c in sorted(counts, key=lambda c: (-c["counts"], c["values"]))]
    numbers = {address: number for number, address in enumerate(addresses)}
    numbered = [None if party is None else numbers[party] for party in parties]
    data: dict[str, Any] = {
        "row": sales["row"].to_pylist(),
        "after": np.diff(np.array(times, np.int64), prepend=0).tolist(),
        "eth": [
            None if note else sale["price_eth"] for sale, note in zip(rows, notes, strict=True)
        ],
        "note": notes,
        "seller": _shorten_sellers(sales["row"].to_pylist(), numbered[::2], numbered[1::2]),
        "buyer": numbered[1::2],
        "addresses": "".join(addresses),
    }
    if with_transactions:
        hashes = (_strip_prefix(sale["transaction_hash"], 64) or "" for sale in rows)
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


def _strip_prefix(number: str | None, num_digits: int) -> str | None:
    """Return the digits of an address or a hash, or None if it has another form."""
    digits = (number or "").removeprefix("0x").lower()
    is_whole = len(digits) == num_digits and not digits.strip("0123456789abcdef")
    return digits if is_whole else None

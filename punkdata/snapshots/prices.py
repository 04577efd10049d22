"""The price columns of the punks table: computing them from the sales, and checking them."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pyarrow as pa

from punkdata.currencies import ZERO_ADDRESS, parse_price_wei
from punkdata.errors import DataError

PRICE_COLUMNS = (
    *("sale_count", "last_sale_wei", "last_sale_eth", "last_sold_at"),
    *("median_sale_eth", "highest_sale_eth"),
)
"""Columns of the punks table that follow from the sales; null if the source has no sales."""


def summarize_sales(sales: Sequence[tuple[datetime, int | None]]) -> dict[str, Any]:
    """Return the price columns of a punk with these sales, oldest first.

    A sale is its time and its price in wei, None unless it was paid in ETH. Columns that are null
    are left out.
    """
    priced = [(sold_at, wei) for sold_at, wei in sales if wei is not None]
    if not priced:
        return {"sale_count": len(sales)}
    last_sold_at, last_wei = priced[-1]
    prices_wei = [Fraction(wei) for _, wei in priced]
    return {
        "sale_count": len(sales),
        "last_sale_wei": last_wei,
        "last_sale_eth": wei_to_eth(last_wei),
        "last_sold_at": last_sold_at,
        "median_sale_eth": wei_to_eth(statistics.median(prices_wei)),
        "highest_sale_eth": wei_to_eth(max(prices_wei)),
    }


def wei_to_eth(wei: int | Fraction | None) -> float | None:
    """Return a price in ETH as the nearest float."""
    # Dividing exact fractions and converting once rounds to the nearest float.
    return None if wei is None else float(Fraction(wei, 10**18))


def check_prices(punks: pa.Table, sales: pa.Table | None) -> None:
    """Raise DataError unless the price columns of both tables follow from the sales."""
    found: dict[int, list[tuple[datetime, int | None]]] = defaultdict(list)
    for sale in [] if sales is None else _check_sales(sales):
        found[sale["punk_id"]].append((sale["sold_at"], _find_price_wei(sale)))
    for row in punks.select(["punk_id", *PRICE_COLUMNS]).to_pylist():
        expected = {} if sales is None else summarize_sales(found[row["punk_id"]])
        for name in PRICE_COLUMNS:
            if row[name] != expected.get(name):
                raise DataError(
                    f"{name} of punk {row['punk_id']} is {row[name]}, but its sales give "
                    f"{expected.get(name)}"
                )


def check_listings(punks: pa.Table, listings: pa.Table | None) -> None:
    """Raise DataError unless the prices of the listings and of the punks follow from the amounts.

    Snapshots of the first versions of punkdata have prices, but no table of listings.
    """
    if listings is None:
        return
    rows, lowest = listings.to_pylist(), dict[int, float]()
    if [row["punk_id"] for row in rows] != sorted(row["punk_id"] for row in rows):
        raise DataError("the listings are not sorted by punk_id")
    for row in rows:
        punk_id, price = row["punk_id"], row["price_eth"]
        if price != wei_to_eth(_find_price_wei(row)):
            raise DataError(f"price_eth of a listing of punk {punk_id} differs from its amount")
        if price is not None:
            lowest[punk_id] = min(price, lowest.get(punk_id, price))
    for row in punks.select(["punk_id", "best_listing_eth"]).to_pylist():
        if row["best_listing_eth"] != lowest.get(row["punk_id"]):
            raise DataError(
                f"best_listing_eth of punk {row['punk_id']} is {row['best_listing_eth']}, but its "
                f"listings give {lowest.get(row['punk_id'])}"
            )


def _check_sales(sales: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of the sales; raise DataError unless their prices follow from the amounts."""
    rows: list[dict[str, Any]] = sales.to_pylist()
    last = datetime.min.replace(tzinfo=UTC)
    for row in rows:
        sale = f"the sale of punk {row['punk_id']} at {row['sold_at']}"
        if row["sold_at"] < last:
            raise DataError(f"{sale} is out of chronological order")
        last = row["sold_at"]
        if row["price_wei"] != _find_price_wei(row):
            raise DataError(f"price_wei of {sale} differs from its amount")
        if row["price_eth"] != wei_to_eth(_find_price_wei(row)):
            raise DataError(f"price_eth of {sale} differs from its price_wei")
        if row["buyer_is_zero"] != (None if row["buyer"] is None else row["buyer"] == ZERO_ADDRESS):
            raise DataError(f"buyer_is_zero of {sale} differs from its buyer")
    return rows


def _find_price_wei(row: dict[str, Any]) -> int | None:
    """Return the price of a sale or listing in wei, from its amount and its currency."""
    # The arithmetic of decimals would round.
    amount = None if row["amount"] is None else int(row["amount"])
    return parse_price_wei(amount, row["decimals"], row["symbol"], row["token_address"])

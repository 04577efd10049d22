"""The columns that follow from prices: computing them from sales and listings, and checking them.

Only priced sales count: those in ETH, WETH or BETH that have no flag (see `sale_flags`).
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pyarrow as pa

from punkdata.currencies import ETH_ADDRESSES, ZERO_ADDRESS, parse_price_wei
from punkdata.errors import DataError
from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.sale_flags import find_flags, is_priced

MAIN_MARKET = "cryptopunks"
"""The market of the contract of the CryptoPunks. All others are those of wrapped punks."""
PRICE_COLUMNS = (
    *("sale_count", "last_sale_wei", "last_sale_eth", "last_sold_at"),
    *("median_sale_eth", "max_sale_eth"),
)
"""Columns of the punks table that follow from the sales; null if the source has no sales."""


def summarize_sales(sales: Sequence[Mapping[str, Any]], schema: int = 3) -> dict[str, Any]:
    """Return the price columns of a punk with these rows of sales, oldest first.

    Sales of other markets are ignored. Up to schema 2, flagged sales counted. Columns that are null
    are left out.
    """
    sales = [sale for sale in sales if sale["market"] == MAIN_MARKET]
    priced = [s for s in sales if s["price_wei"] is not None and (is_priced(s) or schema < 3)]
    if not priced:
        return {"sale_count": len(sales)}
    last_wei = int(priced[-1]["price_wei"])
    prices_wei = [Fraction(int(sale["price_wei"])) for sale in priced]
    return {
        "sale_count": len(sales),
        "last_sale_wei": last_wei,
        "last_sale_eth": wei_to_eth(last_wei),
        "last_sold_at": priced[-1]["sold_at"],
        "median_sale_eth": wei_to_eth(statistics.median(prices_wei)),
        "max_sale_eth": wei_to_eth(max(prices_wei)),
    }


def wei_to_eth(wei: int | Fraction | None) -> float | None:
    """Return a price in ETH as the nearest float."""
    # Dividing exact fractions and converting once rounds to the nearest float.
    return None if wei is None else float(Fraction(wei, 10**18))


def complete_sales(
    rows: Sequence[Mapping[str, Any]], types: Mapping[int, str], rates: Mapping[datetime, float]
) -> list[dict[str, Any]]:
    """Return rows of sales, oldest first, with their prices in ETH and USD, and their flags.

    `types` has the type of each punk by its id, and `rates` the price of ETH in USD by day.
    """
    completed = []
    for row, flags in zip(rows, find_flags(rows, types), strict=True):
        price_eth = wei_to_eth(None if row["price_wei"] is None else int(row["price_wei"]))
        rate = rates.get(row["sold_at"].replace(hour=0, minute=0, second=0, microsecond=0))
        price_usd = None if price_eth is None or rate is None else price_eth * rate
        completed.append({**row, "price_eth": price_eth, "price_usd": price_usd, **flags})
    return completed


def read_rates(eth_usd: pa.Table | None) -> dict[datetime, float]:
    """Return the price of ETH in USD by day, which is a time at midnight."""
    rows = [] if eth_usd is None else eth_usd.to_pylist()
    return {row["day"]: row["usd_per_eth"] for row in rows}


# -- Checks ---------------------------------------------------------------------------------


def check_prices(
    punks: pa.Table, sales: pa.Table | None, eth_usd: pa.Table | None, schema: int
) -> None:
    """Raise DataError unless the price columns of punks and sales follow from the payments."""
    types = dict(zip(*punks.select(["punk_id", "type"]).to_pydict().values(), strict=True))
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for sale in [] if sales is None else _check_sales(sales, types, read_rates(eth_usd)):
        found[sale["punk_id"]].append(sale)
    for row in punks.select(["punk_id", *PRICE_COLUMNS]).to_pylist():
        expected = {} if sales is None else summarize_sales(found[row["punk_id"]], schema)
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
    for row in punks.select(["punk_id", "lowest_listing_eth"]).to_pylist():
        if row["lowest_listing_eth"] != lowest.get(row["punk_id"]):
            raise DataError(
                f"lowest_listing_eth of punk {row['punk_id']} is {row['lowest_listing_eth']}, but "
                f"its listings give {lowest.get(row['punk_id'])}"
            )


def check_trait_floors(trait_floors: pa.Table | None) -> None:
    """Raise DataError unless the floor prices of labels are in order, and their prices in ETH."""
    check_order(trait_floors, "trait_floors", ["label", "symbol"])
    for row in [] if trait_floors is None else trait_floors.to_pylist():
        is_eth = (row["symbol"] or "").upper() in ETH_ADDRESSES
        if row["price_eth"] != (row["price"] if is_eth else None):
            raise DataError(
                f"price_eth of the floor price of {row['label']} differs from its price"
            )


def check_order(table: pa.Table | None, name: str, keys: Sequence[str]) -> None:
    """Raise DataError unless the rows of a table are sorted by columns that identify them."""
    rows = [] if table is None else table.select(list(keys)).to_pylist()
    found = [tuple(_sort_key(key, row[key]) for key in keys) for row in rows]
    if any(a >= b for a, b in pairwise(found)):
        raise DataError(f"the rows of {name} are not sorted by {' and '.join(keys)}, or repeated")


def _sort_key(key: str, value: Any) -> Any:
    """Return a value as it is sorted: symbols in any case, null first."""
    return (value or "").casefold() if key == "symbol" else value


def _check_sales(
    sales: pa.Table, types: Mapping[int, str], rates: Mapping[datetime, float]
) -> list[dict[str, Any]]:
    """Return the rows of the sales; raise DataError unless they follow from the payments."""
    rows: list[dict[str, Any]] = sales.to_pylist()
    last = datetime.min.replace(tzinfo=UTC)
    for row in rows:
        if row["sold_at"] < last:
            raise DataError(f"{_describe(row)} is out of chronological order")
        last = row["sold_at"]
        if row["price_wei"] != _find_price_wei(row):
            raise DataError(f"price_wei of {_describe(row)} differs from its amount")
        is_zero = None if row["buyer"] is None else row["buyer"] == ZERO_ADDRESS
        if row["buyer_is_zero_address"] != is_zero:
            raise DataError(f"buyer_is_zero_address of {_describe(row)} differs from its buyer")
    for row, expected in zip(rows, complete_sales(rows, types, rates), strict=True):
        for name in ("price_eth", "price_usd", *SALE_FLAGS):
            if row[name] != expected[name]:
                raise DataError(
                    f"{name} of {_describe(row)} is {row[name]}, but should be {expected[name]}"
                )
    return rows


def _describe(sale: Mapping[str, Any]) -> str:
    return f"the sale of punk {sale['punk_id']} at {sale['sold_at']}"


def _find_price_wei(row: Mapping[str, Any]) -> int | None:
    """Return the price of a sale or listing in wei, from its amount and its currency."""
    # The arithmetic of decimals would round.
    units = row["payment_base_units"]
    amount = None if units is None else int(units)
    return parse_price_wei(amount, row["decimals"], row["symbol"], row["token_address"])


def lowest_listings(listings: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Return the lowest price in wei of each punk with a listing in ETH."""
    lowest: dict[int, int] = {}
    for row in listings:
        if (wei := row["price_wei"]) is not None:
            lowest[row["punk_id"]] = min(wei, lowest.get(row["punk_id"], wei))
    return lowest

"""Prices by type and by accessory, from the sales of a snapshot.

Statistics count priced sales: those that have a price in ETH, and for which no flag is true (see
`punkdata.snapshots.sale_flags`). docs/howto/prices.md explains what the statistics measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from punkdata.arguments import choice_error, describe
from punkdata.errors import DataError, UsageError
from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.manifest import root_option_of
from punkdata.snapshots.reader import Snapshot

By = Literal["type", "accessory"]
DEFAULT_MARKET = "cryptopunks"
ALL_MARKETS = "all"
REASONS = {
    "other_market": "in other markets",
    "is_zero_amount": "without payment",
    "is_other_currency": "in other currencies",
    "is_bundle": "in bundles",
    "is_self_trade": "self-trades",
    "is_outlier": "outliers",
    "no_price": "without a known price",
}
"""Texts of the reasons for which sales are left out: the flags and two more. The first reason that
applies counts."""
MIN_OTHER_SALES = 5
"""Number of other sales in a month from which their median is a reference."""
MIN_PUNKS = 5
"""Number of punks from which a median has a confidence interval."""
NUM_RESAMPLES = 1000
MIN_PRICE_ETH = 0.001
"""Price below which charts and floors regard a sale as a gift. Medians include gifts."""


def load_sales(snapshot: Snapshot, market: str = DEFAULT_MARKET) -> pd.DataFrame:
    """Return the priced sales of the snapshot's punks, oldest first.

    These are the sales with a price in ETH and without a true flag. The columns are punk_id, type,
    market, sold_at (UTC), price_eth, and price_usd, which is NaN if the rate of the day is unknown.
    The table's `attrs` state what is counted, like those of `price_table`.

    Args:
        snapshot: A snapshot with sales.
        market: "cryptopunks", another value of the column `market` of the sales, or "all".

    Raises DataError if there are no such sales or a file is damaged, and UsageError if there is no
    such market.
    """
    sales = _read_sales(snapshot, market)
    days = sales["sold_at"].dt.date
    facts = _describe_period(sales, market, days.min(), days.max())
    sales = sales[sales["left_out"] == ""].drop(columns="left_out").reset_index(drop=True)
    sales.attrs.update(facts)
    return sales


def price_table(
    snapshot: Snapshot,
    by: By = "type",
    *,
    since: date | str | None = None,
    until: date | str | None = None,
    market: str = DEFAULT_MARKET,
    seed: int = 0,
) -> pd.DataFrame:
    """Return prices by type, the rarest first, or by accessory, the highest premium first.

    The index has every type or accessory that a punk of the snapshot has. These are the columns;
    what is unknown is NaN:

    - punks: Number of punks with the trait.
    - sales: Number of priced sales of these punks in the period.
    - left_out: Number of their other sales in the period.
    - median_eth, median_usd: Median price. The one in USD is that of the sales whose rate is known.
    - floor_eth: Lowest price at which a punk with the trait was for sale when the data was fetched.
    - premium: Median of the ratios between prices and their reference, minus 1: 0.25 is 25% more.
      The reference is the median of the other priced sales in the same calendar month (UTC): for an
      accessory those of the same type, for a type those of all types. Sales with fewer than five
      such others have no ratio.
    - premium_low, premium_high: Its 95% confidence interval, by the percentile method from 1,000
      bootstrap resamples of the punks; NaN if fewer than five punks have a ratio.

    The table's `attrs` state what it counts: "market"; "since" and "until", the days of the period;
    "sales" and "sales_usd", the numbers of priced sales, and of those with a price in USD; and
    "left_out", the number of other sales in the period by reason: "other_market", the first flag
    that is true, or "no_price".

    Args:
        by: "type" or "accessory".
        since: First day of the period (UTC), as a date or as text such as "2021-08-31"; by default
            that of the first sale.
        until: Last day of the period; by default that of the last sale.
        market: "cryptopunks", another value of the column `market` of the sales, or "all".
        seed: Seed of the bootstrap.

    Raises UsageError if an argument is invalid or no priced sale is in the period, and DataError if
    the snapshot has no priced sales or a file is damaged.
    """
    if by not in ("type", "accessory"):
        raise choice_error("by", by, ("type", "accessory"))
    first, last = parse_day(since, "since"), parse_day(until, "until")
    sales = _read_sales(snapshot, market)
    sales["ratio"] = sales["price_eth"] / find_references(sales, by)
    days = sales["sold_at"].dt.date
    start, end = first or days.min(), last or days.max()
    priced_days = days[sales["left_out"] == ""]
    if not priced_days.between(start, end).any():
        bounds = [f"since {first}"] * bool(first) + [f"until {last}"] * bool(last)
        raise UsageError(
            f"no priced sale was made {' '.join(bounds)} (market: {market})",
            hint=f"they were made from {priced_days.min()} to {priced_days.max()}",
        )
    sales = sales[days.between(start, end)]
    rows = [
        {by: name, "punks": len(punk_ids)}
        | _summarize(sales[sales["punk_id"].isin(punk_ids)], seed)
        for name, punk_ids in _find_punks(snapshot, by).items()
    ]
    table = pd.DataFrame(rows).set_index(by).sort_index()
    table.insert(5, "floor_eth", table.index.map(_read_floors(snapshot)).astype(float))
    order = "punks" if by == "type" else "premium"
    table = table.sort_values(order, ascending=by == "type", kind="stable")
    table.attrs.update(_describe_period(sales, market, start, end))
    return table


def parse_day(day: date | str | None, name: str) -> date | None:
    """Return a day from a date or its text in ISO 8601; raise UsageError for the argument `name`.

    Only the date of a datetime counts.
    """
    try:
        if isinstance(day, datetime):
            return day.date()
        return day if day is None or isinstance(day, date) else date.fromisoformat(day)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be a date such as 2021-08-31, not {describe(day)}") from None


def find_references(sales: pd.DataFrame, by: By) -> pd.Series[float]:
    """Return the reference of each priced sale in ETH, as `price_table` defines it.

    The index is that of the priced sales, which are those whose `left_out` is empty.
    """
    priced = sales[sales["left_out"] == ""]
    months = 12 * priced["sold_at"].dt.year + priced["sold_at"].dt.month
    groups = [months, priced["type"]] if by == "accessory" else [months]
    return priced["price_eth"].groupby(groups).transform(median_of_others)


def median_of_others(prices: pd.Series[float]) -> NDArray[np.float64]:
    """Return the median of the other prices for each of N prices, float64 (N,).

    It is NaN if there are fewer than `MIN_OTHER_SALES` others.
    """
    num_others = len(prices) - 1
    if num_others < MIN_OTHER_SALES:
        return np.full(len(prices), np.nan)
    order = np.argsort(prices.to_numpy(), kind="stable")
    ordered, ranks = prices.to_numpy()[order], np.argsort(order)
    # Without the price of rank r, the price of rank k is ordered[k + (k >= r)].
    low, high = (num_others - 1) // 2, num_others // 2
    medians: NDArray[np.float64] = (
        ordered[low + (low >= ranks)] + ordered[high + (high >= ranks)]
    ) / 2
    return medians


def bootstrap_median(
    values: NDArray[np.float64], punk_ids: NDArray[np.int32], seed: int = 0
) -> tuple[float, float]:
    """Return the 95% confidence interval of the median of N values, by the percentile method.

    The bootstrap resamples punks, each with all of its values, because several sales of a punk are
    not independent: they share all of its traits. NaN if there are fewer than `MIN_PUNKS` punks.
    """
    order = np.argsort(values, kind="stable")
    values, (punks, rows) = values[order], np.unique(punk_ids[order], return_inverse=True)
    if len(punks) < MIN_PUNKS:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    medians = np.empty(NUM_RESAMPLES)
    for i in range(NUM_RESAMPLES):
        num_drawn = np.bincount(rng.integers(len(punks), size=len(punks)), minlength=len(punks))
        # Each value occurs as often as its punk was drawn; the middle ones make the median.
        ends = np.cumsum(num_drawn[rows])
        middle = np.searchsorted(ends, [(ends[-1] + 1) // 2, ends[-1] // 2 + 1])
        medians[i] = values[middle].mean()
    low, high = np.quantile(medians, [0.025, 0.975]).tolist()
    return low, high


def _read_sales(snapshot: Snapshot, market: str) -> pd.DataFrame:
    """Return the sales of the snapshot's punks in all markets, oldest first, with their types.

    The column `left_out` is the first reason that applies, and empty for priced sales.
    """
    columns = ["punk_id", "market", "sold_at", "price_eth", "price_usd", *SALE_FLAGS]
    table = snapshot.sales(columns)
    if not table:  # None, or without rows
        option = root_option_of(snapshot.path)
        raise DataError(
            f"'{snapshot.path}' has no sales in ETH",
            hint=f"get them with: punkdata fetch --instant-key{option} && "
            f"punkdata build-dataset{option}",
        )
    types = snapshot.punks(columns=["punk_id", "type"]).to_pandas()
    sales: pd.DataFrame = table.to_pandas().merge(types, on="punk_id")
    choices = (*sorted({DEFAULT_MARKET, *sales["market"]}), ALL_MARKETS)
    if market not in choices:
        raise choice_error("market", market, choices)
    is_elsewhere = (sales["market"] != market) & (market != ALL_MARKETS)
    # Flags that are null do not count.
    is_flagged = [sales[name].eq(True).to_numpy(bool) for name in SALE_FLAGS]
    applies = [is_elsewhere.to_numpy(bool), *is_flagged, sales["price_eth"].isna().to_numpy(bool)]
    sales["left_out"] = np.select(applies, ["other_market", *SALE_FLAGS, "no_price"], "")
    if (sales["left_out"] != "").all():
        raise DataError(f"'{snapshot.path}' has no sales in ETH (market: {market})")
    return sales.drop(columns=list(SALE_FLAGS))


def _find_punks(snapshot: Snapshot, by: By) -> dict[str, NDArray[np.int32]]:
    """Return the punk_ids of each type or accessory."""
    column = "type" if by == "type" else "accessories"
    traits = snapshot.punks(columns=["punk_id", column]).to_pandas().explode(column)
    return {name: rows["punk_id"].to_numpy() for name, rows in traits.groupby(column)}


def _read_floors(snapshot: Snapshot) -> dict[str, float]:
    """Return the floor price of each type and accessory in ETH; NaN in other currencies."""
    floors = snapshot.trait_floors()
    return (
        {} if floors is None else floors.to_pandas().groupby("label")["price_eth"].min().to_dict()
    )


def _summarize(sales: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return the columns of a row of `price_table` that follow from the sales."""
    priced = sales[sales["left_out"] == ""]
    rated = priced.dropna(subset="ratio")
    low, high = bootstrap_median(rated["ratio"].to_numpy(), rated["punk_id"].to_numpy(), seed)
    return {
        "sales": len(priced),
        "left_out": len(sales) - len(priced),
        "median_eth": priced["price_eth"].median(),
        "median_usd": priced["price_usd"].median(),
        "premium": rated["ratio"].median() - 1,
        "premium_low": low - 1,
        "premium_high": high - 1,
    }


def _describe_period(sales: pd.DataFrame, market: str, start: date, end: date) -> dict[str, Any]:
    """Return what `price_table(…).attrs` state, for sales of this period."""
    priced = sales[sales["left_out"] == ""]
    counts = sales["left_out"].value_counts()
    return {
        "market": market,
        "since": str(start),
        "until": str(end),
        "sales": len(priced),
        "sales_usd": int(priced["price_usd"].count()),
        "left_out": {name: int(counts[name]) for name in REASONS if name in counts},
    }


def describe_sales(facts: Mapping[Any, Any]) -> list[str]:
    """Return lines that say which sales are counted and left out, from the `attrs` of a table."""
    is_all, left_out = facts["market"] == ALL_MARKETS, facts["left_out"]
    market = "all markets" if is_all else f"the market {facts['market']}"
    lines = [
        f"{facts['sales']:,} sales in {market} from {facts['since']} to {facts['until']} (UTC), in "
        "ETH, WETH or BETH"
    ]
    if left_out:
        parts = ", ".join(f"{REASONS[name]} {count:,}" for name, count in left_out.items())
        lines.append(f"{sum(left_out.values()):,} sales left out: {parts}")
    return lines

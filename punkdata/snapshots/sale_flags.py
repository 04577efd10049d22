"""Flags of sales whose price says little about what a punk is worth: computing them by fixed rules.

A flag is True, False, or None if it cannot be known. Statistics use priced sales: those that have a
price in ETH, and for which no flag is True. docs/howto/prices.md has an example of each flag.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate, groupby
from typing import Any

from punkdata.currencies import ZERO_ADDRESS, is_eth_currency
from punkdata.schema import SALE_FLAGS

ROUND_TRIP = timedelta(days=1)
"""Longest time from a sale until its seller buys the punk back that makes it a round trip."""
OUTLIER_FACTOR = 20
"""Multiple of the median price of the same type above which a price is an outlier."""
OUTLIER_PERIOD = timedelta(days=30)
"""Length of the period before a sale from which that median is taken."""
MIN_OUTLIER_SALES = 3
"""Number of sales in that period below which there is no median."""

Sale = Mapping[str, Any]
"""A row of the sales table."""


def is_priced(sale: Sale) -> bool:
    """Return whether a sale with its flags has a price in ETH, and no flag that is True."""
    return sale["price_wei"] is not None and not any(sale[name] for name in SALE_FLAGS)


def find_flags(sales: Sequence[Sale], types: Mapping[int, str]) -> list[dict[str, bool | None]]:
    """Return the flags of each sale, by name.

    - is_zero_amount: the payment is 0. None if the payment is unknown.
    - is_other_currency: the payment is not in ETH, WETH or BETH. None if its currency is unknown.
    - is_bundle: the transaction has sales of at least two punks. None without a transaction.
    - is_self_trade: buyer and seller are equal, or the sale belongs to a round trip, in which a
      seller buys the same punk back at most 24 hours later. Sales of the punk in between belong to
      it, too. The zero address is an unknown one. None if an address is unknown and the sale does
      not belong to a round trip.
    - is_outlier: the price is more than 20 times the median price of the type in the 30 days before
      the sale, over the sales in ETH that have no other flag. None if there are fewer than three of
      these, or if the price in ETH or the type is unknown.

    Args:
        sales: Rows of the sales table of all markets, oldest first. They need no columns of flags.
            Amounts are integers or, as in tables of pyarrow, decimals without a fraction.
        types: Type of each punk by punk_id.
    """
    amounts = (sale["payment_base_units"] for sale in sales)
    columns: list[Sequence[bool | None]] = [
        [None if amount is None else amount == 0 for amount in amounts],
        [_is_other_currency(sale) for sale in sales],
        _find_bundles(sales),
        _find_self_trades(sales),
    ]
    is_flagged = [any(flags) for flags in zip(*columns, strict=True)]
    columns.append(_find_outliers(sales, is_flagged, types))
    return [dict(zip(SALE_FLAGS, flags, strict=True)) for flags in zip(*columns, strict=True)]


def _is_other_currency(sale: Sale) -> bool | None:
    is_eth = is_eth_currency(sale["decimals"], sale["symbol"], sale["token_address"])
    return None if is_eth is None else not is_eth


# -- Bundles --------------------------------------------------------------------------------


def _find_bundles(sales: Sequence[Sale]) -> list[bool | None]:
    punk_ids = defaultdict[str, set[int]](set)
    hashes = [sale["transaction_hash"] for sale in sales]
    for sale, transaction_hash in zip(sales, hashes, strict=True):
        if transaction_hash is not None:
            punk_ids[transaction_hash].add(sale["punk_id"])
    return [None if name is None else len(punk_ids[name]) > 1 for name in hashes]


# -- Self-trades ----------------------------------------------------------------------------


def _find_self_trades(sales: Sequence[Sale]) -> list[bool | None]:
    by_punk = defaultdict[int, list[int]](list)
    for row, sale in enumerate(sales):
        by_punk[sale["punk_id"]].append(row)
    is_round_trip = [False] * len(sales)
    for rows in by_punk.values():
        same_times = groupby(rows, key=lambda row: sales[row]["sold_at"])
        ordered = [row for _, group in same_times for row in _order_by_owner(sales, list(group))]
        found = _find_round_trips([sales[row] for row in ordered])
        for row, is_in_round_trip in zip(ordered, found, strict=True):
            is_round_trip[row] = is_in_round_trip
    flags: list[bool | None] = []
    for sale, is_in_round_trip in zip(sales, is_round_trip, strict=True):
        seller, buyer = _known(sale["seller"]), _known(sale["buyer"])
        is_unknown = seller is None or buyer is None
        flags.append(is_in_round_trip or (None if is_unknown else seller == buyer))
    return flags


def _order_by_owner(sales: Sequence[Sale], rows: list[int]) -> list[int]:
    """Return rows of the same punk and time in the order in which each buyer sells the punk on.

    Somebody who buys a punk and sells it on within a transaction makes no round trip, which it
    would seem to be if the second sale came first.
    """
    graph = TopologicalSorter[int | str]()
    for row in rows if len(rows) > 1 else ():
        seller, buyer = _known(sales[row]["seller"]), _known(sales[row]["buyer"])
        graph.add(row, *([seller] if seller else ()))
        if buyer:
            graph.add(buyer, row)
    try:
        return [node for node in graph.static_order() if isinstance(node, int)] or rows
    except CycleError:  # A round trip, which is found in any order.
        return rows


def _find_round_trips(sales: Sequence[Sale]) -> list[bool]:
    """Return for each sale of one punk, in order, whether it belongs to a round trip."""
    # +1 where a round trip starts, and -1 behind its end, so that sums count those that are open.
    changes = [0] * (len(sales) + 1)
    times_sold = defaultdict[str, list[datetime]](list)
    positions_sold = defaultdict[str, list[int]](list)
    for end, sale in enumerate(sales):
        seller, buyer = _known(sale["seller"]), _known(sale["buyer"])
        if buyer is not None and buyer in times_sold:
            first = bisect_left(times_sold[buyer], sale["sold_at"] - ROUND_TRIP)
            if first < len(positions_sold[buyer]):
                changes[positions_sold[buyer][first]] += 1
                changes[end + 1] -= 1
        if seller is not None:
            times_sold[seller].append(sale["sold_at"])
            positions_sold[seller].append(end)
    return [num_open > 0 for num_open in accumulate(changes[:-1])]


def _known(address: str | None) -> str | None:
    return None if address == ZERO_ADDRESS else address


# -- Outliers -------------------------------------------------------------------------------


def _find_outliers(
    sales: Sequence[Sale], is_flagged: Sequence[bool], types: Mapping[int, str]
) -> list[bool | None]:
    flags: list[bool | None] = []
    references = defaultdict[str, _Reference](_Reference)
    for sale, is_left_out in zip(sales, is_flagged, strict=True):
        punk_type = types.get(sale["punk_id"])
        if punk_type is None or sale["price_wei"] is None:
            flags.append(None)
            continue
        # The arithmetic of decimals would round.
        price_wei, reference = int(sale["price_wei"]), references[punk_type]
        flags.append(reference.is_outlier(sale["sold_at"], price_wei))
        if not is_left_out:
            reference.add(sale["sold_at"], price_wei)
    return flags


class _Reference:
    """The prices of one type in the 30 days before a sale, for sales from the oldest on."""

    def __init__(self) -> None:
        self._sales: list[tuple[datetime, int]] = []
        self._start = self._end = 0  # The sales within the period.
        self._prices: list[int] = []  # Their prices in wei, sorted.

    def add(self, sold_at: datetime, price_wei: int) -> None:
        self._sales.append((sold_at, price_wei))

    def is_outlier(self, sold_at: datetime, price_wei: int) -> bool | None:
        """Return whether this price is an outlier; None if there are too few sales before it."""
        while self._end < len(self._sales) and self._sales[self._end][0] < sold_at:
            insort(self._prices, self._sales[self._end][1])
            self._end += 1
        while self._start < self._end and self._sales[self._start][0] < sold_at - OUTLIER_PERIOD:
            del self._prices[bisect_left(self._prices, self._sales[self._start][1])]
            self._start += 1
        num_sales = len(self._prices)
        if num_sales < MIN_OUTLIER_SALES:
            return None
        doubled_median = self._prices[num_sales // 2] + self._prices[(num_sales - 1) // 2]
        return 2 * price_wei > OUTLIER_FACTOR * doubled_median

"""Collection of all sales and of the current listings, both for a fetch and for a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.collected_punks import CollectedPunks
from punkdata.sources.opensea.parsing import parse_listing, parse_sale

DAY_S = 24 * 3600

_SaleKey: TypeAlias = tuple[object, ...]


def collect_sales(
    client: OpenSeaClient,
    punks: CollectedPunks,
    sales_after: Sequence[int] = (),
    progress: Progress = lambda done, total: None,
) -> tuple[list[SaleRecord], list[str]]:
    """Return all sales without duplicates, by time, and notes on the events that were ignored.

    Args:
        punks: Tokens whose contract and chain the sales must have.
        sales_after: Start times of the sales queries in the recording, newest first; see
            `RecordingInfo.sales_after`. Where two queries overlap, the newer one counts.
    """
    sales: dict[_SaleKey, SaleRecord] = {}
    ignored: Counter[str] = Counter()
    end: int | None = None
    for start in [*sales_after, None]:
        window: dict[_SaleKey, SaleRecord] = {}
        reasons: Counter[str] = Counter()
        for page in client.iter_sales(sales_query_start(start), reuse=end is not None):
            if page is None:
                window.clear()
                reasons.clear()
            for event in page or ():
                # The newer query covers this time. A sale that it lacks no longer exists.
                if end is not None and event.event_timestamp >= end:
                    continue
                try:
                    sale = parse_sale(event, punks.contract, punks.chain)
                except DataError as error:
                    reasons[error.message] += 1
                    continue
                # Pages are sorted from newest to oldest, so the first of two duplicates wins.
                window.setdefault(_sale_key(sale), sale)
            progress(len(sales) + len(window), None)
        # If the time of a sale was corrected across the start of the newer query, both queries
        # return the sale. Only the one from the newer query counts.
        newer = {key[:2] for key in sales if key[1] is not None}
        older_sales = {key: sale for key, sale in window.items() if key[:2] not in newer}
        sales = {**older_sales, **sales}
        ignored += reasons
        end = start
    notes = [
        f"ignored {n:,} sale event{'s' if n > 1 else ''}: {reason}"
        for reason, n in sorted(ignored.items())
    ]
    return sorted(sales.values(), key=_sort_key), notes


def sales_query_start(start: int | None) -> int | None:
    """Return the `after` parameter that requests all sales from `start` on.

    It is one day before `start`, because the time of a sale may have been corrected since, and
    because it is not documented whether sales at exactly `after` are included.
    """
    return None if start is None else max(0, start - DAY_S)


def _sale_key(sale: SaleRecord) -> _SaleKey:
    """Return what identifies a sale: events have no id, and a transaction may have many sales."""
    parties = (sale.seller, sale.buyer)
    return sale.punk_id, sale.transaction, sale.sold_at, parties


def _sort_key(sale: SaleRecord) -> tuple[object, ...]:
    return sale.sold_at, sale.punk_id, sale.transaction or "", sale.seller or "", sale.buyer or ""


def collect_listings(client: OpenSeaClient, punks: CollectedPunks) -> dict[int, int]:
    """Return the lowest current listing price in wei of each listed punk, by punk_id.

    Only listings in ETH, WETH or BETH count.
    """
    lowest: dict[int, int] = {}
    for page in client.iter_listings():
        if page is None:
            lowest.clear()
        for listing in page or ():
            if parsed := parse_listing(listing, punks.contract):
                punk_id, price_wei = parsed
                lowest[punk_id] = min(price_wei, lowest.get(punk_id, price_wei))
    return lowest

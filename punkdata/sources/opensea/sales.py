"""Collection of all sales and of the current listings, both for a fetch and for a build."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources.opensea.client import OpenSeaClient, open_replay
from punkdata.sources.opensea.parsing import parse_listing, parse_sale
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.recording import Recording

DAY_S = 24 * 3600
SALES_OVERLAP_S = 7 * DAY_S
"""Age up to which a refresh requests sales again, because some appear late."""
MAX_SALES_QUERIES = 20
"""Number of queries after which a refresh requests all sales again, to find corrections of them."""


def collect_sales(
    client: OpenSeaClient,
    punks: CollectedPunks,
    sales_after: Sequence[int] = (),
    progress: Progress = lambda done, total: None,
) -> tuple[list[SaleRecord], list[str]]:
    """Return all sales without duplicates, by time, and notes on the events that were ignored.

    The sales must have the contract and the chain of `punks`. There is one query for each start
    time in `RecordingInfo.sales_after`; where two queries overlap, the newer one counts.
    """
    sales: dict[tuple[object, ...], SaleRecord] = {}
    ignored: Counter[str] = Counter()
    end: int | None = None
    for start in [*sales_after, None]:
        window: dict[tuple[object, ...], SaleRecord] = {}
        reasons: Counter[str] = Counter()
        for page in client.iter_sales(_query_start(start), reuse=end is not None):
            if page is None:
                window.clear()
                reasons.clear()
                continue
            reasons.update(row.reason for row in page.unreadable)
            for event in page.rows:
                # The newer query covers this time. A sale that it lacks no longer exists.
                if end is not None and event.event_timestamp >= end:
                    continue
                try:
                    sale = parse_sale(event, punks.contract, punks.chain)
                except DataError as error:
                    reasons[error.message] += 1
                    continue
                # Events have no id, and a transaction may have many sales. Pages are sorted from
                # newest to oldest, so the first of two duplicates wins.
                key = (sale.punk_id, sale.transaction, sale.sold_at, sale.seller, sale.buyer)
                window.setdefault(key, sale)
            progress(len(sales) + len(window), None)
        # If the time of a sale was corrected across the start of the newer query, both queries
        # return the sale. Only the one from the newer query counts.
        newer = {key[:2] for key in sales if key[1] is not None}
        older_sales = {key: sale for key, sale in window.items() if key[:2] not in newer}
        sales = older_sales | sales
        ignored += reasons
        end = start
    notes = [
        f"ignored {n:,} sale event{'s' if n > 1 else ''}: {reason}"
        for reason, n in sorted(ignored.items())
    ]
    ordered = sorted(
        sales.values(),
        key=lambda s: (s.sold_at, s.punk_id, s.transaction or "", s.seller or "", s.buyer or ""),
    )
    return ordered, notes


def _query_start(start: int | None) -> int | None:
    """Return the `after` parameter that requests all sales from `start` on.

    It is a day earlier, because the time of a sale may have been corrected since, and because it is
    not documented whether sales at exactly `after` are included.
    """
    return None if start is None else max(0, start - DAY_S)


def next_sales_after(parent: Recording) -> list[int]:
    """Return `RecordingInfo.sales_after` of a refresh: from a week before the newest known sale."""
    older = parent.info.sales_after
    if len(older) >= MAX_SALES_QUERIES:
        return []
    try:
        client = open_replay(parent)
        # A wrong date in the future must not hide the sales before it.
        fetched_s = datetime.fromisoformat(next(parent.replies()).time).timestamp()
        for after in [*older, None]:
            page = next(client.iter_sales(_query_start(after)))
            times = [
                event.event_timestamp
                for event in (page.rows if page else ())
                if event.event_timestamp <= fetched_s
            ]
            if times:
                return [max(max(times) - SALES_OVERLAP_S, 1), *older]
    except DataError:
        pass  # The parent is damaged: request all sales again.
    return []


def collect_listings(client: OpenSeaClient, punks: CollectedPunks) -> dict[int, int]:
    """Return the lowest listing price in wei of each punk that is listed in ETH, by punk_id."""
    lowest: dict[int, int] = {}
    for page in client.iter_listings():
        if page is None:
            lowest.clear()
        for listing in page.rows if page else ():
            if parsed := parse_listing(listing, punks.contract):
                punk_id, price_wei = parsed
                lowest[punk_id] = min(price_wei, lowest.get(punk_id, price_wei))
    return lowest

"""From an OpenSea client to sales and listings; for a fetch and a build alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.parsing import parse_listing, parse_sale
from punkdata.sources.opensea.tokens import CollectedPunks

DAY_S = 24 * 3600


def collect_sales(
    client: OpenSeaClient,
    punks: CollectedPunks,
    sales_after: Sequence[int] = (),
    progress: Progress = lambda done, total: None,
) -> tuple[list[SaleRecord], list[str]]:
    """All sales, each once, by time; and what had to be left out.

    Args:
        punks: whose contract's sales are meant.
        sales_after: where the listings end that the recording is made of, see
            `RecordingInfo.sales_after`. The newer listing counts where two overlap.
    """
    found: dict[tuple[object, ...], SaleRecord] = {}
    left_out: Counter[str] = Counter()
    until: int | None = None
    for after in [*sales_after, None]:
        window: dict[tuple[object, ...], SaleRecord] = {}
        reasons: Counter[str] = Counter()
        for page in client.iter_sales(sales_query_start(after), reuse=until is not None):
            if page is None:
                window.clear()
                reasons.clear()
            for event in page or ():
                if until is not None and event.event_timestamp >= until:
                    continue  # the newer listing has it, unless it was taken back
                try:
                    sale = parse_sale(event, punks.contract, punks.chain)
                except DataError as error:
                    reasons[error.message] += 1
                    continue
                # The first is the newest word on a sale that stands there twice.
                window.setdefault(_sale_key(sale), sale)
            progress(len(found) + len(window), None)
        # A sale whose time was corrected is not told twice, on both sides of the edge.
        told = {key[:2] for key in found if key[1] is not None}
        older = {key: sale for key, sale in window.items() if key[:2] not in told}
        found = {**older, **found}
        left_out += reasons
        until = after
    notes = [
        f"{n:,} sale event{'s' if n > 1 else ''} left out: {reason}"
        for reason, n in sorted(left_out.items())
    ]
    return sorted(found.values(), key=_sale_order), notes


def sales_query_start(after: int | None) -> int | None:
    """From when on a listing of sales is asked for that counts from `after` on.

    A day earlier: sales whose time was corrected since may lie on the other side, and
    nobody says whether the edge itself is included.
    """
    return None if after is None else max(0, after - DAY_S)


def _sale_key(sale: SaleRecord) -> tuple[object, ...]:
    """What tells two sales apart; events have no id, and one transaction may hold many."""
    parties = (sale.seller, sale.buyer)
    return sale.punk_id, sale.transaction, sale.sold_at, parties


def _sale_order(sale: SaleRecord) -> tuple[object, ...]:
    return sale.sold_at, sale.punk_id, sale.transaction or "", sale.seller or "", sale.buyer or ""


def collect_listings(client: OpenSeaClient, punks: CollectedPunks) -> dict[int, int]:
    """punk_id -> the lowest price in wei at which it is listed now, in ETH, WETH or BETH."""
    best: dict[int, int] = {}
    for page in client.iter_listings():
        if page is None:
            best.clear()
        for listing in page or ():
            if parsed := parse_listing(listing, punks.contract):
                punk_id, price_wei = parsed
                best[punk_id] = min(price_wei, best.get(punk_id, price_wei))
    return best

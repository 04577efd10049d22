"""Collection of all sales, both for a fetch and for a build.

The sales of the collection are listed from the newest to the oldest. If a fetch is resumed after a
long time, it continues at the cursor that it received then, and this loses no sale: sales that were
added since come before that cursor, so the rest of the list is the same, or, if the cursor is a
mere offset, begins with sales that are already known. The next refresh reads the new ones.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from punkdata.errors import PunkError, ReplyError
from punkdata.files import DEFAULT_COLLECTION
from punkdata.progress import Progress
from punkdata.records import SaleRecord
from punkdata.sources.opensea.api.client import PAGE_SIZE, OpenSeaClient, open_replay
from punkdata.sources.opensea.api.price_schemas import SaleEvent
from punkdata.sources.opensea.api.rows import Page
from punkdata.sources.opensea.notes import UNLISTED_SALE, UNREADABLE_SALE, Note, NoteBook
from punkdata.sources.opensea.parsing import parse_punk_id
from punkdata.sources.opensea.prices import Market, describe_row, parse_sale, parse_time
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.recording import Recording

DAY_S = 24 * 3600
SALES_OVERLAP_S = 7 * DAY_S
"""Age up to which a refresh requests sales again, because some appear late."""
MAX_SALES_QUERIES = 20
"""Number of queries after which a refresh requests all sales again, to find corrections of them."""
ESTIMATED_SALES = 25_000
"""Estimated number of sales of the collection. About 22,000 were known by 2022."""

_SaleKey = tuple[object, ...]
_Pages = Iterable[Page[SaleEvent] | None]


@dataclass
class CollectedSales:
    """Sales without duplicates, by time, and what to report about rows of the same punks.

    Rows that are certainly about other punks, for example about those that a sample lacks, are
    neither reported nor lost.
    """

    sales: list[SaleRecord]
    notes: list[Note]

    @property
    def num_lost(self) -> int:
        """Number of rows whose price is lost."""
        return sum(note.is_lost for note in self.notes)


@dataclass
class _Window:
    """The sales that one or more queries list, and the notes on their rows."""

    sales: dict[_SaleKey, SaleRecord] = field(default_factory=dict)
    notes: NoteBook = field(default_factory=NoteBook)


def collect_sales(
    client: OpenSeaClient,
    punks: CollectedPunks,
    sales_after: Sequence[int] = (),
    progress: Progress = lambda done, total: None,
    market: Market | None = None,
) -> CollectedSales:
    """Return the sales in a market, also those of punks that `punks` lacks.

    By default, the market is the collection itself, with the contract and the chain of `punks`.
    There is one query for each start time in `sales_after`, see `RecordingInfo`; where two queries
    overlap, the newer one counts. If the newer one lists no sale at all, not even the one that its
    start time comes from, it is ignored.
    """
    market = market or _main_market(punks)
    found = _Window()
    end: int | None = None
    doubted = math.inf
    for number, start in enumerate([*sales_after, None]):
        window = _Window()
        pages = client.iter_sales(_query_start(start), reuse=number > 0, slug=market.slug)
        for _ in _read_pages(window, pages, market, end):
            progress(len(found.sales) + len(window.sales), None)
        # If the time of a sale was corrected across the start of the newer query, both queries
        # return the sale. Only the one from the newer query counts.
        newer = {key[:2] for key in found.sales if key[1] is not None}
        older_sales = {key: sale for key, sale in window.sales.items() if key[:2] not in newer}
        found.sales = older_sales | found.sales
        found.notes.merge(window.notes)
        for key, sale in older_sales.items():
            if sale.sold_at.timestamp() >= doubted:
                place = describe_row(str(sale.punk_id), sale.transaction_hash)
                note = Note(UNLISTED_SALE, place, punk_id=sale.punk_id)
                found.notes.add(key, [note])
        if window.sales:
            end, doubted = start, math.inf
        elif start is not None:
            doubted = start
    return _finish(found, punks)


def collect_sales_by_token(
    client: OpenSeaClient, punks: CollectedPunks, progress: Progress = lambda done, total: None
) -> CollectedSales:
    """Return the sales of `punks`, with one query for each of them.

    Raises ReplyError if the API lists sales of other tokens instead.
    """
    found = _Window()
    for punk_id in sorted(_known_ids(punks)):
        window = _Window()
        pages = _check_token(client.iter_sales_of(punk_id, punks.chain, punks.contract), punk_id)
        for _ in _read_pages(window, pages, _main_market(punks)):
            progress(len(found.sales) + len(window.sales), None)
        found.sales |= window.sales
        found.notes.merge(window.notes)
    return _finish(found, punks)


def is_small_sample(limit: int | None) -> bool:
    """Return whether one query for each of `limit` punks costs fewer requests than all sales."""
    return limit is not None and limit < ESTIMATED_SALES // PAGE_SIZE


def should_read_by_token(limit: int | None, sales_after: Sequence[int]) -> bool:
    """Return whether the sales of each punk are requested alone, because that is less."""
    is_refresh = bool(sales_after)  # Then a single page usually has all new sales.
    return is_small_sample(limit) and not is_refresh


def _check_token(pages: _Pages, punk_id: int) -> Iterator[Page[SaleEvent] | None]:
    for page in pages:
        ids = {parse_punk_id(event.identifier or "") for event in (page.rows if page else ())}
        if ids - {punk_id, None}:
            raise ReplyError(f"the API lists sales of other punks as those of punk {punk_id}")
        yield page


def _read_pages(
    window: _Window, pages: _Pages, market: Market, end: int | None = None
) -> Iterator[None]:
    """Add the sales on these pages that are earlier than `end` to `window`, page by page."""
    for page in pages:
        if page is None:
            window.sales.clear()
            window.notes.clear()
        window.notes.start_page()
        for row in page.unreadable if page else ():
            punk_id = parse_punk_id(row.identifier or "")
            note = Note(UNREADABLE_SALE, row.reason, is_lost=True, punk_id=punk_id)
            window.notes.add(row.row, [note])
        for event in page.rows if page else ():
            sale, notes = parse_sale(event, market)
            # The newer query covers this time. A sale that it lacks no longer exists.
            if sale is not None and end is not None and sale.sold_at.timestamp() >= end:
                continue
            window.notes.add(event, notes)
            if sale is not None:
                # Events have no id, and a transaction may have many sales. Pages are sorted from
                # newest to oldest, so the first of two duplicates wins.
                key = (sale.punk_id, sale.transaction_hash, sale.sold_at, sale.seller, sale.buyer)
                window.sales.setdefault(key, sale)
        yield


def _main_market(punks: CollectedPunks) -> Market:
    return Market(DEFAULT_COLLECTION, DEFAULT_COLLECTION, punks.contract, punks.chain)


def _finish(found: _Window, punks: CollectedPunks) -> CollectedSales:
    return CollectedSales(sort_sales(found.sales.values()), found.notes.about(_known_ids(punks)))


def sort_sales(sales: Iterable[SaleRecord]) -> list[SaleRecord]:
    """Return sales in the order of the data set, the oldest one first."""
    return sorted(
        sales,
        key=lambda sale: (
            *(sale.sold_at, sale.punk_id, sale.market, sale.transaction_hash or ""),
            *(sale.seller or "", sale.buyer or ""),
        ),
    )


def _known_ids(punks: CollectedPunks) -> set[int]:
    return punks.labels.keys() | punks.missing.keys()


def _query_start(start: int | None) -> int | None:
    """Return the `after` parameter that requests all sales from `start` on.

    It is a day earlier, because the time of a sale may have been corrected since, and because it is
    not documented whether sales at exactly `after` are included.
    """
    return None if start is None else max(0, start - DAY_S)


def next_sales_after(parent: Recording) -> list[int]:
    """Return `RecordingInfo.sales_after` of a refresh: from a week before the newest known sale.

    It is empty, so that all sales are requested again, if the parent does not have all of them.
    """
    if parent.info.lost_sales or parent.info.sales_by_token:
        return []
    return extend_sales_after(parent, parent.info.sales_after)


def extend_sales_after(
    parent: Recording, older: Sequence[int], slug: str = DEFAULT_COLLECTION
) -> list[int]:
    """Return the start times of the queries for a market's sales that follow the `older` ones.

    The result is empty, so that all sales are requested again, after too many queries, or if the
    parent has no sales of this market.
    """
    if len(older) >= MAX_SALES_QUERIES:
        return []
    try:
        client = open_replay(parent)
        # A wrong date in the future must not hide the sales before it.
        fetched_s = datetime.fromisoformat(next(parent.replies()).time).timestamp()
        # The first pages may be empty.
        starts = (_query_start(after) for after in [*older, None])
        for page in chain(*(client.iter_sales(start, slug=slug) for start in starts)):
            events = [e for e in (page.rows if page else ()) if e.collection in (None, slug)]
            times = (parse_time(event.event_timestamp) for event in events)
            past = [time[0] for time in times if time and time[0] <= fetched_s]
            if past:
                return [max(max(past) - SALES_OVERLAP_S, 1), *older]
    except PunkError:
        pass  # The parent is damaged, or could not read this market.
    return []

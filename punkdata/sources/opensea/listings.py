"""The public offers of punks, collected from the API for a fetch or from a recording for a build.

OpenSea serves the orders of its own order book only. A punk without a listing may be for sale
elsewhere, for example at the contract of the CryptoPunks itself.
"""

from collections.abc import Iterable
from datetime import datetime

from punkdata.records import ListingRecord
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.notes import UNREADABLE_LISTING, Note, NoteBook
from punkdata.sources.opensea.parsing import parse_punk_id
from punkdata.sources.opensea.prices import parse_listing
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.recording_format import Reply, strip_cursor


def collect_listings(
    client: OpenSeaClient, punks: CollectedPunks, *, restart: bool = False
) -> tuple[list[ListingRecord], list[Note]]:
    """Return the lowest price of each of `punks` in each currency, and what to report.

    The listings are ordered by punk_id. With `restart`, all pages are requested again.
    """
    lowest: dict[tuple[object, ...], ListingRecord] = {}
    notes = NoteBook()
    for page in client.iter_listings(restart=restart):
        if page is None:
            lowest.clear()
            notes.clear()
        notes.start_page()
        for unreadable in page.unreadable if page else ():
            punk_id = parse_punk_id(unreadable.identifier or "")
            note = Note(UNREADABLE_LISTING, unreadable.reason, punk_id=punk_id)
            notes.add(unreadable.row, [note])
        for row in page.rows if page else ():
            listing, row_notes = parse_listing(row, punks.contract, punks.chain)
            notes.add(row, row_notes)
            if listing is not None:
                symbol = listing.symbol and listing.symbol.casefold()
                key = (listing.punk_id, symbol, listing.token_address, listing.decimals)
                known = lowest.setdefault(key, listing)
                if listing.payment_base_units < known.payment_base_units:
                    lowest[key] = listing
    known_ids = punks.labels.keys() | punks.missing.keys()
    ordered = sorted(
        (listing for listing in lowest.values() if listing.punk_id in known_ids),
        key=lambda x: (x.punk_id, x.symbol or "", x.token_address or "", x.decimals or 0),
    )
    return ordered, notes.about(known_ids)


def are_outdated(replies: Iterable[Reply], listings_url: str, now: datetime) -> bool:
    """Return whether a recorded page of listings is so old that all must be requested again.

    Pages from two times would not fit together: a punk may have moved from one to the other.
    """
    pages = [reply for reply in replies if strip_cursor(reply.url) == listings_url]
    newest_pass = max((page.pass_number for page in pages), default=0)
    return any(page.is_outdated(now) for page in pages if page.pass_number == newest_pass)

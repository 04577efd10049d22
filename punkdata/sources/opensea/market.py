"""Everything about the market that is optional, collected for a fetch or for a build.

These are the prices of ETH in US dollars, the floor prices, and the statistics of the collection.
If one of them cannot be read, the fetch continues without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from punkdata.errors import PunkError
from punkdata.records import FloorPriceRecord, MarketStats, RateRecord, TraitFloorRecord
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.floors import read_floor_prices, read_stats, read_trait_floors
from punkdata.sources.opensea.rates import collect_rates

T = TypeVar("T")


@dataclass
class MarketData:
    """Prices and statistics, each None if unknown, and warnings about them.

    The prices are ordered by time, those of labels by label and symbol.
    """

    eth_usd: list[RateRecord] | None = None
    floor_prices: list[FloorPriceRecord] | None = None
    trait_floors: list[TraitFloorRecord] | None = None
    stats: MarketStats | None = None
    warnings: list[str] = field(default_factory=list)


def collect_market(client: OpenSeaClient, newest_year: int | None) -> MarketData:
    """Return what is known about the market. `newest_year` is `RecordingInfo.market_year`."""
    market = MarketData()
    if newest_year is None:  # The recording comes from a version that did not request any of it.
        return market
    market.eth_usd, warnings = collect_rates(client, newest_year)
    market.warnings += warnings
    if floors := _try(client.get_floor_prices, "floor prices", market):
        market.floor_prices, warnings = read_floor_prices(floors)
        market.warnings += warnings
    if stats := _try(client.get_stats, "statistics of the collection", market):
        market.stats = read_stats(stats)
        if market.stats is None:
            market.warnings.append("statistics of the collection are missing from their reply")
    if trait_floors := _try(client.get_trait_floors, "floor prices of traits", market):
        market.trait_floors, warnings = read_trait_floors(trait_floors)
        market.warnings += warnings
    return market


def _try(get: Callable[[], T], what: str, market: MarketData) -> T | None:
    """Return a reply; if it cannot be read, add a warning and return None."""
    try:
        return get()
    except PunkError as error:
        reason = message_or_raise(error)
        market.warnings.append(f"{what} are missing, because they could not be read: {reason}")
        return None

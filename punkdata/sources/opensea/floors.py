"""Floor prices and statistics of the collection, read from the replies of the API."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from punkdata.records import FloorPriceRecord, MarketStats, TraitFloorRecord
from punkdata.sources.opensea.api.market_schemas import CollectionStats, FloorHistory, TraitFloors
from punkdata.sources.opensea.api.schemas import MAX_COUNT, to_exact_int
from punkdata.sources.opensea.http.error_replies import to_one_line
from punkdata.sources.opensea.labels import PSEUDO_ACCESSORY, find_trait_label, shorten, to_text
from punkdata.sources.opensea.prices import (
    COLLECTION_START_S,
    parse_eth,
    parse_positive,
    parse_time,
)

MAX_SYMBOL_CHARS = 20
"""Length to which the symbols of currencies are shortened."""


def read_floor_prices(history: FloorHistory) -> tuple[list[FloorPriceRecord], list[str]]:
    """Return the floor prices by time, and what to report. The last price of a second counts."""
    floors: dict[int, FloorPriceRecord] = {}
    num_unusable = len(history.unreadable)
    for point in history.rows:
        time = parse_time(point.time)
        in_eth, in_usd = parse_eth(point.token_unit, point.symbol), parse_positive(point.usd_price)
        if time is None or time[0] < COLLECTION_START_S or (in_eth is None and in_usd is None):
            num_unusable += 1
            continue
        seconds = time[0]
        floors[seconds] = FloorPriceRecord(datetime.fromtimestamp(seconds, UTC), in_eth, in_usd)
    warnings = _report_unusable(num_unusable, "without a readable time or price")
    return [floors[seconds] for seconds in sorted(floors)], warnings


def read_trait_floors(reply: TraitFloors) -> tuple[list[TraitFloorRecord], list[str]]:
    """Return the lowest price of each label in each currency, and what to report.

    Trait values are recognized as those of tokens are, under any trait type.
    """
    lowest: dict[tuple[str, str], TraitFloorRecord] = {}
    unknown: Counter[str] = Counter()
    num_unusable = len(reply.unreadable)
    for row in reply.rows:
        value, price = to_text(row.value), parse_positive(row.floor_price)
        symbol = _read_symbol(row.payment_token_symbol)
        if PSEUDO_ACCESSORY.fullmatch(value):
            continue
        if (label := find_trait_label(value)) is None:
            unknown[shorten(value)] += 1
        elif price is None:
            num_unusable += 1
        else:
            floor = TraitFloorRecord(label, symbol, price, parse_eth(row.floor_price, symbol))
            known = lowest.setdefault((label, (symbol or "").casefold()), floor)
            if price < known.price:
                lowest[label, (symbol or "").casefold()] = floor
    warnings = _report_unusable(num_unusable, "of traits without a readable price")
    if unknown:
        warnings.append(
            f"left out floor prices of unknown traits: {unknown.total():,}, for example "
            f"{next(iter(unknown))!r}"
        )
    return [lowest[key] for key in sorted(lowest)], warnings


def read_stats(reply: CollectionStats) -> MarketStats | None:
    """Return the statistics, None if the reply has none that can be read."""
    stats = MarketStats(
        volume=0.0 if _read_count(reply.volume) == 0 else parse_positive(reply.volume),
        volume_symbol=_read_symbol(reply.volume_symbol),
        sales=_read_count(reply.sales),
        num_owners=_read_count(reply.num_owners),
        floor_price=parse_positive(reply.floor_price),
        floor_price_symbol=_read_symbol(reply.floor_price_symbol),
    )
    numbers = stats.volume, stats.sales, stats.num_owners, stats.floor_price
    return None if all(number is None for number in numbers) else stats


def _read_symbol(text: str | None) -> str | None:
    return to_one_line(text or "", MAX_SYMBOL_CHARS) or None


def _read_count(value: Any) -> int | None:
    try:
        number = to_exact_int(value)
    except ValueError:
        return None
    return number if number is not None and 0 <= number < MAX_COUNT else None


def _report_unusable(number: int, problem: str) -> list[str]:
    return [f"left out {number:,} floor prices {problem}"] if number else []

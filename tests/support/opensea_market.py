"""Prices of ETH, floor prices, statistics and sales of wrapped punks of the fake OpenSea server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from support.opensea_documents import json_reply
from support.opensea_faults import Reply
from support.opensea_requests import Request
from support.sales_events import CHAIN, SLUG, WETH, ZERO, Json, select_sales, wrapped_sale_event
from support.sprites import FakePunk

DAY_S = 24 * 3600
RATES_PATH = f"/chain/{CHAIN}/token/"
WRAPPERS = ("wrapped-cryptopunks", "cryptopunks-721")


MARKET_PATHS = ("/price_history", "/floor_prices", "/stats", "/floors", *WRAPPERS)
"""Ends of the paths of requests about the market."""


def without_market(requests: list[Request]) -> list[Request]:
    """Return the requests that are not about prices, statistics or sales of wrapped punks.

    How many of the others there are depends on the year.
    """
    return [request for request in requests if not request.path.endswith(MARKET_PATHS)]


def make_rates(
    first: date = date(2017, 6, 1), last: date = date(2021, 12, 31), units_per_s: int = 1
) -> list[Any]:
    """Return a PriceHistoryPoint for each day. The price rises by one US dollar each day."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    number = (last - first).days + 1
    return [
        {
            "time": (start + timedelta(days=i)).timestamp() * units_per_s,
            "usd_price": f"{200 + i}.123456789012345678",
        }
        for i in range(number)
    ]


def make_floor_prices(number: int = 5, units_per_s: int = 1) -> list[Any]:
    """Return FloorPricePoints, one a day from 2021 on."""
    return [
        {
            "time": (1_609_459_200 + i * DAY_S) * units_per_s,
            "usd_price": f"{20_000 + i}.5",
            "token_unit": 20.25 + i,
            "symbol": "ETH",
            "chain": CHAIN,
        }
        for i in range(number)
    ]


def make_stats() -> Json:
    """Return a CollectionStatsResponse."""
    amounts = {"volume": 1_234_567.25, "volume_symbol": "ETH", "sales": 24_000}
    total = amounts | {"num_owners": 3_900, "floor_price": 41.5, "floor_price_symbol": "ETH"}
    return {"total": total, "intervals": [{"interval": "one_day", **amounts}]}


def trait_floor(value: Any, price: Any, symbol: str = "ETH", kind: str = "accessory") -> Json:
    """Return a TraitFloorResponse."""
    return {
        "trait_type": kind,
        "value": value,
        "floor_price": price,
        "payment_token_symbol": symbol,
    }


def wrapped_sale(punk_id: int, sold_at: int, payment: Json, slug: str = WRAPPERS[0]) -> Json:
    """Return a SaleEvent of a wrapped punk in a collection."""
    event = wrapped_sale_event(punk_id, sold_at, payment)
    event["nft"]["collection"] = slug
    return event


@dataclass
class FakeMarket:
    """What the API knows about the market. All fields may be changed while it runs."""

    rates: dict[str, list[Any]] = field(default_factory=lambda: {ZERO: make_rates(), WETH: []})
    """Points of the price history by address of the currency; others are answered with 400."""
    rate_replies: dict[int, Reply] = field(default_factory=dict)
    """Replies that replace the price histories from these years on."""
    max_rates: int = 10**9
    """Largest number of points in one reply, the newest ones."""
    floor_prices: list[Any] = field(default_factory=make_floor_prices)
    stats: Any = field(default_factory=make_stats)
    trait_floors: list[Any] | None = None
    """By default one for each label of the punks."""
    wrapped: dict[str, list[Any]] = field(default_factory=lambda: {slug: [] for slug in WRAPPERS})
    """Sales of wrapped punks by slug of the collection, in any order."""

    def find_sales(self, path: str, query: dict[str, str]) -> list[Any] | None:
        """Return the sales of wrapped punks that are requested, newest first, or None."""
        events = self.wrapped.get(path.removeprefix("/events/collection/"))
        if events is None:
            return None
        return select_sales(events, int(query.get("after", 0)), 2**60, None)

    def find_reply(self, path: str, query: dict[str, str], punks: list[FakePunk]) -> Reply | None:
        """Return the reply about prices or statistics, or None if they are not requested."""
        if path.startswith(RATES_PATH) and path.endswith("/price_history"):
            return self._answer_rates(path.removeprefix(RATES_PATH).partition("/")[0], query)
        replies: dict[str, Callable[[], Any]] = {
            f"/collections/{SLUG}/floor_prices": lambda: {"floor_prices": self.floor_prices},
            f"/collections/{SLUG}/stats": lambda: self.stats,
            f"/traits/{SLUG}/floors": lambda: {
                "chain": CHAIN,
                "floors": make_trait_floors(punks)
                if self.trait_floors is None
                else self.trait_floors,
            },
        }
        return json_reply(200, replies[path]()) if path in replies else None

    def _answer_rates(self, token: str, query: dict[str, str]) -> Reply:
        start = datetime.fromisoformat(query["start_time"])
        end = datetime.fromisoformat(query.get("end_time", "9999-01-01T00:00:00Z"))
        if reply := self.rate_replies.get(start.year):
            return reply
        if token not in self.rates or query.get("bucket_size") != "1d":
            return json_reply(400, {"errors": ["Unknown token"]})
        points = [p for p in self.rates[token] if is_between(p, start, end)]
        return json_reply(200, {"prices": points[-self.max_rates :]})


def is_between(point: Any, start: datetime, end: datetime) -> bool:
    """Return whether a point is in a time; points without a readable time always are."""
    time = point.get("time") if isinstance(point, dict) else None
    if not isinstance(time, int | float) or isinstance(time, bool):
        return True
    seconds = time / 1000 if time > 2**32 else time
    return start.timestamp() <= seconds <= end.timestamp()


def make_trait_floors(punks: list[FakePunk]) -> list[Json]:
    """Return a floor price for each label of these punks."""
    labels = sorted({label for p in punks for label in (p.type, *p.accessories)})
    return [trait_floor(label, 40.5 + i) for i, label in enumerate(labels)]

"""A fake OpenSea that does everything at once that the real one may do without losing data."""

from __future__ import annotations

from typing import Any

from support.opensea_faults import Faults
from support.opensea_market import FakeMarket, wrapped_sale
from support.opensea_oddities import WEB_PAGE, Oddities
from support.opensea_server import OpenSeaServer
from support.sales_events import (
    CONTRACT,
    WRAPPER,
    ZERO,
    Json,
    listing,
    paid,
    private_listing,
    sale_event,
    wrapped_sale_event,
)

ERROR_RATE = 0.03
"""Rate of each kind of failed reply."""


def make_worst(server: OpenSeaServer, *, seed: int = 1, waits: bool = False) -> None:
    """Switch on all faults and oddities from which the same snapshot can be built as without them.

    Requests fail at random, cursors are rejected, loop and repeat, empty pages come between others,
    optional endpoints answer with web pages, rows that lose nothing are odd, and traits are spelled
    in other ways. With `waits`, there are also rate limits of groups of endpoints, short waits
    after a rate limit, and slow headers.
    """
    server.faults = Faults(
        rate_limited=ERROR_RATE,
        unavailable=ERROR_RATE,
        drop=ERROR_RATE,
        truncate=ERROR_RATE,
        html_with_200=ERROR_RATE,
        error_with_200=ERROR_RATE,
        cursor_loops=1,
        rejected_cursors=1,
        empty_pages=1,
        last_cursor_repeats=True,
        seed=seed,
    )
    server.oddities = Oddities(
        replies={"?traits": WEB_PAGE, "/traits/cryptopunks$": WEB_PAGE, "/batch": WEB_PAGE},
        trait_types={"type": "Type", "accessory": "Attribute"},
        skin_tones=True,
        more_traits=[{"trait_type": "Background", "value": "blue"}, {"value": None}],
        change_token=damage_token,
        extra_events=odd_events(),
        contracts=[None, {"address": WRAPPER, "chain": "ethereum"}, {"address": CONTRACT.upper()}],
    )
    server.listings += odd_listings()
    add_odd_market_rows(server.market)
    server.overlapping_pages, server.pseudo_accessories = True, True
    server.blank_style, server.image_content_type = "null", "text/html"
    server.phantom_ids, server.unlisted_ids = (10_000,), frozenset({17})
    if waits:
        server.faults.retry_after_s, server.faults.header_delay_s = 1, 0.001
        server.group_limits, server.window_s = {"events": 4, "listings": 1, "chain": 5}, 1


def damage_token(token: Json) -> Any:
    """Return an odd row in place of some tokens of a list; they can still be requested alone."""
    odd = {"3": {"identifier": 3, "traits": "oops"}, "8": None, "12": [token], "21": {}}
    return odd.get(token["identifier"], token)


def odd_events() -> list[Json]:
    """Return events that are not sales of the collection."""
    return [
        wrapped_sale_event(2, 1_500_000_000, paid("1")),
        sale_event(3, 1_500_000_001, paid("2"), event_type="transfer"),
        sale_event(4, 1_500_000_002, paid("3"), chain="polygon"),
        sale_event(10_000, 1_500_000_003, paid("4")),
    ]


def add_odd_market_rows(market: FakeMarket) -> None:
    """Add rows that are no prices and no sales of wrapped punks."""
    for points in (*market.rates.values(), market.floor_prices):
        points += [None, {"time": None, "usd_price": "1"}, {"time": 1_500_000_000}]
    market.rates[ZERO].append({"time": 1_500_000_000, "usd_price": "NaN"})
    for slug, events in market.wrapped.items():
        events += [None, wrapped_sale(10_000, 1_600_000_000, paid("1"), slug)]
        events += [wrapped_sale(3, 1_600_000_001, paid("1"), "another-collection")]


def odd_listings() -> list[Json]:
    """Return listings that are no offers to everybody."""
    return [
        private_listing(5, "0.1"),
        listing(6, "0.2", status="CANCELLED"),
        listing(7, "0.3", remaining_quantity="0"),
        listing(8, "0.4", chain="polygon"),
        {"order_hash": "0x1", "price": None},
    ]

"""Fuzz tests of rows about the market: prices of ETH, floors, owners and sales of wrapped punks.

As for other rows, an odd one costs that row, and ends in a short line.
"""

from __future__ import annotations

import random
import re
from datetime import date
from typing import Any

from support.direct_transport import BASE_URL, DirectTransport
from support.fuzzing import for_each_seed
from support.opensea_api import FakeOpenSea
from support.opensea_market import (
    WRAPPERS,
    make_floor_prices,
    make_rates,
    make_stats,
    make_trait_floors,
    wrapped_sale,
)
from support.row_damage import (
    Change,
    catch,
    check_message,
    check_warnings,
    damage_row,
    damage_some,
    dump_json,
    parse_rows,
)
from support.sales_events import paid
from support.sprites import make_punks

from punkdata.sources.opensea.api import schemas
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.api.market_schemas import CollectionStats, FloorHistory, TraitFloors
from punkdata.sources.opensea.api.schemas import parse_body
from punkdata.sources.opensea.floors import read_floor_prices, read_stats, read_trait_floors
from punkdata.sources.opensea.parsing import parse_owner
from punkdata.sources.opensea.rates import collect_rates
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.opensea.wrapped_sales import collect_wrapped_sales
from punkdata.traits import LABELS

PUNKS = make_punks(12)
ALL_IDS = CollectedPunks(missing=dict.fromkeys(range(12), "not needed"))
RATES = make_rates(last=date(2017, 6, 12))
FLOORS = make_floor_prices(12)
TRAIT_FLOORS = make_trait_floors(PUNKS)
TOKENS = [FakeOpenSea(PUNKS).make_token(punk, detailed=True) for punk in PUNKS]


def change_rows(name: str, rows: list[Any]) -> Change:
    """Return a function that replaces the list with this name in every reply that has it."""
    return lambda path, data: data | {name: rows} if name in data else data


def read_server(name: str, rows: list[Any]) -> OpenSeaClient:
    """Return a client of a server whose lists with this name have these rows."""
    transport = DirectTransport(FakeOpenSea(PUNKS), change_rows(name, rows))
    return OpenSeaClient(transport, BASE_URL)


def test_undamaged_rates_are_all_kept() -> None:
    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, RATES)
        found = catch(lambda: collect_rates(read_server("prices", rows), 2017))
        rates, lines = found or (None, [])
        check_warnings(lines)
        assert rates or lines
        prices = {rate.usd_per_eth for rate in rates or ()}
        assert all(0 < price < float("inf") for price in prices)
        kept = {float(RATES[i]["usd_price"]) for i in set(range(len(RATES))) - damaged}
        assert not rates or kept <= prices

    for_each_seed(check)


def test_undamaged_floor_prices_are_all_kept() -> None:
    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, FLOORS)
        history = catch(lambda: parse_rows(FloorHistory, "floor_prices", rows))
        if history is None:
            return
        floors, lines = read_floor_prices(history)
        check_warnings(lines)
        assert len(floors) >= len(rows) - len(damaged)
        assert [floor.time for floor in floors] == sorted(floor.time for floor in floors)

    for_each_seed(check)


def test_undamaged_trait_floors_are_all_kept() -> None:
    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, TRAIT_FLOORS)
        reply = catch(lambda: parse_rows(TraitFloors, "floors", rows))
        if reply is None:
            return
        floors, lines = read_trait_floors(reply)
        check_warnings(lines)
        known = {floor.label for floor in floors}
        assert {rows[i]["value"] for i in set(range(len(rows))) - damaged} <= known <= {*LABELS}
        assert all(0 < floor.price < float("inf") for floor in floors)

    for_each_seed(check)


def test_statistics_are_numbers_or_unknown() -> None:
    def check(rng: random.Random) -> None:
        document = damage_row(rng, make_stats())
        reply = catch(lambda: parse_body(CollectionStats, "x", dump_json(document)))
        stats = reply and read_stats(reply)
        for name, value in vars(stats).items() if stats else ():
            if isinstance(value, str):
                check_message(value, 20)
            else:
                assert value is None or 0 <= value < float("inf"), name

    for_each_seed(check)


def test_each_wrapped_sale_is_kept_or_reported() -> None:
    slug = WRAPPERS[0]
    valid = [wrapped_sale(i, 1_600_000_000 + i, paid(f"{i + 1}.25"), slug) for i in range(12)]

    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, valid)
        client = read_server("asset_events", rows)
        found = catch(lambda: collect_wrapped_sales(client, ALL_IDS, {slug: []}))
        if found is None or found.by_market["wrapped"] is None:
            return
        check_warnings(found.warnings)
        sales = found.by_market["wrapped"]
        prices = {(sale.transaction_hash, sale.punk_id): sale.price_wei for sale in sales}
        assert all(sale.market == "wrapped" and 0 <= sale.punk_id < 10_000 for sale in sales)
        for i in set(range(len(valid))) - damaged:
            assert prices[valid[i]["transaction"], i] == 10**18 * (i + 1) + 25 * 10**16

    for_each_seed(check)


def test_each_token_has_an_owner_or_none() -> None:
    def check(rng: random.Random) -> None:
        rows = [row | {"owners": damage_row(rng, row["owners"])} for row in TOKENS]
        batch = catch(lambda: parse_rows(schemas.NftsBatch, "nfts", rows))
        for nft in batch.rows if batch else ():
            owner = parse_owner(nft.owners)
            assert owner is None or re.fullmatch("0x[0-9a-f]{40}", owner)

    for_each_seed(check)

"""Fuzz tests of rows in OpenSea's replies; `make fuzz` runs them.

One odd row costs that row: the others are read as without it, none is dropped without a word, and
whatever a row contains ends in a short line, never in a traceback.
"""

from __future__ import annotations

import random
from datetime import date
from functools import partial
from typing import Any

import pytest
from support.direct_transport import BASE_URL, DirectTransport
from support.fuzzing import NUM_EXAMPLES, for_each_seed
from support.opensea_api import FakeOpenSea
from support.opensea_market import make_floor_prices, make_rates, make_trait_floors
from support.row_damage import (
    Change,
    catch,
    check_message,
    check_warnings,
    damage_row,
    damage_some,
    parse_rows,
)
from support.sales_events import (
    CHAIN,
    CONTRACT,
    flat_listing,
    listing,
    make_sales,
    paid,
    private_listing,
    sale_event,
)
from support.sprites import make_punks

from punkdata.records import ListingRecord
from punkdata.sources.opensea.api import schemas
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.api.market_schemas import FloorHistory, PriceHistory, TraitFloors
from punkdata.sources.opensea.api.price_schemas import EventsPage, ListingsPage
from punkdata.sources.opensea.labels import parse_traits
from punkdata.sources.opensea.listings import collect_listings
from punkdata.sources.opensea.notes import Note, summarize_notes
from punkdata.sources.opensea.parsing import parse_token
from punkdata.sources.opensea.prices import Market, parse_listing, parse_sale
from punkdata.sources.opensea.sales import CollectedSales, collect_sales
from punkdata.sources.opensea.tokens import CollectedPunks, collect_punks

PUNKS = make_punks(12)
MARKET = Market("cryptopunks", "cryptopunks", CONTRACT, CHAIN)
ALL_IDS = CollectedPunks(missing=dict.fromkeys(range(12), "not needed"))
TRUTH = {punk.punk_id: (punk.type, tuple(punk.accessories)) for punk in PUNKS}
LISTS = {"nfts", "asset_events", "listings", "prices", "floor_prices", "floors"}

Json = dict[str, Any]


def make_rows() -> dict[Any, tuple[str, list[Json]]]:
    """Return valid rows of each list, whose tokens differ, and the name of the list."""
    api = FakeOpenSea(PUNKS)
    tokens = [api.make_token(punk) for punk in PUNKS]
    offers = [listing(i, f"{i + 1}.5") for i in range(8)]
    offers += [flat_listing(8, "9"), flat_listing(9, "1000"), private_listing(10, "3")]
    sales = [sale_event(i, 1_600_000_000 + i, paid(f"{i + 1}.25")) for i in range(12)]
    return {
        schemas.NftsPage: ("nfts", tokens),
        EventsPage: ("asset_events", sales),
        ListingsPage: ("listings", offers),
        schemas.NftsBatch: ("nfts", [api.make_token(punk, detailed=True) for punk in PUNKS]),
        PriceHistory: ("prices", make_rates(last=date(2017, 6, 12))),
        FloorHistory: ("floor_prices", make_floor_prices(12)),
        TraitFloors: ("floors", make_trait_floors(PUNKS)),
    }


ROWS = make_rows()


def damage_lists(rng: random.Random, share: float, path: str, data: Any) -> Any:
    """Damage this share of the rows of every list in a reply."""
    for name in data.keys() & LISTS:
        data[name] = [damage_row(rng, r) if rng.random() < share else r for r in data[name]]
    if "nft" in data and rng.random() < share:
        data["nft"] = damage_row(rng, data["nft"])
    return data


@pytest.mark.parametrize("model", ROWS)
def test_each_row_is_read_as_if_it_stood_alone(model: Any) -> None:
    name, valid = ROWS[model]
    expected = parse_rows(model, name, valid).rows
    assert len(expected) == len(valid)

    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, valid)
        page = catch(lambda: parse_rows(model, name, rows))
        if page is None:  # Nesting that no parser follows, so that nothing can be read.
            return
        assert len(page.rows) + len(page.unreadable) == len(rows)
        alone = [
            [expected[i]] if i not in damaged else parse_rows(model, name, [row]).rows
            for i, row in enumerate(rows)
        ]
        assert repr(page.rows) == repr([row for single in alone for row in single])
        for row in page.unreadable:
            check_message(row.reason, 200)
            assert row.identifier is None or isinstance(row.identifier, str)

    for_each_seed(check)


def test_each_event_becomes_a_sale_or_a_note() -> None:
    _, valid = ROWS[EventsPage]

    def check(rng: random.Random) -> None:
        rows, damaged = damage_some(rng, valid)
        page = catch(lambda: parse_rows(EventsPage, "asset_events", rows))
        if page is None:
            return
        prices = {}
        for event in page.rows:
            sale, notes = parse_sale(event, MARKET)
            for line in summarize_notes(notes):
                check_message(line)
            if sale is None:
                assert len(notes) == 1
                continue
            prices[sale.transaction_hash, sale.punk_id] = sale.price_wei
            assert 0 <= (sale.payment_base_units or 0) < 10**38
            assert 0 < (sale.price_wei or 1) < 10**38
            assert 0 <= sale.sold_at.timestamp() < 2**32
        for i in set(range(len(valid))) - damaged:
            assert prices[valid[i]["transaction"], i] == 10**18 * (i + 1) + 25 * 10**16

    for_each_seed(check)


def test_each_listing_becomes_an_offer_or_a_note() -> None:
    _, valid = ROWS[ListingsPage]

    def check(rng: random.Random) -> None:
        rows, _ = damage_some(rng, valid)
        page = catch(lambda: parse_rows(ListingsPage, "listings", rows))
        for row in page.rows if page else ():
            offer, notes = parse_listing(row, CONTRACT, CHAIN)
            for line in summarize_notes(notes):
                check_message(line)
            if offer is None:
                assert len(notes) == 1
            else:
                assert 0 < offer.payment_base_units < 10**38
                assert offer.price_wei in (None, offer.payment_base_units)

    for_each_seed(check)


def test_each_token_has_labels_or_a_reason() -> None:
    _, valid = ROWS[schemas.NftsPage]

    def check(rng: random.Random) -> None:
        rows, _ = damage_some(rng, valid)
        page = catch(lambda: parse_rows(schemas.NftsPage, "nfts", rows))
        for nft in page.rows if page else ():
            traits = parse_traits(nft.traits or ())
            assert (traits.labels is None) == bool(traits.problem)
            if traits.problem:
                check_message(traits.problem, 200)
            parse_token(nft, CONTRACT)

    for_each_seed(check)


# -- Rows of all endpoints together ----------------------------------------------------------


def make_api() -> FakeOpenSea:
    sales = make_sales(PUNKS, 60)
    offers = [listing(i, f"{i + 1}.5") for i in range(4)]
    return FakeOpenSea(PUNKS, sales, offers, max_batch_size=5)


def make_client(api: FakeOpenSea, change: Change) -> OpenSeaClient:
    return OpenSeaClient(DirectTransport(api, change), BASE_URL)


@pytest.mark.parametrize("has_inline_traits", [True, False])
def test_no_punk_gets_wrong_labels(has_inline_traits: bool) -> None:
    """Check that each punk has its labels or is missing, if the API's own counts are right."""

    def check(rng: random.Random) -> None:
        api = make_api()
        api.inline_traits = has_inline_traits
        change = partial(damage_lists, rng, 0.15)
        punks = catch(lambda: collect_punks(make_client(api, change)))
        if punks is None:
            return
        assert punks.labels.keys() | punks.missing.keys() == TRUTH.keys()
        assert not punks.labels.keys() & punks.missing.keys()
        assert punks.image_urls.keys() == punks.labels.keys()
        wrong = {i for i, labels in punks.labels.items() if labels != TRUTH[i]}
        # A damaged list of the punks with a label does not say which punk lacks it.
        assert not wrong or punks.missing or any("API counts" in line for line in punks.warnings)
        check_warnings(punks.warnings)
        for reason in punks.missing.values():
            check_message(reason)

    for_each_seed(check)


def test_damaged_totals_cost_no_labels() -> None:
    def check(rng: random.Random) -> None:
        def change(path: str, data: Any) -> Any:
            return damage_row(rng, data) if "collections" in path or "traits" in path else data

        punks = collect_punks(make_client(make_api(), change))
        assert punks.labels == TRUTH
        check_warnings(punks.warnings)

    # Each total that is too high costs thousands of reasons why a punk is missing.
    for_each_seed(check, NUM_EXAMPLES // 5)


def test_undamaged_sales_and_listings_are_all_kept() -> None:
    def collect(change: Change) -> tuple[CollectedSales, list[ListingRecord], list[Note]]:
        client = make_client(make_api(), change)
        return collect_sales(client, ALL_IDS), *collect_listings(client, ALL_IDS)

    whole, all_offers, _ = collect(lambda path, data: data)
    assert (len(whole.sales), whole.num_lost, len(all_offers)) == (59, 0, 4)

    def check(rng: random.Random) -> None:
        events: list[Json] = []
        listed_ids: set[str] = set()

        def change(path: str, data: Any) -> Any:
            (name,) = data.keys() & {"asset_events", "listings"}
            rows, damaged = damage_some(rng, data[name])
            for i in set(range(len(rows))) - damaged:
                if name == "listings":
                    offered = rows[i]["protocol_data"]["parameters"]["offer"]
                    listed_ids.add(offered[0]["identifierOrCriteria"])
                else:
                    events.append(rows[i])
            return data | {name: rows}

        found = catch(lambda: collect(change))
        if found is None:
            return
        sales, offers, notes = found
        names = {(e.get("transaction"), e["nft"]["identifier"]) for e in events}
        assert {s for s in whole.sales if (s.transaction_hash, str(s.punk_id)) in names} <= {
            *sales.sales
        }
        assert listed_ids <= {str(offer.punk_id) for offer in offers}
        num_gone = len(whole.sales) - len(sales.sales)
        assert num_gone <= min(4, len(sales.notes))
        check_warnings([*summarize_notes(sales.notes), *summarize_notes(notes)])

    for_each_seed(check)

from __future__ import annotations

from typing import Any

import pytest
from conftest import open_network
from drawing import DrawnPunk, png_bytes
from opensea_server import (
    CONTRACT,
    WETH,
    ZERO,
    OpenSeaServer,
    draw_punks,
    listing,
    paid,
    sale_event,
)

from punkdata.collect import (
    Punks,
    collect_listings,
    collect_punks,
    collect_sales,
    find_image,
)
from punkdata.errors import DataError, ImageError, NetworkError
from punkdata.opensea import OpenSea
from punkdata.retry import RetryTransport

DAY_S = 24 * 3600


def client(server: OpenSeaServer) -> OpenSea:
    network = open_network(server)
    return OpenSea(RetryTransport(network, sleep=network.pause), server.base_url)


def drawn(server: OpenSeaServer) -> dict[int, tuple[str, tuple[str, ...]]]:
    return {p.punk_id: (p.type, tuple(p.accessories)) for p in server.punks}


def collect(server: OpenSeaServer, limit: int | None = None) -> Punks:
    return collect_punks(client(server), limit)


# -- tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("blanks", ["absent", "null", "empty"])
@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("batch_most", [100, 7, 0])
def test_all_labels_come_whatever_the_api_leaves_out(
    server: OpenSeaServer, blanks: str, inline: bool, batch_most: int
) -> None:
    server.blanks, server.inline_traits, server.batch_most = blanks, inline, batch_most
    server.duplicates = server.pseudo_accessories = True
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert (punks.missing, punks.warnings) == ({}, [])
    assert not (inline and server.asked("/nfts/batch"))
    assert bool(server.asked("/chain/")) == (not inline and not batch_most)


def test_tokens_that_no_page_lists_are_asked_for(server: OpenSeaServer) -> None:
    server.unlisted = frozenset({3, 59})
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert len(server.asked("/nfts/batch")) == 1


def test_tokens_that_cannot_be_had_are_missing_with_a_reason(server: OpenSeaServer) -> None:
    server.gone = frozenset({3, 59})
    punks = collect(server)
    assert punks.missing.keys() == {3, 59}
    assert "not found when asked for alone" in punks.missing[3]
    assert punks.labels.keys() == set(range(60)) - {3, 59}


@pytest.mark.parametrize("phantom", [60, 10_000, 123_456])
def test_a_phantom_is_refused_and_does_not_count(server: OpenSeaServer, phantom: int) -> None:
    server.phantoms = (phantom,)
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert punks.warnings == [f"refused token '{phantom}': it is not of this collection"]


def test_a_phantom_that_the_total_counts_is_refused_too(server: OpenSeaServer) -> None:
    server.punks = draw_punks(60)
    server.phantoms, server.total_supply = (10_000,), 10_001
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert len(punks.labels) == 60
    assert 10_000 not in punks.missing
    assert len(punks.missing) == 9_940  # 10,000 are announced, whatever the phantom says


def test_a_known_id_without_traits_is_missing_not_a_phantom(server: OpenSeaServer) -> None:
    server.punks = server.punks[:-1]
    server.phantoms, server.total_supply = (59,), 60
    server.trait_counts = {"counts": {}}
    assert collect(server).missing == {59: "has no type among its traits"}


def test_more_tokens_than_announced_are_kept_and_told(server: OpenSeaServer) -> None:
    server.total_supply = 58
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.warnings == ["the API announces 58 tokens and sent 60"]


def test_an_api_without_totals_is_told(server: OpenSeaServer) -> None:
    server.total_supply = 0
    server.trait_counts = {}
    punks = collect(server)
    assert len(punks.labels) == 60
    assert punks.warnings == ["the API announces no total, so nothing tells whether all came"]


def test_a_limit_takes_the_first_so_many(server: OpenSeaServer) -> None:
    server.unlisted = frozenset({1})
    punks = collect(server, limit=10)
    assert list(punks.labels) == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert punks.missing == {}


def test_a_punk_whose_traits_lack_one_that_it_is_listed_under_is_completed(
    server: OpenSeaServer,
) -> None:
    whole = server.punks[7]
    assert whole.accessories
    told = whole.accessories

    class Forgetful(DrawnPunk):
        """Tells all of its traits only when asked for alone."""

    server.trait_counts = server._counts()
    forgetful = Forgetful(7, whole.type, told[1:])
    listed, known = server._listed, server._known
    server._listed = lambda query: (  # type: ignore[method-assign]
        listed(query)
        if "traits" in query
        else [server.token(forgetful) if r["identifier"] == "7" else r for r in listed(query)]
    )
    assert known()[7] is whole
    punks = collect(server)
    assert punks.labels[7] == (whole.type, tuple(told))
    assert (punks.missing, punks.warnings) == ({}, [])
    assert [r.path[-2:] for r in server.asked("/chain/")] == ["/7"]


def test_a_count_that_nobody_can_explain_is_told(server: OpenSeaServer) -> None:
    counts = server._counts()
    counts["counts"]["accessory"]["VR"] += 1
    counts["counts"]["type"]["Alien"] -= 1
    counts["counts"]["accessory"]["Halo"] = 3
    server.trait_counts = counts
    punks = collect(server)
    assert punks.labels == drawn(server)
    vr = counts["counts"]["accessory"]["VR"]
    assert sorted(punks.warnings) == [
        "the API counts 11 punks with Alien, but lists 12",
        f"the API counts {vr} punks with VR, but lists {vr - 1}",
        "the API counts an unknown accessory 'Halo'",
    ]


def test_tokens_of_another_contract_are_refused(server: OpenSeaServer) -> None:
    rows = server._listed
    wrapped = {"identifier": "5", "contract": "0xwrapped", "traits": []}
    server._listed = lambda query: [wrapped, *rows(query)]  # type: ignore[method-assign]
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert len(punks.warnings) == 1


# -- images --------------------------------------------------------------------------------


def test_the_first_address_that_gives_a_sprite_is_taken(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"\xff\xd8\xff JPEG \xff\xd9", 3: 503}
    found = find_image(client(server), [f"{base}/{i}.png" for i in (1, 2, 3, 4)])
    assert found.url == f"{base}/4.png"
    assert (found.decoded.sprite == server.punks[4].sprite).all()


@pytest.mark.parametrize(
    ("scale", "background"), [(1, None), (14, None), (1, "#638596"), (14, "#638596")]
)
def test_an_enlargement_or_a_plain_background_comes_back_exactly(
    server: OpenSeaServer, scale: int, background: str | None
) -> None:
    server.images[5] = png_bytes(server.punks[5].sprite, scale, background)
    found = find_image(client(server), [f"{server.base_url}/images/5.png"])
    assert (found.decoded.sprite == server.punks[5].sprite).all()
    assert (found.decoded.scale, found.decoded.background) == (scale, background)


def test_without_any_sprite_all_reasons_are_told(server: OpenSeaServer) -> None:
    base = f"{server.base_url}/images"
    server.images = {1: 404, 2: b"\xff\xd8\xff JPEG \xff\xd9"}
    with pytest.raises(ImageError, match="404.*; is not a PNG but JPEG"):
        find_image(client(server), [f"{base}/1.png", f"{base}/2.png"])
    with pytest.raises(ImageError, match="no address"):
        find_image(client(server), [])
    server.images[3] = 503
    with pytest.raises(NetworkError):
        find_image(client(server), [f"{base}/1.png", f"{base}/3.png"])


# -- sales and listings ----------------------------------------------------------------------


def sales(server: OpenSeaServer, after: Any = ()) -> list[Any]:
    return collect_sales(client(server), CONTRACT, after)[0]


def test_every_sale_comes_once_by_time_with_its_oddities(server: OpenSeaServer) -> None:
    server.duplicates = True
    found = sales(server)
    assert len(found) == 299  # of 300, one names no punk
    assert [s.sold_at for s in found] == sorted(s.sold_at for s in found)
    by_transaction = [s.punk_id for s in found if s.transaction == "0xaa"]
    assert by_transaction == [0, 1, 2, 3, 4]
    assert [s.price_wei for s in found if s.transaction in ("0xb1", "0xb2")] == [
        3 * 10**18,
        4 * 10**18,
    ]
    odd = {s.symbol for s in found} - {"ETH"}
    assert odd == {"USDC", "WETH", "BETH", "", None} - {""}
    assert sum(bool(s.buyer_is_zero) for s in found) == 1


def test_sales_that_cannot_be_used_are_counted_by_reason(server: OpenSeaServer) -> None:
    server.sales.append(sale_event(1, 2**40, paid("1")))
    _, notes = collect_sales(client(server), CONTRACT)
    assert notes == [
        "left out 1 sale events: it names no punk",
        f"left out 1 sale events: punk 1 cannot have been sold at {2**40}",
    ]


def test_where_listings_overlap_the_newer_one_counts(server: OpenSeaServer) -> None:
    start = 1_600_000_000
    server.sales = [sale_event(1, start + i * DAY_S, paid(str(i + 1))) for i in range(10)]
    # What a refresh sees: the week before the last is told anew, corrected and cleaned.
    after = start + 5 * DAY_S
    old = server._events

    def events(query: dict[str, str]) -> list[Any]:
        if "after" in query:
            return [e for e in old(query) if e["event_timestamp"] != start + 7 * DAY_S]
        return [e | {"payment": paid("99", "WETH", WETH)} for e in old(query)]

    server._events = events  # type: ignore[method-assign]
    found = sales(server, [after])
    assert [(s.sold_at.timestamp() - start) // DAY_S for s in found] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert [s.symbol for s in found] == ["WETH"] * 5 + ["ETH"] * 4
    assert server.asked("/events/")[0].query["after"] == str(after - DAY_S)


def test_the_best_listing_is_the_lowest_in_ether(server: OpenSeaServer) -> None:
    server.listings = [
        listing(3, "70"),
        listing(3, "65.5", "WETH"),
        listing(4, "1", "USDC"),
        listing(5, "80", offer=None),
        listing(6, "9", status="CANCELLED"),
    ]
    assert collect_listings(client(server), CONTRACT) == {3: 655 * 10**17, 5: 80 * 10**18}
    server.listings = []
    assert collect_listings(client(server), CONTRACT) == {}


def test_nobody_sells_to_zero_by_mistake(server: OpenSeaServer) -> None:
    server.sales = [sale_event(1, 1_500_000_000, paid("2"), buyer=ZERO, seller="")]
    (found,) = sales(server)
    assert (found.price_wei, found.buyer_is_zero, found.seller) == (2 * 10**18, True, None)


def test_sales_of_one_second_and_transaction_between_others_are_others(
    server: OpenSeaServer,
) -> None:
    hop = {"transaction": "0xcc"}
    server.sales = [
        sale_event(1, 1_500_000_000, paid("2"), **hop),
        sale_event(1, 1_500_000_000, paid("3"), seller="0xother", **hop),
        sale_event(1, 1_500_000_000, paid("2"), **hop),
    ]
    assert sorted(s.price_wei for s in sales(server)) == [2 * 10**18, 3 * 10**18]


@pytest.mark.parametrize(("was", "now"), [(10, -10), (-10, 10)])
def test_a_sale_whose_time_is_corrected_across_the_edge_is_there_once(
    server: OpenSeaServer, was: int, now: int
) -> None:
    edge = 1_600_000_000
    old = server._events

    def events(query: dict[str, str]) -> list[Any]:
        time = edge + (now if "after" in query else was)
        server.sales = [sale_event(1, time, paid("2"), transaction="0xcc")]
        return old(query)

    server._events = events  # type: ignore[method-assign]
    assert [s.sold_at.timestamp() - edge for s in sales(server, [edge])] == [now]


def test_a_listing_that_ends_early_is_filled_even_for_a_sample(server: OpenSeaServer) -> None:
    server.unlisted = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert len(punks.labels) == 20
    server.gone = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert (len(punks.labels), len(punks.missing)) == (5, 15)


def test_no_token_at_all_is_an_error(server: OpenSeaServer) -> None:
    server.punks, server.trait_counts = [], {}
    with pytest.raises(DataError, match="lists no token"):
        collect(server)

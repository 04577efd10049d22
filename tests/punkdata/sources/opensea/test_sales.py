from __future__ import annotations

from typing import Any

import pytest
from support.network import open_network
from support.opensea_server import OpenSeaServer
from support.sales_events import CONTRACT, WETH, ZERO, listing, paid, sale_event

from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.retry import RetryTransport
from punkdata.sources.opensea.sales import collect_listings, collect_sales
from punkdata.sources.opensea.collected_punks import CollectedPunks

DAY_S = 24 * 3600


def client(server: OpenSeaServer) -> OpenSeaClient:
    network = open_network(server)
    return OpenSeaClient(RetryTransport(network, sleep=network.sleep), server.base_url)


def sales(server: OpenSeaServer, after: Any = ()) -> list[Any]:
    return collect_sales(client(server), CollectedPunks(CONTRACT), after)[0]


def test_every_sale_comes_once_by_time_with_its_oddities(server: OpenSeaServer) -> None:
    server.overlapping_pages = True
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
    assert odd == {"USDC", "WETH", "BETH", None}
    assert sum(bool(s.buyer_is_zero) for s in found) == 1


def test_sales_that_cannot_be_used_are_counted_by_reason(server: OpenSeaServer) -> None:
    server.sales.append(sale_event(1, 2**40, paid("1")))
    _, notes = collect_sales(client(server), CollectedPunks(CONTRACT))
    assert notes == [
        "1 sale event left out: no punk is named",
        f"1 sale event left out: punk 1 cannot have been sold at {2**40}",
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
    assert server.requests_to("/events/")[0].query["after"] == str(after - DAY_S)


def test_the_best_listing_is_the_lowest_in_ether(server: OpenSeaServer) -> None:
    server.listings = [
        listing(3, "70"),
        listing(3, "65.5", "WETH"),
        listing(4, "1", "USDC"),
        listing(5, "80", offer=None),
        listing(6, "9", status="CANCELED"),
    ]
    assert collect_listings(client(server), CollectedPunks(CONTRACT)) == {
        3: 655 * 10**17,
        5: 80 * 10**18,
    }
    server.listings = []
    assert collect_listings(client(server), CollectedPunks(CONTRACT)) == {}


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

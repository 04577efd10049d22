from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from support.network import make_client
from support.opensea_server import OpenSeaServer
from support.sales_events import CONTRACT, WETH, ZERO, listing, paid, sale_event

from punkdata.records import SaleRecord
from punkdata.sources.opensea.sales import collect_listings, collect_sales
from punkdata.sources.opensea.tokens import CollectedPunks

DAY_S = 24 * 3600


def collect(server: OpenSeaServer, sales_after: Sequence[int] = ()) -> list[SaleRecord]:
    return collect_sales(make_client(server), CollectedPunks(CONTRACT), sales_after)[0]


def test_sales_are_unique_and_sorted_by_time(server: OpenSeaServer) -> None:
    server.overlapping_pages = True
    found = collect(server)
    assert len(found) == 299  # One of the 300 events has no token.
    assert [s.sold_at for s in found] == sorted(s.sold_at for s in found)
    by_transaction = [s.punk_id for s in found if s.transaction == "0xaa"]
    assert by_transaction == [0, 1, 2, 3, 4]
    assert [s.price_wei for s in found if s.transaction in ("0xb1", "0xb2")] == [
        3 * 10**18,
        4 * 10**18,
    ]
    assert {s.symbol for s in found} - {"ETH"} == {"USDC", "WETH", "BETH", None}
    assert sum(bool(s.buyer_is_zero) for s in found) == 1


def test_ignored_sales_are_counted_by_reason(server: OpenSeaServer) -> None:
    server.sales.append(sale_event(1, 2**40, paid("1")))
    _, notes = collect_sales(make_client(server), CollectedPunks(CONTRACT))
    assert notes == [
        "ignored 1 sale event: the price or the time of a sale of punk 1 is out of range",
        "ignored 1 sale event: the token identifier is missing or invalid",
    ]


def test_newer_sales_query_wins_where_two_overlap(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = 1_600_000_000
    server.sales = [sale_event(1, start + i * DAY_S, paid(str(i + 1))) for i in range(10)]
    # The newer query lacks one sale, and the older one has other prices.
    after = start + 5 * DAY_S
    list_sales = server.list_sales

    def list_changed_sales(query: dict[str, str]) -> list[Any]:
        if "after" in query:
            return [e for e in list_sales(query) if e["event_timestamp"] != start + 7 * DAY_S]
        return [e | {"payment": paid("99", "WETH", WETH)} for e in list_sales(query)]

    monkeypatch.setattr(server, "list_sales", list_changed_sales)
    found = collect(server, [after])
    assert [(s.sold_at.timestamp() - start) // DAY_S for s in found] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert [s.symbol for s in found] == ["WETH"] * 5 + ["ETH"] * 4
    assert server.requests_to("/events/")[0].query["after"] == str(after - DAY_S)


def test_best_listing_is_the_lowest_price_in_eth(server: OpenSeaServer) -> None:
    server.listings = [
        listing(3, "70"),
        listing(3, "65.5", "WETH"),
        listing(4, "1", "USDC"),
        listing(5, "80", offer=None),
        listing(6, "9", status="CANCELED"),
    ]
    assert collect_listings(make_client(server), CollectedPunks(CONTRACT)) == {
        3: 655 * 10**17,
        5: 80 * 10**18,
    }
    server.listings = []
    assert collect_listings(make_client(server), CollectedPunks(CONTRACT)) == {}


def test_sale_to_the_zero_address_keeps_its_price(server: OpenSeaServer) -> None:
    server.sales = [sale_event(1, 1_500_000_000, paid("2"), buyer=ZERO, seller="")]
    (found,) = collect(server)
    assert (found.price_wei, found.buyer_is_zero, found.seller) == (2 * 10**18, True, None)


def test_sales_in_one_transaction_differ_by_their_parties(server: OpenSeaServer) -> None:
    same = {"transaction": "0xcc"}
    server.sales = [
        sale_event(1, 1_500_000_000, paid("2"), **same),
        sale_event(1, 1_500_000_000, paid("3"), seller="0xother", **same),
        sale_event(1, 1_500_000_000, paid("2"), **same),
    ]
    assert sorted(s.price_wei for s in collect(server)) == [2 * 10**18, 3 * 10**18]


@pytest.mark.parametrize(("old_offset_s", "new_offset_s"), [(10, -10), (-10, 10)])
def test_sale_with_corrected_time_is_not_duplicated(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch, old_offset_s: int, new_offset_s: int
) -> None:
    start = 1_600_000_000
    list_sales = server.list_sales

    def list_changed_sales(query: dict[str, str]) -> list[Any]:
        time = start + (new_offset_s if "after" in query else old_offset_s)
        server.sales = [sale_event(1, time, paid("2"), transaction="0xcc")]
        return list_sales(query)

    monkeypatch.setattr(server, "list_sales", list_changed_sales)
    assert [s.sold_at.timestamp() - start for s in collect(server, [start])] == [new_offset_s]

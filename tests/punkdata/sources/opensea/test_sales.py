from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from support.network import make_client
from support.opensea_server import OpenSeaServer
from support.sales_events import CONTRACT, WETH, ZERO, paid, sale_event

from punkdata.errors import ReplyError
from punkdata.records import SaleRecord
from punkdata.sources.opensea.notes import summarize_notes
from punkdata.sources.opensea.sales import collect_sales, collect_sales_by_token
from punkdata.sources.opensea.tokens import CollectedPunks

DAY_S = 24 * 3600


def collect(server: OpenSeaServer, sales_after: Sequence[int] = ()) -> list[SaleRecord]:
    return collect_sales(make_client(server), CollectedPunks(CONTRACT), sales_after).sales


def test_sales_are_unique_and_sorted_by_time(server: OpenSeaServer) -> None:
    server.overlapping_pages = True
    found = collect(server)
    assert len(found) == 299  # One of the 300 events has no token.
    assert [s.sold_at for s in found] == sorted(s.sold_at for s in found)
    by_transaction = [s.punk_id for s in found if s.transaction_hash == "0xaa"]
    assert by_transaction == [0, 1, 2, 3, 4]
    assert [s.price_wei for s in found if s.transaction_hash in ("0xb1", "0xb2")] == [
        3 * 10**18,
        4 * 10**18,
    ]
    assert {s.symbol for s in found} - {"ETH"} == {"USDC", "WETH", "BETH", None}
    assert sum(bool(s.buyer_is_zero_address) for s in found) == 1


def all_punks() -> CollectedPunks:
    return CollectedPunks(CONTRACT, missing=dict.fromkeys(range(60), "not needed"))


def test_odd_rows_are_counted_in_one_line_per_kind(server: OpenSeaServer) -> None:
    server.overlapping_pages = True
    server.max_page_size = 7
    ms = [sale_event(i, 1_600_000_000_000 + i, paid("1")) for i in range(30)]
    timeless = [sale_event(i, 5, paid("1"), event_timestamp=None) for i in range(30)]
    elsewhere = [sale_event(i, 1_600_000_000 + i, paid("1"), chain="matic") for i in range(30)]
    server.sales = [*ms, *timeless, *elsewhere]
    server.oddities.extra_events = [None, None, "x"]
    found = collect_sales(make_client(server), all_punks())
    assert len(found.sales) == 30
    assert found.num_lost == 33
    lines = sorted(summarize_notes(found.notes))
    assert [line.partition(" (for example ")[0] for line in lines] == [
        "left out 3 sales that cannot be read",
        "left out 30 sales on another contract or chain, or in another collection",
        "left out 30 sales without a readable time",
        "read the time of 30 sales in milliseconds or microseconds instead of seconds",
    ]


def test_odd_rows_of_other_punks_are_not_lost(server: OpenSeaServer) -> None:
    server.sales = [sale_event(i, 5, paid("1"), event_timestamp=None) for i in (2, 3, 10_000)]
    sample = CollectedPunks(CONTRACT, missing={3: "not needed"})
    found = collect_sales(make_client(server), sample)
    assert [(note.punk_id, note.is_lost) for note in found.notes] == [(3, True)]


def test_sales_by_token_equal_those_of_the_collection(server: OpenSeaServer) -> None:
    server.sales.append(sale_event(59, 5, paid("1"), event_timestamp=None))
    server.max_page_size = 2
    punks = CollectedPunks(CONTRACT, missing=dict.fromkeys((0, 1, 4, 59), "not needed"))
    by_token = collect_sales_by_token(make_client(server), punks)
    listed = collect_sales(make_client(server), punks)
    assert by_token.sales == [s for s in listed.sales if s.punk_id in punks.missing]
    assert [n for n in listed.notes if n.is_lost] == [n for n in by_token.notes if n.is_lost]
    assert by_token.num_lost == listed.num_lost == 1
    server.oddities.ignores_token = True
    with pytest.raises(ReplyError, match="the API lists sales of other punks"):
        collect_sales_by_token(make_client(server), punks)


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


@pytest.mark.parametrize("is_odd", [False, True])
def test_known_sales_survive_a_newer_query_without_any(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch, *, is_odd: bool
) -> None:
    start = 1_600_000_000
    known = [sale_event(1, start + i * DAY_S, paid(str(i + 1))) for i in range(10)]
    odd = [sale_event(1, 0, paid("1"), event_timestamp=None)] if is_odd else []
    server.sales, list_sales = known, server.list_sales

    def list_nothing_new(query: dict[str, str]) -> list[Any]:
        is_newest = query.get("after") == str(start + 7 * DAY_S)
        server.sales = odd if is_newest else known
        return odd if is_newest else list_sales(query)

    monkeypatch.setattr(server, "list_sales", list_nothing_new)
    after = [start + 8 * DAY_S, start + 5 * DAY_S]
    found = collect_sales(make_client(server), all_punks(), after)
    assert len(found.sales) == 10
    assert found.num_lost == len(odd)
    warnings = [line for line in summarize_notes(found.notes) if "earlier fetch" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith(
        "kept 2 sales of an earlier fetch, although the API lists none since then "
        "(for example punk 1, transaction 0x"
    )
    # If nothing is known of that time either, nothing is kept.
    known[:] = known[:4]
    assert collect_sales(make_client(server), all_punks(), after[:1]).num_lost == len(odd)
    assert len(collect(server, after[:1])) == 4


def test_sale_to_the_zero_address_keeps_its_price(server: OpenSeaServer) -> None:
    server.sales = [sale_event(1, 1_500_000_000, paid("2"), buyer=ZERO, seller="")]
    (found,) = collect(server)
    assert (found.price_wei, found.buyer_is_zero_address, found.seller) == (2 * 10**18, True, None)


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

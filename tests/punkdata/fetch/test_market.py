"""Prices of ETH, floor prices, statistics, owners and sales of wrapped punks in a fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.agreement import check_agreement
from support.market_recordings import START, read, sales_by_market
from support.network import Fetch
from support.opensea_documents import not_found_reply, owner_document
from support.opensea_faults import Reply
from support.opensea_market import (
    MARKET_PATHS,
    WRAPPERS,
    make_floor_prices,
    make_rates,
    make_stats,
    wrapped_sale,
)
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer
from support.sales_events import paid
from support.snapshots import build_version

# -- What is read ----------------------------------------------------------------------------


def test_build_has_what_the_fetch_has_read(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    server.lists_owners = True
    result = fetch(root=new_root)
    assert check_agreement(new_root, result)
    assert result.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    assert result.owners == 60
    data = read(result.recording)
    assert data.eth_usd == result.market.eth_usd
    assert len(data.eth_usd or ()) == len(make_rates())
    assert data.floor_prices == result.market.floor_prices
    assert len(data.floor_prices or ()) == len(make_floor_prices())
    assert data.trait_floors == result.market.trait_floors
    labels = {label for punk in server.punks for label in (punk.type, *punk.accessories)}
    assert {floor.label for floor in data.trait_floors or ()} == labels
    assert data.market_stats == result.market.stats
    assert vars(data.market_stats) == make_stats()["total"]
    assert sales_by_market(result.recording) == {
        "cryptopunks": 299,
        "cryptopunks-721": 4,
        "wrapped": 9,
    }
    times = [sale.sold_at for sale in data.sales or ()]
    assert times == sorted(times)
    assert {punk.owner for punk in data.punks} == {
        owner_document(i)["address"].lower() for i in range(60)
    }


def test_owners_come_without_requests_of_their_own(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    result = fetch(root=tmp_path / "inline")
    assert (result.owners, read(result.recording).punks[0].owner) == (0, None)
    num_requests = len(server.log)
    server.lists_owners = True
    assert fetch(root=tmp_path / "listed").owners == 60
    assert len(server.log) == 2 * num_requests
    server.lists_owners, server.inline_traits = False, False
    server.owners = lambda i: [] if i == 5 else [owner_document(i), owner_document(99, 0)]
    result = fetch(root=tmp_path / "batches")
    assert result.owners == 59
    owners = {punk.punk_id: punk.owner for punk in read(result.recording).punks}
    assert owners[5] is None
    assert owners[6] == owner_document(6)["address"].lower()


def test_sample_reads_prices_but_no_wrapped_sales(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    result = fetch(root=new_root, limit=10)
    assert result.recording.info.sales_by_token
    assert result.wrapped_sales == {}
    assert [path for path in WRAPPERS if server.requests_to(path)] == []
    data = read(result.recording)
    assert data.eth_usd
    assert data.floor_prices
    assert data.trait_floors
    assert data.market_stats
    # So it is the same as one that takes its sales from a recording of all punks.
    fetch(root=new_root.with_name("full"))
    sample = fetch(root=new_root.with_name("full"), limit=10)
    assert not sample.recording.info.sales_by_token
    assert sample.wrapped_sales == {}
    assert build_version(new_root.with_name("full")) == build_version(new_root)
    # They are read if their collection is named.
    named = fetch(root=new_root, limit=10, wrapped=list(WRAPPERS))
    assert named.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    assert check_agreement(new_root, named)


# -- Failures --------------------------------------------------------------------------------

ENDPOINTS = {
    "/price_history": "eth_usd",
    "/floor_prices": "floor_prices",
    "/stats": "stats",
    "/floors": "trait_floors",
}


@pytest.mark.parametrize("reply", [not_found_reply(), REFUSED, BROKEN, WEB_PAGE, NOT_JSON])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_endpoint_that_fails_costs_one_warning(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, path: str, reply: Reply
) -> None:
    num_warnings = len(fetch(root=new_root.with_name("calm")).recording.info.warnings)
    server.oddities.replies = {path: reply}
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, info.missing, info.lost_sales) == ("complete", {}, 0)
    assert len(info.warnings) == num_warnings + 1
    assert "are missing" in info.warnings[-1]
    data = vars(result.market) | {"warnings": None}
    assert [name for name in ENDPOINTS.values() if data[name] is None] == [ENDPOINTS[path]]
    assert check_agreement(new_root, result)
    # The next run asks again.
    server.oddities.replies = {}
    again = fetch(root=new_root)
    assert getattr(again.market, ENDPOINTS[path]) is not None
    assert build_version(new_root) == build_version(new_root.with_name("calm"))


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}])
def test_rate_limit_of_everything_optional_does_not_stop_the_fetch(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, headers: dict[str, str]
) -> None:
    refusal: Reply = (429, b'{"errors": ["Too many requests"]}', headers)
    server.oddities.replies = dict.fromkeys(("/listings/", *MARKET_PATHS), refusal)
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, result.punks, result.sales, result.listed) == ("complete", 60, 299, None)
    assert sum("rate-limited repeatedly" in line for line in info.warnings) == 7
    server.oddities.replies = {}
    assert fetch(root=new_root).market.stats


def test_wrapped_sales_that_fail_are_read_by_the_next_run(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    server.max_page_size = 4
    make_page = server.make_page

    def fail(name: str, rows: list[Any], query: dict[str, str]) -> Reply:
        is_wrapped = name == "asset_events" and rows == wrapped[WRAPPERS[0]][::-1]
        return BROKEN if is_wrapped and "next" in query else make_page(name, rows, query)

    server.make_page = fail  # type: ignore[method-assign]
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, result.sales) == ("complete", 299)
    assert result.wrapped_sales == {"wrapped": None, "cryptopunks-721": 4}
    assert check_agreement(new_root, result)
    assert sales_by_market(result.recording) == {"cryptopunks": 299, "cryptopunks-721": 4}
    server.make_page = make_page  # type: ignore[method-assign]
    again = fetch(root=new_root)
    assert again.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    assert check_agreement(new_root, again)


def test_damaged_wrapped_sales_are_no_lost_sales(
    fetch: Fetch, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    wrapped[WRAPPERS[0]] += [None, wrapped_sale(3, START, paid("1")) | {"payment": 7}]
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, info.lost_sales) == ("complete", 0)
    lines = {line.partition(" (")[0] for line in info.warnings if line.startswith(WRAPPERS[0])}
    assert lines == {
        f"{WRAPPERS[0]}: left out 1 sale without a readable amount",
        f"{WRAPPERS[0]}: left out 1 sale that cannot be read",
    }
    assert check_agreement(new_root, result)

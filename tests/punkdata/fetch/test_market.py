"""Prices of ETH, floor prices, statistics, owners and sales of wrapped punks in a fetch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.agreement import check_agreement
from support.network import Fetch
from support.opensea_documents import not_found_reply, owner_document
from support.opensea_faults import Reply
from support.opensea_market import (
    MARKET_PATHS,
    WRAPPERS,
    make_floor_prices,
    make_rates,
    make_stats,
    without_market,
    wrapped_sale,
)
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer
from support.sales_events import ZERO, paid
from support.snapshots import build_version
from support.sprites import make_punks

from punkdata.errors import NetworkError, UsageError
from punkdata.files import utc_now
from punkdata.sources.read_recording import RecordedData, read_recording
from punkdata.sources.recording import Recording, list_recordings, open_recording
from punkdata.sources.recording_format import FORMAT

START = 1_600_000_000
YEAR = 2021
"""Last year for which the fake server has prices of ETH."""


def read(recording: Recording) -> RecordedData:
    return read_recording(open_recording(recording.path), "", lambda done, total: None)


def sales_by_market(recording: Recording) -> dict[str, int]:
    markets = [sale.market for sale in read(recording).sales or ()]
    return {market: markets.count(market) for market in sorted(set(markets))}


@pytest.fixture
def wrapped(server: OpenSeaServer) -> dict[str, list[Any]]:
    """Nine sales in one collection of wrapped punks and four in the other."""
    server.market.wrapped = {
        slug: [wrapped_sale(i, START + i, paid("2"), slug) for i in range(number)]
        for slug, number in zip(WRAPPERS, (9, 4), strict=True)
    }
    return server.market.wrapped


def set_year(root: Path, year: int) -> None:
    """Change the year of the only recording, as if it had been made then."""
    (recording,) = list_recordings(root)
    recording.info.market_year = year
    recording.save_info()


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


# -- Refreshes -------------------------------------------------------------------------------


def test_refresh_reads_the_newest_year_and_new_wrapped_sales_only(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    today = {"time": utc_now().timestamp(), "usd_price": "4000"}
    server.market.rates[ZERO].append(today)
    fetch(root=new_root)
    wrapped[WRAPPERS[0]].append(wrapped_sale(50, START + 100, paid("7")))
    today["usd_price"] = "5000"
    num_before = len(server.log)
    result = fetch(root=new_root)
    requests = server.log[num_before:]
    (newest,) = [r for r in requests if "price_history" in r.path]
    assert "end_time" not in newest.query
    for slug in WRAPPERS:
        assert len([r for r in requests if r.path.endswith(slug)]) == 1
    assert result.wrapped_sales == {"wrapped": 10, "cryptopunks-721": 4}
    assert (result.market.eth_usd or [])[-1].usd_per_eth == 5000
    snapshot = check_agreement(new_root, result)
    assert snapshot
    # Without its parent, it gives the same snapshot; so does a first fetch into an empty root.
    fetch(root=new_root.with_name("empty"))
    assert build_version(new_root.with_name("empty")) == snapshot.version


def test_sales_of_other_collections_hide_none_from_the_next_run(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    expected = list(wrapped[WRAPPERS[0]])
    # A server that ignores which collection is requested.
    wrapped[WRAPPERS[0]][:] = [wrapped_sale(3, START * 11 // 10, paid("2"), "other")]
    assert fetch(root=new_root).wrapped_sales == {"wrapped": 0, "cryptopunks-721": 4}
    wrapped[WRAPPERS[0]][:] = expected
    assert fetch(root=new_root).wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}


def test_year_that_was_not_over_is_requested_once_more_when_it_is(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    fetch(root=new_root)
    set_year(new_root, YEAR)
    (recording,) = list_recordings(new_root)
    text = recording.index_path.read_text().splitlines(keepends=True)
    # As if the fetch had been made in the middle of that year.
    old = [line for line in text if "end_time=2021" not in line]
    recording.index_path.write_text("".join(old))
    num_before = len(server.log)
    result = fetch(root=new_root)
    years = [r.query["start_time"][:4] for r in server.log[num_before:] if "price_h" in r.path]
    newest = result.recording.info.market_year or 0
    assert [year for year in years if int(year) <= YEAR] == ["2021"]
    assert newest > YEAR
    assert len(result.market.eth_usd or ()) == len(make_rates())


def test_refresh_with_other_collections_reads_new_ones_in_full(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    first = fetch(root=new_root, wrapped=[WRAPPERS[0]])
    assert first.wrapped_sales == {"wrapped": 9}
    wrapped["v1-punks"] = [wrapped_sale(i, START, paid("1"), "v1-punks") for i in range(3)]
    second = fetch(root=new_root, wrapped=["v1-punks", WRAPPERS[0]])
    assert second.wrapped_sales == {"v1-punks": 3, "wrapped": 9}
    queries = second.recording.info.wrapped_sales_after
    assert [len(starts) for starts in queries.values()] == [0, 1]
    assert check_agreement(new_root, second)
    third = fetch(root=new_root, wrapped=[])
    assert third.wrapped_sales == {}
    fourth = fetch(root=new_root)
    assert fourth.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    with pytest.raises(UsageError, match="is not the slug of a collection"):
        fetch(root=new_root, wrapped=["../.."])


def test_resumed_fetch_keeps_its_collections_unless_told_otherwise(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    server.punks = make_punks(200)
    server.images = dict.fromkeys(range(200), 503)  # The image host is down.
    for slugs in ([WRAPPERS[1]], None):
        with pytest.raises(NetworkError):
            fetch(root=new_root, wrapped=slugs)
    (recording,) = list_recordings(new_root)
    assert recording.info.wrapped_sales_after == {WRAPPERS[1]: []}
    server.images = {}
    num_before = len(without_market(server.requests_to()))
    result = fetch(root=new_root, wrapped=list(WRAPPERS))
    assert result.resumed
    assert result.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    assert len(without_market(server.requests_to())) == num_before
    assert len(server.requests_to(WRAPPERS[1])) == 1


# -- Recordings of earlier versions ----------------------------------------------------------


def test_recording_of_an_earlier_version_is_built_without_market_prices(
    fetch: Fetch, new_root: Path, wrapped: dict[str, list[Any]]
) -> None:
    result = fetch(root=new_root)
    recording = result.recording
    file = recording.path / "recording.json"
    info = json.loads(file.read_text())
    assert info["format"] == FORMAT == 2
    del info["market_year"], info["wrapped_sales_after"]
    file.write_text(json.dumps(info | {"format": 1}))
    lines = recording.index_path.read_text().splitlines(keepends=True)
    names = ("price_history", "floor", "stats", *WRAPPERS)
    recording.index_path.write_text("".join(s for s in lines if not any(n in s for n in names)))
    data = read(recording)
    unknown = (data.eth_usd, data.floor_prices, data.trait_floors, data.market_stats)
    assert unknown == (None, None, None, None)
    assert sales_by_market(recording) == {"cryptopunks": 299}
    # A refresh of it reads everything.
    again = fetch(root=new_root)
    assert again.recording.info.parent == recording.name
    assert again.wrapped_sales == {"wrapped": 9, "cryptopunks-721": 4}
    assert again.market.eth_usd

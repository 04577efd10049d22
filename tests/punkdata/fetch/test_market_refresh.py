"""Refreshes of prices of ETH and of sales of wrapped punks, and older recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.agreement import check_agreement
from support.market_recordings import START, YEAR, read, sales_by_market, set_year
from support.network import Fetch
from support.opensea_market import WRAPPERS, make_rates, without_market, wrapped_sale
from support.opensea_server import OpenSeaServer
from support.sales_events import ZERO, paid
from support.snapshots import build_version
from support.sprites import make_punks

from punkdata.errors import NetworkError, UsageError
from punkdata.files import utc_now
from punkdata.sources.recording import list_recordings
from punkdata.sources.recording_format import FORMAT


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

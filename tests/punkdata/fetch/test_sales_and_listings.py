"""Sales and listings of a fetch; its replay and the build always agree with it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.network import Fetch
from support.opensea_documents import not_found_reply
from support.opensea_faults import Reply
from support.opensea_market import without_market
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer, make_punks
from support.sales_events import USDC, listing, order_item, paid, private_listing, sale_event

from punkdata.build import build_dataset
from punkdata.errors import DataError, NetworkError
from punkdata.fetch import OpenSeaResult, fetch_opensea
from punkdata.files import utc_now
from punkdata.snapshots.reader import Snapshot
from punkdata.sources.recording import list_recordings, open_recording
from punkdata.sources.recording_transport import RecordingTransport
from punkdata.verify import verify_snapshot

TOKEN_EVENTS = "/events/chain/"
START = 1_600_000_000


def build_and_replay(result: OpenSeaResult) -> Snapshot:
    """Build a recording, and check that it is intact and that a replay gives the same."""
    recording = open_recording(result.recording.path)
    root = recording.path.parents[1]
    snapshot = build_dataset(root, recording.path, allow_partial=True).snapshot
    assert [c.problem for c in verify_snapshot(snapshot)] == [None] * 8
    other = root.with_name(f"{root.name}-replayed-{recording.name}")
    transport = RecordingTransport(recording)
    replayed = fetch_opensea(
        other, transport, str(recording.info.base_url), limit=recording.info.limit
    )
    numbers = [
        (r.punks, r.sales, r.listed, r.listed_other_currency, r.recording.info.lost_sales)
        for r in (result, replayed)
    ]
    assert numbers[0] == numbers[1]
    assert build_dataset(other, allow_partial=True).snapshot.version == snapshot.version
    return snapshot


# -- Lost sales ------------------------------------------------------------------------------


def test_lost_sales_make_the_recording_partial_until_they_can_be_read(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    complete = [sale_event(i, START + i, paid("2")) for i in range(30)]
    server.sales = [
        *complete[:28],
        complete[28] | {"event_timestamp": None},
        complete[29] | {"payment": paid("2") | {"quantity": "many"}},
    ]
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, info.lost_sales, info.missing, result.sales) == ("partial", 2, {}, 28)
    with pytest.raises(DataError, match="is partial: 2 sales could not be read; fetch again"):
        build_dataset(new_root)
    partial = build_and_replay(result)
    assert (partial.manifest.status, partial.manifest.lost_sales) == ("partial", 2)
    assert not (new_root / "snapshots" / "cryptopunks" / "latest").exists()
    # The next run requests all sales again, also those that it would copy otherwise.
    server.sales = complete
    assert fetch(root=new_root).recording.info.status == "complete"
    snapshot = build_dataset(new_root).snapshot
    assert snapshot.version != partial.version
    fetch(root=tmp_path / "new")
    assert build_dataset(tmp_path / "new").snapshot.version == snapshot.version


def test_partial_snapshot_does_not_take_the_version_of_a_complete_one(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.sales = [sale_event(1, START, paid("2"))]
    server.oddities.extra_events = [None]
    partial = build_and_replay(fetch(root=new_root))
    server.oddities.extra_events = []
    fetch(root=new_root)
    complete = build_dataset(new_root)
    assert complete.is_latest
    assert complete.snapshot.sales() == partial.sales()
    assert complete.snapshot.version != partial.version


def test_sales_in_milliseconds_are_refreshed_as_those_in_seconds(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.sales = [sale_event(i, (START + i * 86_400) * 1000, paid("2")) for i in range(30)]
    first = fetch(root=new_root)
    assert first.recording.info.warnings[-1].startswith("read the time of 30 sales in millisec")
    second = fetch(root=new_root)
    assert second.recording.info.sales_after == [START + 29 * 86_400 - 7 * 86_400]
    assert build_and_replay(first).version == build_and_replay(second).version


# -- Listings --------------------------------------------------------------------------------


def test_listings_in_other_currencies_are_told_from_none(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    usdc = listing(7, "90000", "USDC", 6, paid_in=[order_item(1, USDC)])
    server.listings = [listing(3, "65.5"), listing(3, "64", "WETH"), usdc, private_listing(9, "1")]
    result = fetch(root=new_root)
    assert (result.listed, result.listed_other_currency) == (2, 1)
    assert [w for w in result.recording.info.warnings if "only one address" in w]
    snapshot = build_and_replay(result)
    listings = snapshot.listings()
    assert listings is not None
    columns = ["punk_id", "payment_base_units", "decimals", "symbol", "token_address", "price_eth"]
    assert [tuple(row[name] for name in columns) for row in listings.to_pylist()] == [
        (3, 655 * 10**17, 18, "ETH", None, 65.5),
        (3, 64 * 10**18, 18, "WETH", None, 64.0),
        (7, 90_000 * 10**6, 6, "USDC", USDC, None),
    ]
    prices = snapshot.punks(columns=["punk_id", "lowest_listing_eth"]).to_pylist()
    assert {p["punk_id"]: p["lowest_listing_eth"] for p in prices if p["lowest_listing_eth"]} == {
        3: 64
    }


def test_no_listing_is_known_to_be_none(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.listings = []
    result = fetch(root=new_root)
    assert (result.listed, result.listed_other_currency) == (0, 0)
    snapshot = build_and_replay(result)
    listings = snapshot.listings()
    assert listings is not None
    assert (snapshot.manifest.tables["listings"], len(listings)) == (0, 0)


@pytest.mark.parametrize("reply", [not_found_reply(), REFUSED, BROKEN, WEB_PAGE, NOT_JSON])
def test_listings_that_cannot_be_read_are_unknown(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, reply: Reply
) -> None:
    server.oddities.replies = {"/listings/": reply}
    result = fetch(root=new_root)
    info = result.recording.info
    assert (info.status, result.listed, result.listed_other_currency) == ("complete", None, None)
    (line,) = [w for w in info.warnings if "listings are missing" in w]
    assert "/listings/" in line
    snapshot = build_and_replay(result)
    assert snapshot.listings() is None
    assert "listings" not in snapshot.manifest.tables
    # The next run asks again.
    server.oddities.replies = {}
    again = fetch(root=new_root)
    assert again.listed == 1
    assert build_and_replay(again).manifest.tables["listings"] == 1


def test_listings_whose_second_page_fails_are_unknown(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.listings = [listing(i, "5") for i in range(9)]
    server.max_page_size = 4
    make_page = server.make_page

    def fail(name: str, rows: list[Any], query: dict[str, str]) -> Reply:
        return BROKEN if name == "listings" and "next" in query else make_page(name, rows, query)

    monkeypatch.setattr(server, "make_page", fail)
    result = fetch(root=new_root)
    assert result.listed is None
    assert "listings" not in build_and_replay(result).manifest.tables


@pytest.mark.parametrize(("age_h", "price"), [(23, 65.5), (25, 50.0)])
def test_fetch_resumed_after_a_day_reads_its_listings_again(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, age_h: int, price: float
) -> None:
    server.punks = make_punks(200)
    server.images = dict.fromkeys(range(200), 503)
    with pytest.raises(NetworkError):  # The image host is down.
        fetch(root=new_root)
    (recording,) = list_recordings(new_root)
    recorded = (utc_now() - timedelta(hours=age_h)).isoformat()
    text = re.sub(r'"time": "[^"]+"', f'"time": "{recorded}"', recording.index_path.read_text())
    recording.index_path.write_text(text)
    server.images, server.listings = {}, [listing(3, "50")]
    num_before = len(server.requests_to())
    result = fetch(root=new_root)
    assert result.resumed
    # Only what describes the present is requested again.
    requests = [r for r in server.requests_to()[num_before:] if "end_time" not in r.query]
    names = ["best", "price_history", "price_history", "floor_prices", "stats", "floors"]
    assert [r.path.rpartition("/")[2] for r in requests] == (names if price == 50.0 else [])
    prices = build_and_replay(result).punks(columns=["lowest_listing_eth"]).to_pydict()
    assert {p for p in prices["lowest_listing_eth"] if p} == {price}


# -- Samples ---------------------------------------------------------------------------------


def test_small_sample_reads_the_sales_of_its_own_punks(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    result = fetch(root=new_root, limit=10)
    assert result.recording.info.sales_by_token
    paths = [r.path for r in server.requests_to("/events/")]
    assert len(set(paths)) == len(paths) == 10
    assert all(TOKEN_EVENTS in path for path in paths)
    version = build_and_replay(result).version
    # All other ways give the same: the sales of the collection, also of a refresh.
    server.oddities.replies = {TOKEN_EVENTS: REFUSED}
    listed = fetch(root=tmp_path / "listed", limit=10)
    assert not listed.recording.info.sales_by_token
    assert (listed.sales, listed.recording.info.status) == (result.sales, "complete")
    assert build_and_replay(listed).version == version
    server.oddities.replies = {}
    fetch(root=tmp_path / "full")
    num_before = len(without_market(server.requests_to("/events/")))
    refreshed = fetch(root=tmp_path / "full", limit=10)
    assert len(without_market(server.requests_to("/events/"))) == num_before + 1
    assert build_and_replay(refreshed).version == version
    again = fetch(root=new_root, limit=10)
    assert again.recording.info.sales_by_token
    assert build_and_replay(again).version == version


def test_large_sample_reads_the_sales_of_the_collection(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    assert not fetch(root=new_root, limit=125).recording.info.sales_by_token
    assert server.requests_to(TOKEN_EVENTS) == []


@pytest.mark.parametrize("reply", [not_found_reply(), REFUSED, BROKEN, WEB_PAGE, NOT_JSON, None])
def test_sample_falls_back_to_the_sales_of_the_collection(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, reply: Reply | None
) -> None:
    if reply is None:
        server.oddities.ignores_token = True
    else:
        server.oddities.replies = {f"{TOKEN_EVENTS}": reply}
    result = fetch(root=new_root, limit=10)
    info = result.recording.info
    assert (info.status, info.sales_by_token, result.sales) == ("complete", False, 58)
    assert len([w for w in info.warnings if "sales of the whole collection were read" in w]) == 1
    build_and_replay(result)
    stored = json.loads((result.recording.path / "recording.json").read_text())
    assert stored["sales_by_token"] is False

from __future__ import annotations

from pathlib import Path

from support.network import Fetch, open_network
from support.opensea_server import KEY, Faults, OpenSeaServer, make_punks
from support.paths import iter_files
from support.sales_events import make_sales
from support.snapshots import build_version

from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.recording import open_recording
from punkdata.sources.recording_transport import RecordingTransport


def test_fetch_needs_few_requests(fetch: Fetch, server: OpenSeaServer) -> None:
    server.punks = make_punks(450)
    server.sales = make_sales(server.punks, 900)
    result = fetch(limit=None)
    info = result.recording.info
    assert (info.status, info.missing, info.base_url) == ("complete", {}, server.base_url)
    assert (result.punks, result.sales, result.listed) == (450, 899, 1)
    assert len(server.requests_to("/images/")) == len(server.punks)
    assert len(server.requests_to()) <= 60 + len(server.sales) / 200


def test_server_faults_do_not_change_the_snapshot(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    server.punks = make_punks(250)
    server.sales = make_sales(server.punks, 700)
    server.lists_owners = True
    fetch(root=new_root)
    assert not any(r.status != 200 for r in server.log)
    server.faults = Faults(
        rate_limited=0.05,
        unavailable=0.03,
        drop=0.02,
        truncate=0.02,
        html_with_200=0.02,
        cursor_loops=1,
        rejected_cursors=1,
    )
    server.overlapping_pages, server.blank_style, server.image_content_type = (
        True,
        "null",
        "text/html",
    )
    server.phantom_ids, server.unlisted_ids = (10_000,), frozenset({17})
    server.log.clear()
    fetch(root=tmp_path / "faulty")
    assert {r.status for r in server.log} >= {0, 200, 400, 429, 503}
    assert build_version(tmp_path / "faulty") == build_version(new_root)


def test_replay_gives_the_same_snapshot_without_network(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    server.inline_traits = False
    recording = fetch(root=new_root).recording
    num_before = len(server.log)
    replay = RecordingTransport(open_recording(recording.path))
    other_root = tmp_path / "other"
    result = fetch_opensea(other_root, replay, server.base_url)
    assert len(server.log) == num_before
    assert (result.recording.info.replay_of, result.recording.info.status) == (
        recording.name,
        "complete",
    )
    assert build_version(other_root) == build_version(new_root)


def test_no_file_contains_the_key(fetch: Fetch, server: OpenSeaServer, new_root: Path) -> None:
    server.faults = Faults(rate_limited=0.1, unavailable=0.1, error_with_200=0.1)
    fetch(root=new_root)
    for name, data in iter_files(new_root):
        assert KEY.encode() not in data, name


def test_missing_trait_counts_are_tolerated(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.disabled_endpoints = ("traits",)
    info = fetch(root=new_root).recording.info
    assert info.status == "complete"
    assert any("provides no trait counts" in warning for warning in info.warnings)
    assert build_dataset(new_root).snapshot.manifest.punks == 60


def test_rate_limit_is_never_exceeded(server: OpenSeaServer, new_root: Path) -> None:
    server.sales = make_sales(server.punks, 2000)  # 2 + 1 + 10 + 1 requests
    server.limit, server.window_s = 6, 2
    network = open_network(server, sleep=InterruptibleSleep())  # Really waits.
    fetch_opensea(new_root, network, server.base_url)
    assert {r.status for r in server.requests_to()} == {200}
    windows = {r.time // server.window_s for r in server.requests_to()}
    assert len(windows) >= 3

from __future__ import annotations

from pathlib import Path

from support.network import Fetch
from support.opensea_server import OpenSeaServer

from punkdata.sources.opensea.estimate import estimate_fetch
from punkdata.sources.recording import create_recording
from punkdata.sources.recording_format import RecordingInfo


def test_estimate_of_a_full_fetch_counts_all_pages() -> None:
    estimate = estimate_fetch(None, None, None)
    assert estimate.api_requests == 2 + 50 + 125 + 1
    assert estimate.image_requests == 10_000
    assert estimate.wait_s == 0


def test_estimate_excludes_recorded_replies(tmp_path: Path) -> None:
    info = RecordingInfo(source="opensea", collection="c", base_url="https://api.test")
    unfinished = create_recording(tmp_path, info)
    unfinished.add("https://api.test/api/v2/collection/c/nfts?limit=200", b"{}", compress=True)
    unfinished.add("https://i.seadn.io/1.png", b"png")
    estimate = estimate_fetch(None, unfinished, None)
    full = estimate_fetch(None, None, None)
    assert estimate.api_requests == full.api_requests - 1
    assert estimate.image_requests == full.image_requests - 1
    assert estimate.recorded == 2


def test_refresh_requests_no_image_again(fetch: Fetch, server: OpenSeaServer) -> None:
    parent = fetch().recording
    assert estimate_fetch(60, None, parent).image_requests == 0
    before = len(server.requests_to("/images/"))
    fetch()
    assert len(server.requests_to("/images/")) == before

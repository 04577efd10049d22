from __future__ import annotations

from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer

from punkdata.sources.opensea.estimate import estimate_fetch, parse_rate_limit
from punkdata.sources.recording import create_recording
from punkdata.sources.recording_format import RecordingInfo


def test_estimate_of_a_full_fetch_counts_all_pages() -> None:
    estimate = estimate_fetch(None, "600/h", None, None)
    assert estimate.api_requests == 2 + 50 + 125 + 1
    assert estimate.image_requests == 10_000
    assert estimate.wait_s == 0
    assert estimate.rate_limit == "600/h"


@pytest.mark.parametrize(
    ("rate_limit", "wait_s"), [("60/m", 120), ("100/h", 3600), ("10/m", 17 * 60), (None, 0)]
)
def test_estimated_wait_follows_from_the_rate_limit(rate_limit: str | None, wait_s: float) -> None:
    assert estimate_fetch(None, rate_limit, None, None).wait_s == wait_s


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("600/h", (600, 3600)),
        ("60/m", (60, 60)),
        ("4/s", (4, 1)),
        ("100/15min", (100, 900)),
        ("5/day", (5, 86_400)),
        ("unlimited", (600, 3600)),
        ("0/h", (600, 3600)),
        ("", (600, 3600)),
    ],
)
def test_parse_rate_limit_falls_back_to_the_published_limit(
    text: str, parsed: tuple[int, int]
) -> None:
    assert parse_rate_limit(text) == parsed


def test_estimate_excludes_recorded_replies(tmp_path: Path) -> None:
    info = RecordingInfo(source="opensea", collection="c", base_url="https://api.test")
    unfinished = create_recording(tmp_path, info)
    unfinished.add("https://api.test/api/v2/collection/c/nfts?limit=200", b"{}", compress=True)
    unfinished.add("https://i.seadn.io/1.png", b"png")
    estimate = estimate_fetch(None, None, unfinished, None)
    full = estimate_fetch(None, None, None, None)
    assert estimate.api_requests == full.api_requests - 1
    assert estimate.image_requests == full.image_requests - 1
    assert estimate.recorded == 2


def test_refresh_requests_no_image_again(fetch: Fetch, server: OpenSeaServer) -> None:
    parent = fetch().recording
    assert estimate_fetch(60, None, None, parent).image_requests == 0
    before = len(server.requests_to("/images/"))
    fetch()
    assert len(server.requests_to("/images/")) == before

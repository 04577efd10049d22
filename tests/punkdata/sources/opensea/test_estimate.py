from __future__ import annotations

from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer

from punkdata.sources.opensea.estimate import estimate_fetch, parse_rate_limit
from punkdata.sources.recording import create_recording
from punkdata.sources.recording_info import RecordingInfo


def test_the_whole_collection_is_50_pages_of_punks_and_the_sales() -> None:
    plan = estimate_fetch(None, "600/h", None, None)
    assert plan.api_requests == 2 + 50 + 125 + 1
    assert plan.image_requests == 10_000
    assert plan.wait_s == 0
    assert plan.limit == "600/h"


@pytest.mark.parametrize(
    ("limit", "wait_s"), [("60/m", 120), ("100/h", 3600), ("10/m", 17 * 60), (None, 0)]
)
def test_the_wait_is_what_the_key_s_limit_costs(limit: str | None, wait_s: float) -> None:
    assert estimate_fetch(None, limit, None, None).wait_s == wait_s


@pytest.mark.parametrize(
    ("text", "read"),
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
def test_limits_are_read_as_published_or_taken_as_the_published_one(
    text: str, read: tuple[int, int]
) -> None:
    assert parse_rate_limit(text) == read


def test_what_is_recorded_is_not_planned_again(tmp_path: Path) -> None:
    info = RecordingInfo(source="opensea", collection="c", base_url="https://api.test")
    unfinished = create_recording(tmp_path, info)
    unfinished.add("https://api.test/api/v2/collection/c/nfts?limit=200", b"{}", compress=True)
    unfinished.add("https://i.seadn.io/1.png", b"png")
    plan = estimate_fetch(None, None, unfinished, None)
    fresh = estimate_fetch(None, None, None, None)
    assert plan.api_requests == fresh.api_requests - 1
    assert plan.image_requests == fresh.image_requests - 1
    assert plan.recorded == 2


def test_a_refresh_plans_no_image_that_is_there(fetch: Fetch, server: OpenSeaServer) -> None:
    parent = fetch().recording
    plan = estimate_fetch(60, None, None, parent)
    assert plan.image_requests == 0
    asked = len(server.requests_to("/images/"))
    fetch()
    assert len(server.requests_to("/images/")) == asked

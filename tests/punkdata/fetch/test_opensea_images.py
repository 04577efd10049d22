from __future__ import annotations

from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer, make_punks

from punkdata.errors import NetworkError
from punkdata.sources.recording import list_recordings


def test_many_failing_images_make_the_recording_partial(
    fetch: Fetch, server: OpenSeaServer
) -> None:
    server.punks = make_punks(400)
    server.images = dict.fromkeys(range(0, 400, 5), 500)
    result = fetch()
    assert result.recording.info.status == "partial"
    assert list(result.recording.info.missing) == [str(i) for i in range(0, 400, 5)]
    assert result.punks == 320


def test_failed_images_are_reported_and_fetched_by_the_next_run(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.images = {
        5: 404,
        6: b"\xff\xd8\xff a JPEG \xff\xd9",
        7: "https://evil.test/x.png",
        8: 503,
    }
    result = fetch(root=new_root)
    info = result.recording.info
    assert info.status == "partial"
    assert info.missing.keys() == {"5", "6", "7", "8"}
    assert "404" in info.missing["5"]
    assert "JPEG" in info.missing["6"]
    assert "not allowed" in info.missing["7"]
    assert "503" in info.missing["8"]
    assert len(server.requests_to("/images/5.png")) == 1
    assert 2 <= len(server.requests_to("/images/8.png")) <= 2 * 5
    # Once the images are available, only they are downloaded; the others are reused.
    server.images, num_before = {}, len(server.requests_to("/images/"))
    assert fetch(root=new_root).recording.info.status == "complete"
    requests = server.requests_to("/images/")[num_before:]
    assert sorted(r.path[-5] for r in requests) == ["5", "6", "7", "8"]


def test_image_that_recovers_during_the_run_is_not_missing(
    fetch: Fetch, server: OpenSeaServer
) -> None:
    failures = [503] * 7
    png = server.png(5)
    server.images[5] = lambda: failures.pop() if failures else png
    assert fetch().recording.info.status == "complete"


def test_image_host_outage_ends_the_run_resumably(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.punks = make_punks(200)
    server.images = dict.fromkeys(range(200), 503)
    with pytest.raises(NetworkError, match="503.*run the same command again"):
        fetch(root=new_root)
    assert [r.info.status for r in list_recordings(new_root)] == ["running"]
    server.images = {}
    assert fetch(root=new_root).recording.info.status == "complete"


def test_image_that_is_always_rate_limited_is_missing(fetch: Fetch, server: OpenSeaServer) -> None:
    server.images[5] = 429
    info = fetch().recording.info
    assert list(info.missing) == ["5"]

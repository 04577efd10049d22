from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.network import Fetch, open_network
from support.opensea_documents import json_reply
from support.opensea_market import without_market
from support.opensea_server import KEY, OpenSeaServer, Request, make_punks
from support.paths import iter_files
from support.sales_events import make_sales
from support.snapshots import build_version

from punkdata.build import build_dataset
from punkdata.errors import DataError, LimitError, NetworkError, RefusedError
from punkdata.fetch import fetch_opensea
from punkdata.sources.recording import Recording, list_recordings
from punkdata.sources.recording_format import RequestKey, canonical_url


def final_requests(recording: Recording) -> set[RequestKey]:
    """Return the requests whose replies are recorded and must not be sent again."""
    return {reply.request_key for reply in recording.replies() if reply.body}


FETCH_SCRIPT = """
import sys
from pathlib import Path
from pydantic import SecretStr
from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.http.transport import NetworkTransport
root, base_url, key = sys.argv[1:]
print("ready", flush=True)
network = NetworkTransport(base_url, SecretStr(key))
fetch_opensea(Path(root), network, base_url)
print("done", flush=True)
"""


def canonical_request_url(server: OpenSeaServer, request: Request) -> str:
    """Return the canonical URL of a request, as a recording contains it."""
    query = f"?{urlencode(request.query)}" if request.query else ""
    return canonical_url(f"{server.base_url}{request.path}{query}")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_fetch_loses_nothing_and_repeats_no_request(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, tmp_path: Path
) -> None:
    server.punks = make_punks(250)
    server.sales = make_sales(server.punks, 700)
    fetch(root=tmp_path / "uninterrupted")
    server.latency_s = 0.01
    server.log.clear()
    rng = random.Random(20)
    command = [sys.executable, "-c", FETCH_SCRIPT, str(new_root), server.base_url, KEY]
    num_kills, is_finished = 0, False
    known: set[RequestKey] = set()
    while not is_finished:
        num_until_kill = rng.randrange(8) if num_kills < 12 else 10**9
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            # By now, the server has logged the last request of the killed process.
            num_before = len(server.log)
            while process.poll() is None and len(server.log) < num_before + num_until_kill:
                time.sleep(0.001)
            process.kill()
            is_finished = process.stdout.readline() == "done\n"
            assert process.wait() in (0, -signal.SIGKILL)
            num_kills += process.returncode == -signal.SIGKILL
        sent = [canonical_request_url(server, r) for r in server.log[num_before:]]
        assert len(set(sent)) == len(sent)
        assert not set(sent) & {url for _, url, _, _ in known}
        # The first process may have been killed before it created the recording.
        recordings = list_recordings(new_root)
        assert len(recordings) <= 1
        known = {key for recording in recordings for key in final_requests(recording)}
    assert num_kills >= 5
    # The server and the recording write URLs in the same way, so the comparison above is valid.
    assert {canonical_request_url(server, r) for r in server.log} == {u for _, u, _, _ in known}
    assert build_version(new_root) == build_version(tmp_path / "uninterrupted")


def test_fetch_stopped_by_the_rate_limit_is_resumed(server: OpenSeaServer, new_root: Path) -> None:
    server.punks = make_punks(450)
    server.limit = 4
    network = open_network(server, max_wait_s=60)
    with pytest.raises(LimitError, match="run the same command again"):
        fetch_opensea(new_root, network, server.base_url)
    (recording,) = list_recordings(new_root)
    assert recording.info.status == "running"
    num_before = len(server.requests_to())
    server.limit = None
    result = fetch_opensea(new_root, open_network(server), server.base_url)
    assert result.resumed
    assert result.recording.path == recording.path
    assert len(without_market(server.requests_to())) - num_before == 2 + 3 + 2 + 1 - 4


def test_limit_of_one_group_of_endpoints_does_not_stop_the_others(
    server: OpenSeaServer, new_root: Path
) -> None:
    server.limit, server.group_limits = 600, {"listings": 0, "chain": 0}
    result = fetch_opensea(new_root, open_network(server, max_wait_s=60), server.base_url)
    assert (result.punks, result.listed) == (60, None)
    assert result.recording.info.status == "complete"
    warnings = " ".join(result.recording.info.warnings)
    for group in ("listings", "chain"):
        assert f"for {group!r} resets in " in warnings
        assert len(server.requests_to(f"/{group}/")) == 1
    server.group_limits["events"] = 0
    server.sales.clear()
    with pytest.raises(LimitError, match="for 'events' resets in") as caught:
        fetch_opensea(new_root, open_network(server, max_wait_s=60), server.base_url)
    assert not caught.value.is_host_wide


def test_used_up_budget_of_the_host_is_not_asked_again(
    server: OpenSeaServer, new_root: Path
) -> None:
    server.limit = 3
    with pytest.raises(LimitError) as caught:
        fetch_opensea(new_root, open_network(server, max_wait_s=60), server.base_url)
    assert caught.value.is_host_wide
    assert len(server.requests_to()) == 3


def test_fetch_with_a_rejected_key_can_be_resumed(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    network = open_network(server, "wrong-key")
    with pytest.raises(RefusedError, match="401"):
        fetch_opensea(new_root, network, server.base_url)
    assert all(b"wrong-key" not in data for _, data in iter_files(new_root))
    assert fetch(root=new_root).resumed


def test_invalid_reply_is_requested_again_on_resume(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.oddities.replies = {"/events/": json_reply(200, {"asset_events": "many"})}
    with pytest.raises(DataError, match="unexpected reply to GET /events/.*: asset_events"):
        fetch(root=new_root)
    server.oddities.replies = {}
    assert fetch(root=new_root).recording.info.status == "complete"


def test_expired_cursor_of_an_earlier_run_does_not_stop_the_next_one(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.sales = make_sales(server.punks, 300)
    server.max_page_size = 100
    server.change = lambda path, page: page | {"next": "old"} if "/events/" in path else page
    with pytest.raises(NetworkError):  # The server closes the connection at this cursor.
        fetch(root=new_root)
    server.change = lambda path, page: page
    result = fetch(root=new_root)
    assert (result.resumed, result.sales) == (True, 299)


def test_full_fetch_is_resumed_after_a_sample_was_fetched(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.limit = 2
    with pytest.raises(LimitError):
        fetch_opensea(new_root, open_network(server, max_wait_s=0), server.base_url)
    server.limit = None
    fetch(root=new_root, limit=10)
    assert fetch(root=new_root).resumed
    assert build_dataset(new_root).snapshot.manifest.punks == 60

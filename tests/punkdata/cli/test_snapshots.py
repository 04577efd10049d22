"""The commands `punkdata info`, `list` and `diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import run
from support.market_records import write_market

from punkdata.snapshots.reader import open_snapshot

Capture = pytest.CaptureFixture[str]


def test_json_output_of_build_verify_info_and_list(
    root: Path, sdist_sha256: str, capsys: Capture
) -> None:
    version = open_snapshot(root).version
    assert run("build-dataset", "--json", "--root", root, sdist_sha256=sdist_sha256) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["version"], built["created"], built["punks"]) == (version, False, 60)
    assert run("verify", "--json", "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run("info", "--json", "--root", root) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["version"], info["labels"]["Alien"], info["sales"]) == (version, 12, None)
    assert run("list", "--json", "--root", root) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["version"], listed["latest"]) == (version, True)


def test_info_and_list_print_a_summary(root: Path, capsys: Capture) -> None:
    version = open_snapshot(root).version
    assert run("info", "--root", root) == 0
    out = capsys.readouterr().out
    for part in (version, "complete, 60 of 60 punks", "Alien 12", "unknown"):
        assert part in out
    assert run("list", "--root", root) == 0
    assert capsys.readouterr().out.split()[0] == version


def test_info_says_that_floor_and_owners_are_those_of_the_collection(
    tmp_path: Path, capsys: Capture
) -> None:
    snapshot = write_market(tmp_path)
    assert run("info", snapshot.path) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    note = "of the whole collection, as OpenSea states it"
    assert (lines["floor"], lines["owners"]) == (f"31.5 ETH, {note}", f"3,800, {note}")
    assert "statistics leave these sales out" in lines["flagged"]


def test_list_without_snapshots_is_not_an_error(tmp_path: Path, capsys: Capture) -> None:
    assert run("list", "--root", tmp_path) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"no complete snapshot found in '{tmp_path}'; " in err
    assert "punkdata fetch" in err
    assert run("list", "--json", "--root", tmp_path) == 0
    assert json.loads(capsys.readouterr().out) == []

"""The recordings in cassettes/ keep building the same snapshots, whatever changes in the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import run
from support.paths import REPOSITORY, iter_files

from punkdata.snapshots.reader import list_snapshots
from punkdata.sources.recording import open_recording
from punkdata.verify import verify_snapshot

CASSETTES = REPOSITORY / "cassettes"
VERSIONS = {"inline": "s3-58cf6e316132", "bare": "s3-7e32d4282822"}


@pytest.mark.parametrize(
    ("name", "code", "version"), [("inline", 0, VERSIONS["inline"]), ("bare", 6, VERSIONS["bare"])]
)
def test_cassette_builds_its_known_version(
    name: str, code: int, version: str, tmp_path: Path
) -> None:
    assert run("fetch", "--replay", CASSETTES / name, "--root", tmp_path) == code
    assert run("build-dataset", "--allow-partial", "--root", tmp_path) == 0
    (snapshot,) = list_snapshots(tmp_path)
    assert snapshot.version == version
    assert [c.problem for c in verify_snapshot(snapshot)] == [None] * 8


def test_cassettes_contain_what_their_readme_says() -> None:
    inline = list(open_recording(CASSETTES / "inline").replies())
    assert {r.status for r in inline} >= {200, 429, 503}
    names = ("/nfts", "/events/collection/cryptopunks?", "wrapped", "-721", "stats", "floor")
    pages = {name: sum(name in r.url for r in inline if r.body) for name in names}
    assert list(pages.values()) == [3, 12, 1, 1, 1, 2]
    assert open_recording(CASSETTES / "bare").info.market_year is None  # It is an old recording.
    bare = list(open_recording(CASSETTES / "bare").replies())
    assert {r.status for r in bare} >= {200, 400, 404}
    assert {r.pass_number for r in bare} == {0, 1}
    assert {r.method for r in bare} == {"GET", "POST"}


def test_cassettes_contain_no_key_and_no_path() -> None:
    for name, data in iter_files(CASSETTES):
        assert b"test-key" not in data, name
        assert b"/tmp" not in data or name == "README.md", name


def test_prices_from_a_cassette(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fetch", "--replay", CASSETTES / "inline", "--root", tmp_path) == 0
    assert run("build-dataset", "--root", tmp_path) == 0
    capsys.readouterr()
    assert run("prices", "--root", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["Alien", "Ape", "Female", "Male", "Zombie"]
    assert lines[7].startswith("288 sales in the market cryptopunks from 2017-")


def test_make_script_reproduces_the_content(tmp_path: Path) -> None:
    command = [sys.executable, str(CASSETTES / "make.py"), str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)
    for name, version in VERSIONS.items():
        root = tmp_path / f"{name}-root"
        run("fetch", "--replay", tmp_path / name, "--root", root)
        assert run("build-dataset", "--allow-partial", "--root", root) == 0
        assert [s.version for s in list_snapshots(root)] == [version]

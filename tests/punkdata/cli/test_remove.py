from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from punkdata import open_snapshot
from punkdata.cli import app, console
from punkdata.files import lock_root
from punkdata.sources.find_recording import list_recordings

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return console.run(app.app, "punkdata", ["rm", *map(str, args)])


def test_nothing_goes_unless_it_is_confirmed(root: Path, capsys: Capture) -> None:
    (recording,) = list_recordings(root)
    assert run(recording.name, "--root", root, "--dry-run") == 0
    assert "nothing is deleted" in capsys.readouterr().err
    assert run(recording.name, "--root", root) == 2
    assert "add --yes" in capsys.readouterr().err
    assert recording.path.exists()
    assert run(recording.name, "--root", root, "--yes") == 0
    assert capsys.readouterr().out.strip() == recording.name
    assert not recording.path.exists()


@pytest.mark.parametrize(("answer", "stays"), [("", True), ("n", True), ("y", False)])
def test_enter_alone_deletes_nothing(
    answer: str, stays: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording,) = list_recordings(root)
    monkeypatch.setattr(console, "can_ask", lambda: True)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from punkdata.cli import app, console; console.can_ask = lambda: True; "
            "sys.exit(console.run(app.app, 'punkdata'))",
            *("rm", recording.name, "--root", str(root)),
        ],
        input=f"{answer}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert "for good?" in done.stderr
    assert recording.path.exists() == stays
    assert done.returncode == (130 if stays else 0)


def test_the_latest_needs_force_and_then_it_says_what_is_left(root: Path, capsys: Capture) -> None:
    version = open_snapshot(root).version
    assert run(version, "--root", root, "--dry-run") == 0
    assert "it is the latest: needs --force" in capsys.readouterr().err
    assert run(version, "--root", root, "--yes") == 2
    assert f"{version} stays: it is the latest" in capsys.readouterr().err
    assert run(version, "--root", root, "--yes", "--force", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["removed"], told["latest"]) == ([version], None)
    assert told["bytes"] > 0


def test_while_another_writes_nothing_is_removed(root: Path) -> None:
    (recording,) = list_recordings(root)
    with lock_root(root):
        done = subprocess.run(
            [sys.executable, "-m", "punkdata", "rm", recording.name, "--root", root, "--yes"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert recording.path.exists()

"""The command `punkdata rm`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import punkdata_command
from support.cli import run as run_punkdata

from punkdata import open_snapshot
from punkdata.files import lock_root
from punkdata.sources.find_recording import list_recordings

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return run_punkdata("rm", *args)


def test_rm_needs_a_confirmation(root: Path, capsys: Capture) -> None:
    (recording,) = list_recordings(root)
    assert run(recording.name, "--root", root, "--dry-run") == 0
    assert "nothing was deleted" in capsys.readouterr().err
    assert run(recording.name, "--root", root) == 2
    assert "add --yes" in capsys.readouterr().err
    assert recording.path.exists()
    assert run(recording.name, "--root", root, "--yes") == 0
    assert capsys.readouterr().out.strip() == recording.name
    assert not recording.path.exists()


@pytest.mark.parametrize(("answer", "is_kept"), [("", True), ("n", True), ("y", False)])
def test_rm_deletes_only_after_an_explicit_yes(answer: str, is_kept: bool, root: Path) -> None:
    (recording,) = list_recordings(root)
    interactive = (
        "from punkdata.cli import console as cli_console\ncli_console.is_interactive = lambda: True"
    )
    done = subprocess.run(
        punkdata_command("rm", recording.name, "--root", root, setup=interactive),
        input=f"{answer}\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert "permanently" in done.stderr
    assert recording.path.exists() == is_kept
    assert done.returncode == (130 if is_kept else 0)


def test_rm_of_the_latest_snapshot_needs_force(root: Path, capsys: Capture) -> None:
    version = open_snapshot(root).version
    assert run(version, "--root", root, "--dry-run") == 0
    assert "needs --force" in capsys.readouterr().err
    assert run(version, "--root", root, "--yes") == 2
    assert f"refusing to delete {version}: " in capsys.readouterr().err
    assert run(version, "--root", root, "--yes", "--force", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["removed"], report["latest"]) == ([version], None)
    assert report["bytes"] > 0


def test_rm_fails_while_another_process_writes(root: Path) -> None:
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

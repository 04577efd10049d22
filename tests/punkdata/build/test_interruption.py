from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cli import punkdata_command
from support.snapshots import Build

from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import list_snapshots
from punkdata.verify import verify_snapshot


def build_command(root: Path, sdist_sha256: str, setup: str = "") -> list[str]:
    return punkdata_command("build-dataset", "--root", root, sdist_sha256=sdist_sha256, setup=setup)


def count_files(folder: Path) -> int:
    """Return the number of files in a folder that may change meanwhile."""
    return sum(len(names) for _, _, names in os.walk(folder))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_build_leaves_no_incomplete_snapshot(
    root: Path, sdist_sha256: str, build: Build
) -> None:
    version = get_latest_version(root)
    shutil.rmtree(root / "snapshots")
    num_kills = 0
    for num_files in range(1, 9):  # A complete snapshot has ten.
        with subprocess.Popen(
            build_command(root, sdist_sha256), stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and count_files(root / "snapshots") < num_files:
                time.sleep(0.001)
            process.kill()
        num_kills += process.returncode == -signal.SIGKILL
        for snapshot in list_snapshots(root):
            assert all(check.problem is None for check in verify_snapshot(snapshot))
        if list_snapshots(root):
            shutil.rmtree(root / "snapshots")
    assert num_kills
    result = build(root)
    assert result.snapshot.version == version
    assert not list((root / "snapshots").rglob(".building-*"))


def test_second_build_at_the_same_time_is_busy_or_succeeds(root: Path, sdist_sha256: str) -> None:
    shutil.rmtree(root / "snapshots")
    processes = [
        subprocess.Popen(build_command(root, sdist_sha256), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outcomes = [(process.communicate()[1].decode(), process.returncode) for process in processes]
    assert {code for _, code in outcomes} <= {0, 5}
    assert 0 in {code for _, code in outcomes}
    for text, code in outcomes:
        if code == 5:
            assert "another command is writing" in text
    assert len(list_snapshots(root)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_full_disk_publishes_nothing_and_a_rerun_succeeds(
    root: Path, sdist_sha256: str, build: Build
) -> None:
    shutil.rmtree(root / "snapshots")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    command = build_command(root, sdist_sha256, setup=limit)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "cannot write" in line
    assert "run the same command again" in line
    assert list(root.rglob("manifest.json")) == list(root.rglob(".building-*")) == []
    assert build(root).created

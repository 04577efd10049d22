"""A disk that fills up during a training: the error says how to resume the run, which works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import TESTS
from support.small_disk import UNSHARE, can_mount

import punkmodels
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_metrics

SCRIPT = """
import contextlib, shutil, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.punkmodels_cli import run
from support.small_disk import small_disk

disk, copy = Path(sys.argv[2]), Path(sys.argv[3])

def fill_disk() -> None:
    while not list(disk.glob("*/checkpoints/step_*")):
        time.sleep(0.01)
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))

with small_disk(disk):
    threading.Thread(target=fill_disk, daemon=True).start()
    code = run("train", *sys.argv[4:], "--threads", 1, "--runs", disk)
    (disk / "filler").unlink()
    shutil.copytree(disk, copy)
sys.exit(code)
"""


@pytest.mark.skipif(not can_mount(), reason="needs permission to mount a small file system")
@pytest.mark.parametrize(
    "options",
    [
        ("classifier", "--epochs", "90000", "--set", "width=4", "--set", "hidden=8"),
        ("renderer", "--total-images", "20000", "--set", "batch_size=10"),
    ],
)
def test_training_on_a_full_disk_shows_the_command_to_resume(
    options: tuple[str, ...], built_root: Path, tmp_path: Path
) -> None:
    disk, copy = tmp_path / "disk", tmp_path / "runs"
    disk.mkdir()
    arguments = [TESTS, disk, copy, *options, "--root", built_root]
    command = [*UNSHARE, sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    (run,) = copy.iterdir()
    resume = f"punkmodels train {options[0]} --resume {disk / run.name} --root {built_root}"
    error = done.stderr.splitlines()[-1]
    assert error.startswith(f"error: cannot write '{disk / run.name}")
    assert error.endswith(f"free some disk space, then resume with: {resume}")

    def stop(done: int, total: int | None, note: str = "") -> None:
        raise KeyboardInterrupt

    load_checkpoint(run)
    assert read_metrics(run)
    with pytest.raises(KeyboardInterrupt, match=f"resume={str(run)!r}"):
        getattr(punkmodels, f"train_{options[0]}")(built_root, resume=run, progress=stop)

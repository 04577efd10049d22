"""A disk that fills up during a training or a search, and memory that is too small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.paths import TESTS
from support.small_disk import UNSHARE, can_mount

import punkmodels
from punkdata.errors import StorageError
from punkmodels.classifier.tune import tune_classifier
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
        pytest.param(
            ("renderer", "--total-images", "20000", "--set", "batch_size=10"),
            marks=pytest.mark.slow,
        ),
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


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the size of files")
def test_a_search_whose_database_cannot_be_written_can_be_resumed(
    built_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def space(trial: Any) -> dict[str, Any]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
        return {"width": trial.suggest_int("width", 4, 5)}

    try:
        with pytest.raises(StorageError, match=r"cannot write '.*study\.db'; free some disk space"):
            tune_classifier(built_root, tmp_path, trials=1, epochs=2, threads=1, space=space)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    small = {"width": 4, "hidden": 8}
    result = tune_classifier(
        built_root, tmp_path, trials=1, epochs=2, threads=1, space=lambda trial: small
    )
    assert result["trials"] == 1


LITTLE_MEMORY = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from support.punkmodels_cli import run
import punkmodels.renderer.train
# A build of PyTorch for GPUs has more than this mapped already.
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + (3 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(run("train", "renderer", "--set", "batch_size=100000", *sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the memory")
def test_too_little_memory_is_one_line(built_root: Path, tmp_path: Path) -> None:
    arguments = [TESTS, "--root", built_root, "--runs", tmp_path]
    command = [sys.executable, "-c", LITTLE_MEMORY, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "error: there is not enough memory for this training; choose a smaller "
        "batch_size or a smaller model"
    )

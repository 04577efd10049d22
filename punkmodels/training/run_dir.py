"""Run folders: creation, lookup by number or name, metrics, and locking.

runs/00001-classifier-quick/
    config.json      all resolved options, the data, the device, and versions
    metrics.jsonl    one line per evaluation: after every epoch of a classifier, and at about twenty
                     evenly spaced steps of a GAN
    reals.png        training images as the network sees them
    checkpoints/     see `punkmodels.training.checkpoint`
    evaluation/      results of `punkmodels evaluate`
    .lock            held during training
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from punkdata.errors import DataError, UsageError
from punkdata.files import lock_root, translate_os_errors, write_atomic

DEFAULT_RUNS = Path("runs")


def create_run(runs: Path, name: str) -> Path:
    """Create and return a folder `<number>-<name>` in `runs`, with the next free number.

    Raises:
        UsageError: `runs` is not a writable folder.
        StorageError: The disk is full or failing.
    """
    number = max((int(p.name[:5]) for p in list_runs(runs)), default=0) + 1
    with translate_os_errors(runs):
        while True:
            run = runs / f"{number:05d}-{name}"
            try:
                (run / "checkpoints").mkdir(parents=True)
                return run
            except FileExistsError:  # Another process has just taken the number.
                number += 1


def list_runs(runs: Path) -> list[Path]:
    """Return all run folders in `runs`, sorted by number."""
    folders = [p for p in runs.glob("[0-9]*-*") if re.match(r"\d{5}-", p.name) and p.is_dir()]
    return sorted(folders)


def find_run(runs: Path, run: str, *, trained: bool = False, task: str | None = None) -> Path:
    """Return the run folder that a path, a name, a number or "latest" refers to.

    Args:
        runs: The folder of all runs.
        run: A path, a name, a number, or "latest".
        trained: If true, "latest" skips runs without a checkpoint.
        task: "classifier" or "dcgan" if "latest" considers only runs of that task; None for both.

    Raises:
        UsageError: There is no such run.
    """
    if run == "latest":
        required = "checkpoints/*.safetensors" if trained else "config.json"
        matches = [
            p
            for p in list_runs(runs)
            if any(p.glob(required)) and task in (None, read_config(p).get("task"))
        ]
        if matches:
            return matches[-1]
        raise UsageError(f"no run found in {runs}", hint="create one with: punkmodels train")
    if run.isdecimal() and run.isascii():
        for path in list_runs(runs):
            if int(path.name[:5]) == int(run):
                return path
    for path in (Path(run), runs / run):
        if (path / "config.json").exists():
            return path
    raise UsageError(f"no run {run} found in {runs}", hint=f"list the runs with: ls {runs}")


@contextmanager
def lock_run(run: Path, num_metrics: int, *, is_main: bool) -> Iterator[None]:
    """Lock a run during training, and drop metrics that are newer than its checkpoint.

    Args:
        run: The run folder.
        num_metrics: Number of lines in metrics.jsonl when the checkpoint was written.
        is_main: Whether this process writes to the run; otherwise nothing is done.

    Raises:
        BusyError: Another process is training this run.
    """
    if not is_main:
        yield
        return
    with lock_root(run):
        _truncate_metrics(run, num_metrics)
        yield


def append_metrics(run: Path, line: dict[str, Any]) -> None:
    """Append a line to metrics.jsonl.

    Raises:
        StorageError: The disk is full or not writable.
    """
    path = run / "metrics.jsonl"
    with translate_os_errors(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl."""
    path = run / "metrics.jsonl"
    with translate_os_errors(path):
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _truncate_metrics(run: Path, num_lines: int) -> None:
    """Keep only the first lines of metrics.jsonl.

    A process can be killed after it has written a line, but before the checkpoint that belongs to
    that line.
    """
    path = run / "metrics.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    write_atomic(path, "".join(lines[:num_lines]).encode())


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write indented JSON atomically.

    Raises:
        StorageError: The disk is full or not writable.
    """
    write_atomic(path, (json.dumps(data, indent=2) + "\n").encode())


def read_config(run: Path) -> dict[str, Any]:
    """Return the content of a run's config.json.

    Raises:
        DataError: The file is missing or damaged.
    """
    path = run / "config.json"
    try:
        return dict(json.loads(path.read_bytes()))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, RecursionError):
        raise DataError(f"{path} is damaged: it does not contain a JSON object") from None

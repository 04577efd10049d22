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
TASK_NAMES = {"classifier": "classifier", "dcgan": "GAN", "renderer": "renderer"}
"""Name of each task in messages."""
RESTORE_HINT = "restore the file, or train the run or export the weights again"
"""Hint for a damaged file of a run or of exported weights."""


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


def find_run(
    runs: Path, run: str, *, trained: bool = False, tasks: tuple[str, ...] = tuple(TASK_NAMES)
) -> Path:
    """Return the run folder that a path, a name, a number or "latest" refers to.

    Args:
        runs: The folder of all runs.
        run: A path, a name, a number, or "latest".
        trained: If true, "latest" skips runs without a checkpoint.
        tasks: Tasks that the run may have; "latest" skips other runs.

    Raises:
        UsageError: There is no such run, or it is a run of another task.
        DataError: A config.json is damaged.
    """
    if run == "latest":
        return _find_latest(runs, trained=trained, tasks=tasks)
    numbered = []
    if run.isdecimal() and run.isascii():
        numbered = [p for p in list_runs(runs) if int(p.name[:5]) == int(run)]
    named = [p for p in (Path(run), runs / run) if (p / "config.json").exists()]
    if not numbered and not named:
        raise UsageError(f"no run {run} found in {runs}", hint=f"list the runs with: ls {runs}")
    path = (numbered + named)[0]
    found_task = read_config(path).get("task")
    if found_task not in tasks and found_task in TASK_NAMES:
        raise UsageError(
            f"{path} is a {TASK_NAMES[found_task]}, but a {_join_names(tasks)} is needed",
            hint=f"choose a run of: punkmodels train {tasks[0]}",
        )
    return path


def _find_latest(runs: Path, *, trained: bool, tasks: tuple[str, ...]) -> Path:
    required = "checkpoints/step_*" if trained else "config.json"
    candidates = [p for p in list_runs(runs) if any(p.glob(required))]
    matches = [p for p in candidates if read_config(p).get("task") in tasks]
    if matches:
        return matches[-1]
    others = f" ({len(candidates)} of another model)" if candidates else ""
    raise UsageError(
        f"no {_join_names(tasks)} found in {runs}{others}",
        hint=f"train one with: punkmodels train {tasks[0]}",
    )


def _join_names(tasks: tuple[str, ...]) -> str:
    """Return "run", or for example "GAN or renderer run" if the tasks are restricted."""
    if len(tasks) == len(TASK_NAMES):
        return "run"
    return " or ".join(TASK_NAMES[task] for task in tasks) + " run"


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
        raise DataError(f"{path} cannot be read ({error.strerror})", hint=RESTORE_HINT) from None
    except (ValueError, TypeError, RecursionError):
        raise DataError(
            f"{path} is damaged: it does not contain a JSON object", hint=RESTORE_HINT
        ) from None

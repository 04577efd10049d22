"""The run folder: its number, its files, and which run a person means.

runs/00001-classifier-quick/
    config.json      all resolved options, the data, the device, the versions
    metrics.jsonl    one line an epoch
    reals.png         training images as the network sees them
    checkpoints/     see checkpoint.py
    evaluation/      see evaluate.py
    .lock            held while it is trained
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
    """A new folder `<number>-<name>` below `runs`, numbered after the last one.

    Raises:
        StorageError: it cannot be made.
    """
    number = max((int(p.name[:5]) for p in list_runs(runs)), default=0) + 1
    with translate_os_errors(runs):
        while True:
            run = runs / f"{number:05d}-{name}"
            try:
                (run / "checkpoints").mkdir(parents=True)
                return run
            except FileExistsError:  # another run took the number just now
                number += 1


def list_runs(runs: Path) -> list[Path]:
    """All run folders, by number."""
    found = [p for p in runs.glob("[0-9]*-*") if re.match(r"\d{5}-", p.name) and p.is_dir()]
    return sorted(found)


def find_run(runs: Path, run: str, *, trained: bool = False, task: str | None = None) -> Path:
    """The folder that a person means by a path, a name, a number or "latest".

    Args:
        trained: the latest is the latest with a checkpoint, not one stopped before its first.
        task: the latest is the latest of this task, "classifier" or "dcgan".

    Raises:
        UsageError: there is none.
    """
    if run == "latest":
        wanted = "checkpoints/*.safetensors" if trained else "config.json"
        found = [
            p
            for p in list_runs(runs)
            if any(p.glob(wanted)) and task in (None, read_config(p).get("task"))
        ]
        if found:
            return found[-1]
        raise UsageError(f"{runs} holds no run yet", hint="make one with: punkmodels train")
    if run.isdecimal() and run.isascii():
        for path in list_runs(runs):
            if int(path.name[:5]) == int(run):
                return path
    for path in (Path(run), runs / run):
        if (path / "config.json").exists():
            return path
    raise UsageError(f"there is no run {run} in {runs}", hint=f"see: ls {runs}")


def write_json(path: Path, data: dict[str, Any]) -> None:
    write_atomic(path, (json.dumps(data, indent=2) + "\n").encode())


def append_metrics(run: Path, line: dict[str, Any]) -> None:
    """Add a line to metrics.jsonl."""
    path = run / "metrics.jsonl"
    with translate_os_errors(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    path = run / "metrics.jsonl"
    with translate_os_errors(path):
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@contextmanager
def lock_run(run: Path, lines: int, *, is_main: bool) -> Iterator[None]:
    """Hold a run while it is trained, from a checkpoint that so many lines of metrics lead to.

    Args:
        is_first: whether this process is the one that writes.

    Raises:
        BusyError: another process trains it.
    """
    if not is_main:
        yield
        return
    with lock_root(run):
        _trim_metrics(run, lines)
        yield


def _trim_metrics(run: Path, lines: int) -> None:
    """Keep the first lines only: a kill can fall between a line and its checkpoint."""
    path = run / "metrics.jsonl"
    text = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    write_atomic(path, "".join(text[:lines]).encode())


def read_config(run: Path) -> dict[str, Any]:
    """The content of config.json.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        config = json.loads((run / "config.json").read_bytes())
        return dict(config)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{run / 'config.json'} is missing or damaged ({error})") from None

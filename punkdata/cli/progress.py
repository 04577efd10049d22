"""Progress of long commands: bars on a terminal, occasional plain lines elsewhere.

Everything is written to stderr.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from punkdata.cli.console import ErrorConsole, write_error_line

PLAIN_INTERVAL_S = 5.0
"""Time between two progress lines outside a terminal, in seconds."""

Progress = Callable[..., None]
"""`progress(done, total, note="")`; `total` is None while it is unknown."""

StageProgress = Callable[[str, int, int | None], None]
"""`progress(stage, done, total)`; the stage is the plural noun that it counts, as in "images"."""


@contextmanager
def progress_bar(label: str, unit: str) -> Iterator[Progress]:
    """Show the progress of a long operation; yields `progress(done, total, note="")`.

    Args:
        label: The operation, for example "building".
        unit: What is counted, in the plural; "bytes" are shown as MB.
    """
    console = ErrorConsole()
    if not console.is_terminal:
        yield PlainProgress(label, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _CountsColumn(unit),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, note="")

        def progress(done: int, total: int | None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=escape(note))

        yield progress


@contextmanager
def stage_bars(label: str, note: Callable[[], str] = lambda: "") -> Iterator[StageProgress]:
    """Show the progress of an operation with several stages, some of which may run in parallel.

    Args:
        label: The operation, for example "fetching".
        note: Returns the text at the end of the newest bar. Called repeatedly, even while no
            stage makes progress.
    """
    console = ErrorConsole()
    lock = threading.Lock()  # Several threads report progress.
    if not console.is_terminal:
        plain: dict[str, PlainProgress] = {}

        def write_stage(stage: str, done: int, total: int | None) -> None:
            with lock:
                plain.setdefault(stage, PlainProgress(label, stage))(done, total, note())

        yield write_stage
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _CountsColumn(""))
    with RichProgress(*columns, _NoteColumn(note), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def update_stage(stage: str, done: int, total: int | None) -> None:
            with lock:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(label, total=total, unit=stage)
                bars.update(tasks[stage], completed=done, total=total)

        yield update_stage


class PlainProgress:
    """Progress callback that writes a line every few seconds, and one at the end of a long run.

    Args:
        clock: Returns the current time in seconds, for tests.
    """

    def __init__(self, label: str, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.label, self.unit, self.clock = label, unit, clock
        self.started_s = self.last_line_s = clock()

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        now_s = self.clock()
        is_end = done == total and now_s - self.started_s > PLAIN_INTERVAL_S
        if now_s - self.last_line_s < PLAIN_INTERVAL_S and not is_end:
            return
        self.last_line_s = now_s
        speed = done / (now_s - self.started_s)
        remaining_s = (total - done) / speed if total and speed else None
        counts = format_counts(done, total, self.unit, speed, remaining_s)
        line = " · ".join(filter(None, [f"{self.label}: {counts}", note]))
        write_error_line(line)


class _CountsColumn(ProgressColumn):
    """Column with done/total, rate and remaining time."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        total = int(task.total) if task.total is not None else None
        unit = task.fields.get("unit", self.unit)
        return Text(
            format_counts(int(task.completed), total, unit, task.speed, task.time_remaining)
        )


class _NoteColumn(ProgressColumn):
    """Column with a note, shown only at the newest bar."""

    def __init__(self, note: Callable[[], str]) -> None:
        super().__init__()
        self.note = note
        self.newest = TaskID(0)

    def render(self, task: Task) -> Text:
        self.newest = max(self.newest, task.id)
        text = self.note() if task.id == self.newest else ""
        return Text(f"· {text}" if text else "")


def format_counts(
    done: int, total: int | None, unit: str, speed: float | None, remaining_s: float | None
) -> str:
    """Return a text such as "50/100 punks · 5/s · 0:10 left"."""
    if unit == "bytes":
        text = f"{done / 1e6:.1f}" + (f"/{total / 1e6:.1f}" if total else "") + " MB"
        return text + (f" · {speed / 1e6:.1f} MB/s" if speed else "")
    text = f"{done:,}" + (f"/{total:,}" if total else "") + f" {unit}"
    if speed:
        text += f" · {speed:,.0f}/s" if speed >= 1 else f" · {1 / speed:,.0f} s each"
    if not remaining_s:
        return text
    return f"{text} · {int(remaining_s) // 60}:{int(remaining_s) % 60:02d} left"

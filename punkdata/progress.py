"""Progress of long-running operations, shown as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from punkdata.report import escape_control_characters

Progress = Callable[..., None]
"""Callback `progress(done, total, note="", unit=...)`, which several threads may call.

`total` is None while it is unknown. `note` is a short text about the current step. Functions that
count several things at once name each by `unit`, in the plural, for example "images"."""

LINE_INTERVAL_S = 5.0  # Time between the lines of progress, where stderr is not a terminal.


class ErrorConsole(Console):
    """rich console on stderr. If its reader closes the pipe, further output is discarded."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def on_broken_pipe(self) -> None:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Redirect a closed stream to the null device, so that flushing it at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress_bar(
    label: str, unit: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Show the progress of an operation such as "building"; yields the callback that reports it.

    There is a bar, or a series of lines, for each unit that the callback is called with; by default
    that is `unit`, a plural such as "punks". "bytes" are shown as MB.
    """
    console, lock = ErrorConsole(), threading.Lock()
    columns = (TextColumn("{task.description}"), BarColumn(), _Counts())
    bars = RichProgress(
        *columns, console=console, get_time=clock, speed_estimate_period=300, transient=True
    )
    tasks = {unit: bars.add_task(label, total=None, unit=unit)}
    last_line_s = {unit: clock()}

    def progress(done: int, total: int | None, note: str = "", unit: str = unit) -> None:
        with lock:
            if unit not in tasks:
                tasks[unit] = bars.add_task(label, total=None, unit=unit)
                last_line_s[unit] = clock()
            bars.update(tasks[unit], completed=done, total=total, note=note)
            task, now_s = bars.tasks[tasks[unit]], clock()
            is_end = done == total and (task.elapsed or 0) > LINE_INTERVAL_S
            is_due = is_end or now_s - last_line_s[unit] >= LINE_INTERVAL_S
            if is_due and not console.is_terminal:
                last_line_s[unit] = now_s
                text = escape(f"{label}: {_describe(task)}")
                console.print(escape_control_characters(text))

    with bars if console.is_terminal else nullcontext():
        yield progress


class _Counts(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_describe(task))


def _describe(task: Task) -> str:
    """Return a text such as "50/100 punks · 5/s · 0:10 left · lowest loss 0.1"."""
    unit, scale, digits = task.fields["unit"], 1.0, 0
    if unit == "bytes":
        unit, scale, digits = "MB", 1e6, 1
    text = f"{task.completed / scale:,.{digits}f}"
    if task.total:
        text += f"/{task.total / scale:,.{digits}f}"
    text += f" {unit}"
    if speed := (task.speed or 0) / scale:
        is_slow = speed < 1 and not digits
        text += f" · {1 / speed:,.0f} s each" if is_slow else f" · {speed:,.{digits}f}/s"
    if remaining_s := int(task.time_remaining or 0):
        text += f" · {remaining_s // 60}:{remaining_s % 60:02d} left"
    note = task.fields.get("note")
    return f"{text} · {note}" if note else text

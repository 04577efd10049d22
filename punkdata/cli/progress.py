"""Progress of long commands on stderr: bars on a terminal, occasional plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from punkdata.cli.console import ErrorConsole, say
from punkdata.progress import Progress

_LINE_INTERVAL_S = 5.0


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
            is_end = done == total and (task.elapsed or 0) > _LINE_INTERVAL_S
            is_due = is_end or now_s - last_line_s[unit] >= _LINE_INTERVAL_S
            if is_due and not console.is_terminal:
                last_line_s[unit] = now_s
                say(f"{label}: {_describe(task)}")

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

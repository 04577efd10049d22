"""Progress of long commands: bars on a terminal, occasional plain lines elsewhere.

Everything is written to stderr.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from punkdata.cli.console import ErrorConsole, say
from punkdata.progress import Progress

PLAIN_INTERVAL_S = 5.0
"""Time between two progress lines outside a terminal, in seconds."""


@contextmanager
def progress_bar(
    label: str, unit: str, default_note: Callable[[], str] = lambda: ""
) -> Iterator[Progress]:
    """Show the progress of a long operation; yields the callback that reports it.

    The callback shows one bar, or one series of lines, for each unit that it is called with.

    Args:
        label: The operation, for example "building".
        unit: What is counted by default, in the plural; "bytes" are shown as MB.
        default_note: Returns the note of the newest bar while the callback is called without one.
            On a terminal, it is called repeatedly, even while there is no progress.
    """
    console = ErrorConsole()
    lock = threading.Lock()  # Several threads report progress.
    if not console.is_terminal:
        lines = {unit: PlainProgress(label, unit)}

        def write_line(done: int, total: int | None, note: str = "", unit: str = unit) -> None:
            with lock:
                series = lines.setdefault(unit, PlainProgress(label, unit))
                series(done, total, note or default_note())

        yield write_line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Counts(), _Note(default_note))
    with RichProgress(*columns, console=console, transient=True) as bars:
        tasks = {unit: bars.add_task(label, total=None, unit=unit)}

        def update_bar(done: int, total: int | None, note: str = "", unit: str = unit) -> None:
            with lock:
                if unit not in tasks:
                    tasks[unit] = bars.add_task(label, total=total, unit=unit)
                bars.update(tasks[unit], completed=done, total=total, note=note)

        yield update_bar


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
        say(line)


class _Counts(ProgressColumn):
    """Column with done/total, rate and remaining time."""

    def render(self, task: Task) -> Text:
        total = None if task.total is None else int(task.total)
        done, unit = int(task.completed), task.fields["unit"]
        return Text(format_counts(done, total, unit, task.speed, task.time_remaining))


class _Note(ProgressColumn):
    """Column with the note of a task, or else a common note at the newest task."""

    def __init__(self, default_note: Callable[[], str]) -> None:
        super().__init__()
        self.default_note = default_note
        self.newest = TaskID(0)

    def render(self, task: Task) -> Text:
        self.newest = max(self.newest, task.id)
        text = task.fields.get("note") or (self.default_note() if task.id == self.newest else "")
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

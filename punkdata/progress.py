"""Progress of long-running operations: a bar on a terminal or in a notebook, and lines elsewhere.

The lines are also records of the logger `punkdata.progress`.
"""

from __future__ import annotations

import html
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.text import Text

from punkdata.report import escape_control_characters

Progress = Callable[..., None]
"""Callback `progress(done, total, note="", unit=...)`, which several threads may call.

`total` is None while it is unknown. `note` is a short text about the current step. Functions that
count several things at once name each by `unit`, in the plural, for example "images".

Before the first step, `progress(0, None, "loading data")` announces a phase of the set-up. The
clock for speed and remaining time starts with the first call that has a total or something done."""

SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 5.0, 60.0
"""Time between two lines of progress; within these limits it is a tenth of the time so far."""
SPEED_PERIOD_S = 60.0
"""The speed is measured over the last period of this length."""
MIN_MEASURED_S = 3.0
"""Speed and remaining time are shown once they are based on so many seconds."""
NOTEBOOK_INTERVAL_S = 0.2

SHOWN = {"is_shown": True}
"""Extra attribute of log records that a command shows in another way."""

logger = logging.getLogger(__name__)


@contextmanager
def progress_bar(
    label: str, unit: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Show the progress of an operation such as "building"; yields the callback that reports it.

    There is a bar, or a series of lines, for each unit that the callback is called with; by default
    that is `unit`, a plural such as "punks". "bytes" are shown as MB.

    >>> with progress_bar("resizing", "images") as progress:
    ...     for done in range(100):
    ...         progress(done + 1, 100)
    """
    tasks: dict[str, _Task] = {}
    lock, start_s = threading.Lock(), clock()
    with _open_display() as show:

        def progress(done: int, total: int | None, note: str = "", unit: str = unit) -> None:
            with lock:
                task = tasks.setdefault(unit, _Task(label, unit, start_s, start_s))
                has_line = task.update(clock(), done, total, note)
                if has_line:
                    logger.info(str(task), extra=SHOWN)
                show(task, has_line)

        yield progress


@contextmanager
def announce(phase: str) -> Iterator[None]:
    """Show what happens in the `with` block, for example "loading PyTorch".

    A terminal shows it until the block ends; elsewhere, it is a line.
    """
    with progress_bar(phase, "") as progress:
        progress(0, None)
        yield


@dataclass
class _Task:
    """What is counted in one unit, and how fast; `samples` are pairs of (time in s, done)."""

    label: str
    unit: str
    start_s: float
    last_line_s: float
    done: int = 0
    total: int | None = None
    note: str = ""
    phase: str | None = None
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def __str__(self) -> str:
        text = self.describe()
        return f"{self.label}: {text}" if text else self.label

    @property
    def is_set_up(self) -> bool:
        """Whether the first step has not begun yet."""
        return not self.samples

    def update(self, now_s: float, done: int, total: int | None, note: str) -> bool:
        """Set the state, and return whether it is time for a line."""
        self.done, self.total, self.note = done, total, note
        if self.is_set_up and not done and total is None:
            is_new, self.phase = note != self.phase, note
            return is_new
        self._add_sample(now_s, done)
        elapsed_s = now_s - self.start_s
        interval_s = min(max(SHORTEST_INTERVAL_S, elapsed_s / 10), LONGEST_INTERVAL_S)
        is_end = done == total and elapsed_s > SHORTEST_INTERVAL_S
        if not is_end and now_s - self.last_line_s < interval_s:
            return False
        self.last_line_s = now_s
        return True

    def _add_sample(self, now_s: float, done: int) -> None:
        samples = self.samples
        # Keep a sample per second, and one that is older than the period.
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < 1:
            samples.pop()
        samples.append((now_s, done))
        while len(samples) > 2 and now_s - samples[1][0] >= SPEED_PERIOD_S:
            samples.popleft()

    @property
    def speed(self) -> float | None:
        """What is done in a second; None until it can be measured."""
        if self.is_set_up:
            return None
        (first_s, first), (last_s, last) = self.samples[0], self.samples[-1]
        if last <= first or last_s - first_s < MIN_MEASURED_S:
            return None
        return (last - first) / (last_s - first_s)

    def describe(self) -> str:
        """Return a text such as "50/100 punks · 5/s · 0:10 left · lowest loss 0.1"."""
        if self.is_set_up:
            return self.note
        unit, scale, digits = self.unit, 1.0, 0
        if unit == "bytes":
            unit, scale, digits = "MB", 1e6, 1
        text = f"{self.done / scale:,.{digits}f}"
        if self.total:
            text += f"/{self.total / scale:,.{digits}f}"
        text += f" {unit}"
        if speed := self.speed:
            shown = speed / scale
            is_slow = shown < 1 and not digits
            text += f" · {1 / shown:,.0f} s each" if is_slow else f" · {shown:,.{digits}f}/s"
            if remaining_s := int(max(0, (self.total or 0) - self.done) / speed):
                text += f" · {remaining_s // 60}:{remaining_s % 60:02d} left"
        return f"{text} · {self.note}" if self.note else text


# -- Displays: functions that show a task, and are told whether it is time for a line ---------

_Show = Callable[[_Task, bool], None]


def _open_display() -> AbstractContextManager[_Show]:
    if _is_notebook():
        return _show_in_notebook()
    return _show_bars() if ErrorConsole().is_terminal else _show_lines()


def _is_notebook() -> bool:
    """Return whether this is the kernel of a notebook: only kernels have this attribute."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@contextmanager
def _show_lines() -> Iterator[_Show]:
    def show(task: _Task, has_line: bool) -> None:
        if has_line:
            write_stderr(escape(str(task)))

    yield show


@contextmanager
def _show_bars() -> Iterator[_Show]:
    global _console
    columns = (TextColumn("{task.description}"), BarColumn(), _Description())
    outer, console = _console, ErrorConsole()
    bars = RichProgress(*columns, console=console, transient=True)
    ids: dict[str, Any] = {}

    def show(task: _Task, _: bool) -> None:
        if task.unit not in ids:
            ids[task.unit] = bars.add_task(task.label, total=None)
        text = escape_control_characters(task.describe())
        bars.update(ids[task.unit], completed=task.done, total=task.total, text=text)

    try:
        with bars:
            _console = console
            yield show
    finally:
        _console = outer


class _Description(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        return Text(task.fields.get("text", ""))


@contextmanager
def _show_in_notebook() -> Iterator[_Show]:
    """Show bars in HTML, which every front end updates in place, without any extension."""
    from IPython import display

    show_data: Callable[..., Any] = display.display

    handles: dict[str, Any] = {}
    shown_s: dict[str, float] = {}
    tasks: dict[str, _Task] = {}

    def refresh(task: _Task, *, is_over: bool = False) -> None:
        data = {"text/html": _to_html(task, is_over), "text/plain": str(task)}
        if is_over and task.is_set_up:  # A phase that is over says nothing any more.
            data = {"text/html": "", "text/plain": ""}
        if handle := handles.get(task.unit):
            handle.update(data, raw=True)
        else:
            handles[task.unit] = show_data(data, raw=True, display_id=True)
        shown_s[task.unit] = time.monotonic()

    def show(task: _Task, has_line: bool) -> None:
        tasks[task.unit] = task
        if has_line or time.monotonic() - shown_s.get(task.unit, 0) >= NOTEBOOK_INTERVAL_S:
            refresh(task)

    try:
        yield show
    finally:
        for task in tasks.values():
            refresh(task, is_over=True)


def _to_html(task: _Task, is_over: bool) -> str:
    # Without a value, the bar moves to and fro.
    value = f'value="{task.done}" max="{task.total}"' if task.total else ""
    bar = (
        ""
        if is_over and not value
        else f'<progress style="flex: none; width: 15em" {value}></progress>'
    )
    label, text = html.escape(task.label), html.escape(task.describe())
    return (
        '<div style="display: flex; align-items: center; gap: 0.7em; '
        'font-variant-numeric: tabular-nums">'
        f"<span>{label}</span>{bar}<span>{text}</span></div>"
    )


# -- Standard error -------------------------------------------------------------------------


class ErrorConsole(Console):
    """rich console on stderr. If its reader closes the pipe, further output is discarded.

    In a notebook, it writes to stdout, because notebooks show stderr on a red background.
    """

    def __init__(self) -> None:
        options: dict[str, Any] = {"highlight": False, "emoji": False, "force_jupyter": False}
        super().__init__(stderr=not _is_notebook(), soft_wrap=True, **options)

    def on_broken_pipe(self) -> None:
        discard(sys.stderr)


_console: ErrorConsole | None = None
"""The console of the bars that are on the screen: text must be written above them."""


def write_stderr(markup: str) -> None:
    """Write a line in rich's markup to stderr, above the bars that may be shown there."""
    (_console or ErrorConsole()).print(escape_control_characters(markup))


def discard(stream: TextIO) -> None:
    """Redirect a closed stream to the null device, so that flushing it at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

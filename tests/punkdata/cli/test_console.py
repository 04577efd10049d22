"""Output, errors and exit codes of a command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from punkdata.cli import console
from punkdata.cli.options import parse_duration
from punkdata.errors import DataError, UsageError

Capture = pytest.CaptureFixture[str]


def make_test_app(action: Callable[[], object]) -> typer.Typer:
    app = console.make_app("Test.")

    @app.callback()
    def callback() -> None:
        pass

    @app.command()
    def go(count: int = 1) -> None:
        action()

    return app


def raising(error: BaseException) -> Callable[[], object]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("bad [file]", hint="fetch again"), 6, "bad [file]; fetch again"),
        (KeyboardInterrupt(), 130, "stopped; no file is half-written, run the same command again"),
        (OSError(28, "No space left"), 5, "cannot read or write the output: No space left"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_one_line_and_an_exit_code(
    error: BaseException, code: int, message: str, capsys: Capture
) -> None:
    assert console.run(make_test_app(raising(error)), "test", ["go"]) == code
    assert capsys.readouterr() == ("", f"error: {message}\n")


def test_unexpected_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        console.run(make_test_app(raising(ZeroDivisionError())), "test", ["go"])


@pytest.mark.parametrize("args", [["fly"], ["go", "--high"], ["go", "--count", "many"]])
def test_usage_error_is_one_line_that_names_the_help(args: list[str], capsys: Capture) -> None:
    assert console.run(make_test_app(lambda: None), "test", args) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--help" in err


def test_success_exits_with_0(capsys: Capture) -> None:
    assert console.run(make_test_app(lambda: console.emit("data")), "test", ["go"]) == 0
    assert capsys.readouterr() == ("data\n", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("90s", 90), ("1.5h", 5400), ("0", 0), ("20", 1200), ("2 min", 120)],
)
def test_durations_have_a_unit_or_are_minutes(text: str, seconds: float) -> None:
    assert parse_duration(text, "--max-wait") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5d", "m"])
def test_invalid_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-wait"):
        parse_duration(text, "--max-wait")

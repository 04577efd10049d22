from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import typer

from punkdata import terminal
from punkdata.errors import DataError


def app_that(action: Callable[[], object]) -> typer.Typer:
    app = terminal.make_app("Test.")

    @app.callback()
    def callback() -> None:
        pass

    @app.command()
    def go(count: int = 1) -> None:
        action()

    return app


def fail(error: BaseException) -> Callable[[], object]:
    def action() -> None:
        raise error

    return action


def test_our_errors_become_one_line_and_their_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = app_that(fail(DataError("bad [file]", try_next="fetch again")))
    assert terminal.run(app, "test", ["go"]) == 6
    assert capsys.readouterr() == ("", "error: bad [file]; fetch again\n")


def test_ctrl_c_is_130_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run(app_that(fail(KeyboardInterrupt())), "test", ["go"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_of_ours_that_is_none_is_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        terminal.run(app_that(fail(ZeroDivisionError())), "test", ["go"])


@pytest.mark.parametrize("args", [["fly"], ["go", "--high"], ["go", "--count", "many"]])
def test_wrong_usage_is_one_line_that_names_the_help(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.run(app_that(lambda: None), "test", args) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--help" in err


def test_all_well_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run(app_that(lambda: terminal.emit("data")), "test", ["go"]) == 0
    assert capsys.readouterr() == ("data\n", "")


def test_off_a_terminal_progress_is_plain_lines_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 10.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with terminal.progress("building", "punks") as report:
        report(10, 100)  # after 1 s: too early to say anything
        report(50, 100, "half")
        report(60, 100)  # a second later: too early again
    err = capsys.readouterr().err
    assert err == "building: 50/100 punks · 5/s · 0:10 left · half\n"


def test_the_end_of_a_long_job_is_always_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 6.0, 8.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with terminal.progress("building", "punks") as report:
        report(50, 100)
        report(100, 100)
    assert capsys.readouterr().err.splitlines()[-1] == "building: 100/100 punks · 12/s"


def test_a_full_disk_behind_stdout_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(28, "No space left on device")
    assert terminal.run(app_that(fail(full)), "test", ["go"]) == 5
    assert capsys.readouterr().err == (
        "error: cannot read or write the output: No space left on device\n"
    )


def test_bytes_are_shown_as_megabytes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with terminal.progress("downloading", "bytes") as report:
        report(1_500_000, 3_000_000)
    assert capsys.readouterr().err == "downloading: 1.5/3.0 MB · 0.1 MB/s\n"

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import typer

from punkdata.cli import console
from punkdata.errors import DataError, UsageError


def app_that(action: Callable[[], object]) -> typer.Typer:
    app = console.make_app("Test.")

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
    app = app_that(fail(DataError("bad [file]", hint="fetch again")))
    assert console.run(app, "test", ["go"]) == 6
    assert capsys.readouterr() == ("", "error: bad [file]; fetch again\n")


def test_ctrl_c_is_130_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(app_that(fail(KeyboardInterrupt())), "test", ["go"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_of_ours_that_is_none_is_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        console.run(app_that(fail(ZeroDivisionError())), "test", ["go"])


@pytest.mark.parametrize("args", [["fly"], ["go", "--high"], ["go", "--count", "many"]])
def test_wrong_usage_is_one_line_that_names_the_help(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.run(app_that(lambda: None), "test", args) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--help" in err


def test_all_well_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(app_that(lambda: console.emit("data")), "test", ["go"]) == 0
    assert capsys.readouterr() == ("data\n", "")


def test_off_a_terminal_progress_is_plain_lines_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 10.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("building", "punks") as report:
        report(10, 100)  # after 1 s: too early to say anything
        report(50, 100, "half")
        report(60, 100)  # a second later: too early again
    err = capsys.readouterr().err
    assert err == "building: 50/100 punks · 5/s · 0:10 left · half\n"


def test_what_takes_over_a_second_each_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 66.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("tuning", "trials") as report:
        report(2, 20)
    assert capsys.readouterr().err == "tuning: 2/20 trials · 33 s each · 9:54 left\n"


def test_the_end_of_a_long_job_is_always_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 6.0, 8.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("building", "punks") as report:
        report(50, 100)
        report(100, 100)
    assert capsys.readouterr().err.splitlines()[-1] == "building: 100/100 punks · 12/s"


def test_a_full_disk_behind_stdout_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(28, "No space left on device")
    assert console.run(app_that(fail(full)), "test", ["go"]) == 5
    assert capsys.readouterr().err == (
        "error: cannot read or write the output: No space left on device\n"
    )


def test_bytes_are_shown_as_megabytes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with console.progress("downloading", "bytes") as report:
        report(1_500_000, 3_000_000)
    assert capsys.readouterr().err == "downloading: 1.5/3.0 MB · 0.1 MB/s\n"


def test_stages_side_by_side_are_told_apart_in_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PLAIN_EVERY_S", 0.0)
    with console.stages("fetching", lambda: "9 of 12 requests left") as report:
        report("punks", 5, 10)
        report("images", 1, 10)
        report("punks", 10, 10)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        "fetching: 5/10 punks",
        "fetching: 1/10 images",
        "fetching: 10/10 punks",
    ]
    assert all(line.endswith("9 of 12 requests left") for line in lines)


def test_bars_of_stages_appear_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with console.stages("fetching", lambda: "a note") as report:
        report("punks", 5, 10)
        report("images", 1, 10)
    err = capsys.readouterr().err
    assert "5/10 punks" in err
    assert "1/10 images" in err
    assert "· a note" in err


def test_reports_of_many_threads_make_one_bar_a_stage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with console.stages("fetching") as report, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: report("images", i, 100), range(100)))
    frames = re.split(r"\x1b\[2K", capsys.readouterr().err)
    assert max(frame.count("images") for frame in frames) == 1


def test_a_long_wait_is_told_where_no_bar_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    console.tell_wait("api.test", 3)
    assert capsys.readouterr().err == ""
    console.tell_wait("api.test", 45)
    console.tell_wait("api.test", 3240)
    assert capsys.readouterr().err.splitlines() == [
        "waiting 45 s for the rate limit of api.test",
        "waiting 54 min for the rate limit of api.test",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("90s", 90), ("1.5h", 5400), ("0", 0), ("20", 1200), ("2 min", 120)],
)
def test_a_time_is_read_with_its_unit_or_as_minutes(text: str, seconds: float) -> None:
    assert console.parse_wait(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5d", "m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        console.parse_wait(text)

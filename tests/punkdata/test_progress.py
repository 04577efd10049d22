"""Progress bars on a terminal and plain lines elsewhere."""

from __future__ import annotations

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbclient import NotebookClient

from punkdata.progress import announce, progress_bar, write_stderr

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("unit", "calls", "line"),
    [
        # The first call is too early for a line, and the last one for a second line.
        ("punks", [(1, 10, 100), (9, 50, 100), (10, 60, 100)], "50/100 punks · 5/s · 0:10 left"),
        ("trials", [(60, 1, 20), (62, 3, 20)], "1/20 trials"),
        ("trials", [(1, 1, 20), (67, 3, 20)], "3/20 trials · 33 s each · 9:21 left"),
        ("bytes", [(0, 0, 9e6), (1, 5e5, 9e6), (11, 3e6, 9e6)], "3.0/9.0 MB · 0.3/s · 0:22 left"),
        ("punks", [(1, 1, 10), (5.5, 10, 10)], "10/10 punks · 2/s"),
    ],
)
def test_plain_lines_appear_every_few_seconds_and_at_the_end(
    unit: str, calls: list[tuple[float, int, int]], line: str, capsys: Capture
) -> None:
    now_s = 0.0
    with progress_bar("working", unit, clock=lambda: now_s) as progress:
        for time_s, done, total in calls:
            now_s = time_s
            progress(done, total)
    assert capsys.readouterr().err == f"working: {line}\n"


def test_plain_lines_end_with_the_note(capsys: Capture) -> None:
    now_s = 0.0
    with progress_bar("training", "images", clock=lambda: now_s) as progress:
        now_s = 6.0
        progress(5, None, "loss 0.1")
    assert capsys.readouterr().err == "training: 5 images · loss 0.1\n"


def test_progress_bar_is_silent_for_a_short_operation(capsys: Capture) -> None:
    with progress_bar("building", "punks") as progress:
        progress(100, 100)
    assert capsys.readouterr().err == ""


def test_one_bar_per_unit_is_drawn_on_a_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("fetching", "punks") as progress:
        progress(5, 10, "a note")
        progress(1, 10, unit="images")
    err = capsys.readouterr().err
    assert "5/10 punks" in err
    assert "1/10 images" in err
    assert "· a note" in err


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_bar_stays_on_one_line_of_the_terminal(
    columns: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    note = "epoch 1/2, val exact match 0.823"
    with progress_bar("training", "images") as progress:
        progress(1, 16_000)
        progress(12_345, 16_000, f"{note}, and what is too long for most terminals: {'x' * 100}")
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().err).split("\n")
    frame = next(line for line in reversed(lines) if "12,345/16,000 images" in line).split("\r")[-1]
    assert len(frame) <= columns
    assert frame.rstrip().endswith("…")
    assert (note in frame) == (columns >= 80)


def test_many_threads_share_one_bar_per_unit(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("fetching", "images") as progress, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: progress(i, 100), range(100)))
    frames = re.split(r"\x1b\[2K", capsys.readouterr().err)
    assert max(frame.count("images") for frame in frames) == 1


@pytest.mark.parametrize(
    ("calls", "lines"),
    [
        # The set-up took 60 s, the first step 1 s, and the next 10 s were at 20/s.
        (
            [(0, 0, None), (60, 0, 400), (61, 1, 400), (70, 200, 400)],
            ["0/400 images", "200/400 images · 20/s · 0:10 left"],
        ),
        # A resumed operation has done 1,000 before.
        (
            [(1, 1000, 2000), (4, 1030, 2000), (11, 1100, 2000)],
            ["1,100/2,000 images · 10/s · 1:30 left"],
        ),
        # Two seconds are too short for an estimate.
        (
            [(6, 0, 100), (8, 2, 100), (12, 6, 100)],
            ["0/100 images", "6/100 images · 1/s · 1:34 left"],
        ),
        # After a fast start, the speed is that of the last minute.
        (
            [(0, 0, 9000), (1, 8000, 9000), (70, 8070, 9000), (140, 8140, 9000)],
            ["8,070/9,000 images · 1/s · 15:16 left", "8,140/9,000 images · 1/s · 14:20 left"],
        ),
        # Pagination starts over.
        ([(0, 50, 100), (9, 10, 100)], ["10/100 images"]),
    ],
    ids=["set-up", "resumed", "too early", "slower", "restarted"],
)
def test_speed_counts_only_the_steps_of_the_last_minute(
    calls: list[tuple[float, int, int | None]], lines: list[str], capsys: Capture
) -> None:
    now_s = 0.0
    with progress_bar("training", "images", clock=lambda: now_s) as progress:
        for time_s, done, total in calls:
            now_s = time_s
            progress(done, total)
    shown = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("training: ") for line in shown if line != "training"] == lines


def test_phases_of_the_set_up_are_lines_when_they_begin(capsys: Capture) -> None:
    with announce("loading PyTorch"), progress_bar("training", "images") as progress:
        progress(0, None, "loading data")
        progress(0, None, "loading data")
        progress(0, None, "compiling")
        progress(1, 100)
    err = capsys.readouterr().err
    assert err == "loading PyTorch\ntraining: loading data\ntraining: compiling\n"


def test_phases_of_the_set_up_are_shown_on_a_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("training", "images") as progress:
        progress(0, None, "loading data")
    err = capsys.readouterr().err
    assert "training" in err
    assert "loading data" in err


def test_lines_become_rarer_in_a_long_operation(capsys: Capture) -> None:
    now_s = 0.0
    with progress_bar("training", "images", clock=lambda: now_s) as progress:
        for second in range(3600):
            now_s = second
            progress(second, None)
    assert 60 < len(capsys.readouterr().err.splitlines()) < 100


def test_text_is_written_above_the_bars(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("training", "images") as progress:
        progress(1, 2)
        write_stderr("a message")
        progress(2, 2)
    # The line of the bar is erased before the message is written.
    assert "\x1b[2Ka message\n" in capsys.readouterr().err


def test_progress_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 0.0
    with (
        caplog.at_level("INFO", "punkdata"),
        progress_bar("fetching", "punks", clock=lambda: now_s) as progress,
    ):
        progress(0, None, "connecting")
        now_s = 6.0
        progress(1200, 10_000)
    assert caplog.record_tuples == [
        ("punkdata.progress", 20, "fetching: connecting"),
        ("punkdata.progress", 20, "fetching: 1,200/10,000 punks"),
    ]


def test_notebook_has_one_bar_that_is_updated() -> None:
    cell = nbformat.v4.new_code_cell(
        "from punkdata.progress import announce, progress_bar, write_stderr\n"
        "with announce('loading PyTorch'):\n"
        "    pass\n"
        "with progress_bar('<training>', 'images') as progress:\n"
        "    progress(0, None, 'loading data')\n"
        "    for done in range(1000):\n"
        "        progress(done + 1, 1000)\n"
        "write_stderr('done')\n"
    )
    phase_cell = nbformat.v4.new_code_cell(
        "with progress_bar('evaluating', 'subsets') as progress:\n"
        "    progress(0, None, 'loading the model')\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell, phase_cell])
    with warnings.catch_warnings(action="ignore"):  # Of the libraries of Jupyter.
        NotebookClient(notebook, kernel_name="python3").execute()
    # The bar takes the place of the phase, which leaves no empty line.
    bar, text = notebook.cells[0].outputs
    assert bar["data"]["text/plain"] == "<training>: 1,000/1,000 images"
    assert 'value="1000" max="1000"' in bar["data"]["text/html"]
    assert "&lt;training&gt;" in bar["data"]["text/html"]
    assert (text["name"], text["text"]) == ("stdout", "done\n")
    (phase,) = notebook.cells[1].outputs
    assert re.fullmatch(r"evaluating: done in \d+:\d\d", phase["data"]["text/plain"])
    assert "<progress" not in phase["data"]["text/html"]

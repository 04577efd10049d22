"""Progress bars on a terminal and plain lines elsewhere."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from punkdata.progress import progress_bar

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("unit", "calls", "line"),
    [
        # The first call is too early for a line, and the last one for a second line.
        ("punks", [(1, 10, 100), (9, 50, 100), (10, 60, 100)], "50/100 punks · 5/s · 0:10 left"),
        ("trials", [(60, 1, 20), (62, 3, 20)], "1/20 trials"),
        ("trials", [(1, 1, 20), (67, 3, 20)], "3/20 trials · 33 s each · 9:21 left"),
        ("bytes", [(0, 0, 9e6), (1, 5e5, 9e6), (11, 3e6, 9e6)], "3.0/9.0 MB · 0.2/s · 0:24 left"),
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


def test_many_threads_share_one_bar_per_unit(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("fetching", "images") as progress, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: progress(i, 100), range(100)))
    frames = re.split(r"\x1b\[2K", capsys.readouterr().err)
    assert max(frame.count("images") for frame in frames) == 1

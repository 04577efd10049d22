"""Progress bars on a terminal and plain lines elsewhere."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from punkdata.cli.progress import PlainProgress, progress_bar

Capture = pytest.CaptureFixture[str]


def plain_progress(label: str, unit: str, *times_s: float) -> PlainProgress:
    """Return a PlainProgress whose clock returns these times in turn."""
    return PlainProgress(label, unit, iter(times_s).__next__)


def test_plain_lines_appear_every_few_seconds(capsys: Capture) -> None:
    progress = plain_progress("building", "punks", 0.0, 1.0, 10.0, 11.0)
    progress(10, 100)  # Too early for the first line.
    progress(50, 100, "half")
    progress(60, 100)  # Too early for the next line.
    err = capsys.readouterr().err
    assert err == "building: 50/100 punks · 5/s · 0:10 left · half\n"


def test_plain_lines_show_seconds_per_item_if_slow(capsys: Capture) -> None:
    plain_progress("tuning", "trials", 0.0, 66.0)(2, 20)
    assert capsys.readouterr().err == "tuning: 2/20 trials · 33 s each · 9:54 left\n"


def test_plain_lines_include_the_end_of_a_long_operation(capsys: Capture) -> None:
    progress = plain_progress("building", "punks", 0.0, 6.0, 8.0)
    progress(50, 100)
    progress(100, 100)
    assert capsys.readouterr().err.splitlines()[-1] == "building: 100/100 punks · 12/s"


def test_bytes_are_shown_as_megabytes(capsys: Capture) -> None:
    plain_progress("downloading", "bytes", 0.0, 10.0)(1_500_000, 3_000_000)
    assert capsys.readouterr().err == "downloading: 1.5/3.0 MB · 0.1 MB/s\n"


def test_progress_bar_is_silent_for_a_short_operation(capsys: Capture) -> None:
    with progress_bar("building", "punks") as progress:
        progress(100, 100)
    assert capsys.readouterr().err == ""


def test_one_bar_per_unit_is_drawn_on_a_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("fetching", "punks", lambda: "a note") as progress:
        progress(5, 10)
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

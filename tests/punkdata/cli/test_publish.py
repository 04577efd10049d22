"""The command `punkdata publish`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.cli import run

from punkdata import open_snapshot

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "cache"))


def test_published_snapshot_is_opened_by_its_url(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    url = f"file://{tmp_path}/published"
    assert run("publish", url, "--root", built_root) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{url}/snapshots/cryptopunks/s3-")
    assert f"next: punkdata info {url}" in err
    assert run("publish", url, "--root", built_root, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["created"], report["latest"]) == (False, True)
    for args in (("info", url), ("info", "--root", url), ("diff", url, url)):
        assert run(*args) == 0, args
    assert url in capsys.readouterr().out
    assert run("verify", url) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_partial_snapshot_is_opened_by_its_own_url(
    root: Path, tmp_path: Path, capsys: Capture
) -> None:
    manifest = open_snapshot(root).path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"partial"'))
    assert run("publish", f"file://{tmp_path}/published", "--root", root) == 0
    err = capsys.readouterr().err
    assert "the latest version there is unset" in err
    assert run("info", err.rpartition("punkdata info ")[2].strip()) == 0


def test_damaged_snapshot_is_not_published(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    damaged = shutil.copytree(open_snapshot(built_root).path, tmp_path / "damaged")
    (damaged / "README.md").write_text("other")
    assert run("publish", f"file://{tmp_path}/published", "--version", damaged) == 6
    assert "README.md" in capsys.readouterr().err
    assert not (tmp_path / "published").exists()


def test_publish_needs_a_url_and_writing_needs_a_folder(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("publish", tmp_path, "--root", built_root) == 2
    assert f"for a folder: file://{tmp_path}" in capsys.readouterr().err
    assert run("list", "--root", "s3://bucket/punks") == 2
    assert "punkdata info s3://bucket/punks" in capsys.readouterr().err
    assert run("fetch", "--replay", "cassettes/inline", "--root", "s3://bucket/punks") == 2
    assert "punkdata publish" in capsys.readouterr().err
    assert not Path("s3:").exists()

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import run

Capture = pytest.CaptureFixture[str]


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


def test_audit_write_requires_the_whole_collection(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "hidden.json"
    assert run("audit", "--root", built_root, "--write", file) == 6
    assert "the list requires the whole collection" in capsys.readouterr().err
    assert not file.exists()

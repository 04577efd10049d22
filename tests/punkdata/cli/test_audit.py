from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import run

Capture = pytest.CaptureFixture[str]


def test_audit_tells_people_and_draws(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run("audit", "--root", built_root, "--out", tmp_path / "new") == 0
    out, err = capsys.readouterr()
    assert "of 60 images the same" in out
    assert "only 60 punks" in err
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["hidden.png", "layers.png"]


def test_audit_tells_scripts(built_root: Path, capsys: Capture) -> None:
    assert run("audit", "--root", built_root, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["punks"] == 60
    assert {"inexact", "labels", "hidden", "version"} <= told.keys()


def test_the_list_is_not_made_of_a_part(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "hidden.json"
    assert run("audit", "--root", built_root, "--write", file) == 6
    assert "is not written: that needs the whole collection" in capsys.readouterr().err
    assert not file.exists()

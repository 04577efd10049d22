from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.punkmodels_cli import run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("runs")
    options = ("--root", built_root, "--runs", folder, "--total-images", 64)
    assert run("train", "renderer", *options) == 0
    return folder


def test_training_prints_the_run_and_the_next_commands(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--total-images", 64, "--seed", 3, "--root", built_root, "--runs", tmp_path)
    assert run("train", "renderer", "--preset", "best", *options) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "00001-renderer-best")
    assert "64 images of" in err
    assert re.search(r"trained on 64 images in \d+:\d\d: val pixel-exact match \d\.\d{3}\n", err)
    assert "next: punkmodels generate --model" in err


def test_resuming_a_finished_run_says_so(built_root: Path, runs: Path, capsys: Capture) -> None:
    options = ("--root", built_root, "--runs", runs, "--resume", "latest", "--json")
    assert run("train", "renderer", *options) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["config"]["total_images"] == 64
    assert "is already finished" in err


@pytest.mark.parametrize("option", [("--total-images", 9), ("--threads", 2)], ids=str)
def test_resumed_run_accepts_no_other_options(
    option: tuple[object, ...], built_root: Path, runs: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", runs, "--resume", "latest")
    assert run("train", "renderer", *options, *option) == 2
    assert "keeps its own options" in capsys.readouterr().err


def test_several_processes_are_refused(
    built_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run("train", "renderer", "--root", built_root) == 2
    assert "is trained in one process; start it without torchrun" in capsys.readouterr().err

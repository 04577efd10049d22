from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from support.label_sets import build_rendered_snapshot
from support.punkmodels_cli import run

import punkmodels
from punkdata.errors import UsageError
from punkmodels.training.run_dir import read_config

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_rendered_snapshot(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("runs")
    options = ("--root", root, "--runs", folder, "--total-images", 200)
    assert run("train", "label-sets", *options) == 0
    return folder


def test_training_prints_the_run_and_the_next_commands(
    root: Path, tmp_path: Path, capsys: Capture
) -> None:
    options = ("--total-images", 200, "--seed", 3, "--root", root, "--runs", tmp_path)
    assert run("train", "label-sets", "--preset", "best", "--set", "width=22", *options) == 0
    out, err = capsys.readouterr()
    path = tmp_path / "00001-label-sets-best"
    assert out.strip() == str(path)
    assert re.search(r"trained on 200 images in \d+:\d\d: val nats \d+\.\d{3}\n", err)
    assert "next: punkmodels generate --model" in err
    assert read_config(path)["options"]["width"] == 22


def test_resuming_a_finished_run_says_so(root: Path, runs: Path, capsys: Capture) -> None:
    options = ("--root", root, "--runs", runs, "--resume", "latest", "--json")
    assert run("train", "label-sets", *options) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["config"]["total_images"] == 200
    assert "is already finished" in err
    assert run("train", "label-sets", *options, "--seed", 1) == 2
    assert "keeps its own options" in capsys.readouterr().err


def test_runs_lists_the_validation_score(runs: Path, capsys: Capture) -> None:
    assert run("runs", "--runs", runs, "--json") == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["model"], line["status"]) == ("label-sets", "finished")
    assert line["score_name"] == "val nats"


def test_a_trained_run_generates_and_can_be_exported(
    runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder, grid = tmp_path / "weights", tmp_path / "grid.png"
    assert run("export", "latest", "--runs", runs, "--out", folder) == 0
    assert "next: punkmodels generate --model" in capsys.readouterr().err
    model = ("--model", folder, "--out", grid, "--scale", 1)
    assert run("generate", "--count", 4, "--type", "Ape", *model) == 0
    with Image.open(grid) as image:
        assert image.size == (48, 48)
    generator = punkmodels.load_generator(folder)
    assert (
        generator.generate(4, seed=2) == punkmodels.load_generator(1, runs=runs).generate(4, seed=2)
    ).all()


def test_options_are_listed(capsys: Capture) -> None:
    assert run("options", "label-sets", "--json") == 0
    options = json.loads(capsys.readouterr().out)
    assert options["total_images"]["variants"] == {"best": 160_000}
    assert options["weight_decay"]["description"]


def test_other_devices_and_processes_are_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with pytest.raises(UsageError, match="trained on the CPU, not on cuda"):
        punkmodels.train_label_sets(root, device="cuda")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run("train", "label-sets", "--root", root) == 2
    assert "is trained in one process; start it without torchrun" in capsys.readouterr().err

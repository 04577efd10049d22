"""The command `punkmodels export`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.classifiers import save_exact_classifier, tiny_config
from support.punkmodels_cli import run

from punkmodels.classifier.train import train_classifier

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), tiny_config(), threads=1)


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """A folder with a run that a test may evaluate."""
    return shutil.copytree(trained.parent, tmp_path / "runs")


def test_export_needs_no_snapshot_and_names_the_next_commands(
    runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "exported"
    assert run("export", "latest", "--out", out, "--runs", runs) == 0
    output, err = capsys.readouterr()
    assert output.strip() == str(out)
    assert f"punkmodels evaluate {runs / '00001-classifier-quick'}" in err
    assert f"next: punkmodels predict punk.png --model {out}" in err
    assert {p.name for p in out.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert "has not been evaluated" in (out / "README.md").read_text("utf-8")


def test_export_after_evaluate_has_the_scores(
    runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run("evaluate", "latest", "--root", built_root, "--runs", runs) == 0
    capsys.readouterr()
    out = tmp_path / "exported"
    assert run("export", "latest", "--out", out, "--runs", runs, "--json") == 0
    scores = json.loads((out / "config.json").read_text())["scores"]
    assert json.loads(capsys.readouterr().out) == {"path": str(out), "scores": scores}
    assert scores["split"] == "test"
    exact_match = scores["visible"]["exact_match"]
    assert f"| exact match | {exact_match:.4f} |" in (out / "README.md").read_text("utf-8")


def test_conditional_model_is_tried_with_a_type(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "exported"
    assert run("export", "bundled-conditional", "--out", out) == 0
    command = capsys.readouterr().err.rpartition("next: punkmodels ")[2].split()
    assert run(*command, "--out", tmp_path / "grid.png") == 0


def test_unfinished_training_is_a_warning(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    config = weights / "config.json"
    config.write_text(config.read_text().replace('"finished": true', '"finished": false'))
    assert run("export", weights, "--out", tmp_path / "exported") == 0
    assert "warning: the training of" in capsys.readouterr().err
    assert "training is unfinished" in (tmp_path / "exported" / "README.md").read_text("utf-8")


def test_export_over_the_run_is_refused(runs: Path, capsys: Capture) -> None:
    folder = runs / "00001-classifier-quick"
    assert run("export", "1", "--out", folder, "--runs", runs) == 2
    err = capsys.readouterr().err
    assert "is the folder of the run itself; choose another folder" in err
    assert len(err.strip().splitlines()) == 1

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
def runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train_classifier(built_root, folder, tiny_config(), threads=1)
    return folder


def test_evaluate_prints_scores_and_a_table_of_labels(
    built_root: Path, runs: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", runs)
    assert run("evaluate", "latest", "--split", "val", *options) == 0
    out, err = capsys.readouterr()
    for name in ("macro-AP", "micro-F1", "macro-F1", "exact match", "micro-AUROC", "Earring"):
        assert name in out
    assert "ceiling" in out
    assert "wrote metrics.json, metrics.md and errors.png to" in err


def test_evaluate_of_an_exact_classifier_finds_no_errors(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    assert run("evaluate", weights, "--root", built_root, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "Labels at or below the majority baseline: none" in out


def test_evaluate_prints_json(built_root: Path, runs: Path, capsys: Capture) -> None:
    options = ("--root", built_root, "--runs", runs, "--split", "test")
    assert run("evaluate", "1", *options, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["split"] == "test"
    assert len(result["labels"]) == 92


def test_evaluate_refuses_a_tile_size_for_a_classifier(
    built_root: Path, runs: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", runs, "--tile-size", 48)
    assert run("evaluate", "1", *options) == 2
    assert "remove --tile-size" in capsys.readouterr().err


def test_export_writes_weights_with_scores(
    built_root: Path, runs: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "exported"
    assert run("export", "latest", "--out", out, "--runs", runs, "--root", built_root) == 0
    assert capsys.readouterr().out.strip() == str(out)
    scores = json.loads((out / "config.json").read_text())["scores"]
    assert scores["split"] == "test"
    assert 0 <= scores["visible"]["exact_match"] <= 1


def test_export_without_a_snapshot_writes_nothing(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    assert run("export", "latest", "--out", out, "--runs", runs, "--root", tmp_path) == 2
    assert not out.exists()


def test_export_into_the_run_itself_is_refused(
    built_root: Path, runs: Path, capsys: Capture
) -> None:
    out = runs / "00001-classifier-quick"
    assert run("export", "1", "--out", out, "--runs", runs, "--root", built_root) == 2
    assert "is the folder of the run itself" in capsys.readouterr().err


def test_exported_weights_cannot_be_trained_further(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    before = sorted(shutil.copytree(weights, tmp_path / "copy").iterdir())
    assert run("train", "classifier", "--resume", weights, "--root", built_root) == 2
    assert "exported weights, which cannot be trained further" in capsys.readouterr().err
    assert [p.name for p in sorted(weights.iterdir())] == [p.name for p in before]

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.classifiers import save_exact_classifier
from support.punkmodels_cli import run

from punkmodels import Evaluator
from punkmodels.bench.tracks import TRACKS

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def evaluator(layered_root: Path) -> Evaluator:
    return Evaluator("few-10", layered_root)


@pytest.fixture(scope="module")
def files(evaluator: Evaluator, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Predictions of three models, the first of which are perfect."""
    folder = tmp_path_factory.mktemp("predictions")
    visible = evaluator._inputs.truth["visible"].astype(float)
    paths = []
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(size=visible.shape) * seed / 4
        paths.append(folder / f"scores-{seed}.npz")
        np.savez(
            paths[-1], scores=(visible + noise).clip(0, 1), punk_ids=evaluator.inputs["punk_ids"]
        )
    return paths


def test_without_a_track_all_are_listed(capsys: Capture) -> None:
    assert run("bench") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in TRACKS)
    assert run("bench", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == list(TRACKS)


def test_predictions_are_scored(layered_root: Path, files: list[Path], capsys: Capture) -> None:
    options = [part for path in files for part in ("--predictions", str(path))]
    assert run("bench", "few-10", *options, "--root", str(layered_root)) == 0
    shown = capsys.readouterr().out
    assert "3 trainings" in shown
    for row in ("95% interval", "floor: label frequencies", "ceiling"):
        assert shown.count(row) == 1
    assert "nan" not in shown  # Some of the ten accessories have no test punk here.
    assert "Are ten rare accessories recognized after 10 training punks of each?" in shown


def test_json_has_version_scores_and_bounds(
    layered_root: Path, files: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    arguments = ["--predictions", str(files[0]), "--root", str(layered_root), "--json"]
    assert run("bench", "few-10", *arguments, "--out", str(tmp_path / "out")) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["benchmark"], found["benchmark_version"]) == ("PunkBench", 1)
    assert found["scores"]["exact_match"]["mean"] == 1
    assert found["bounds"]["ceiling"]["exact_match"] == 1
    assert any("at least 3 trainings" in reason for reason in found["obstacles"])
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == found


def test_inputs_are_written(layered_root: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "inputs.npz"
    assert run("bench", "open-set", "--write-inputs", str(path), "--root", str(layered_root)) == 0
    assert capsys.readouterr().out.strip() == str(path)
    with np.load(path) as arrays:
        expected = Evaluator("open-set", layered_root).inputs
        assert all(np.array_equal(arrays[name], array) for name, array in expected.items())


def test_json_names_the_written_arrays(layered_root: Path, tmp_path: Path, capsys: Capture) -> None:
    options = ["--write-inputs", str(tmp_path / "inputs.npz"), "--root", str(layered_root)]
    assert run("bench", "few-10", *options, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == options[1]
    assert found["shapes"]["images"][1:] == [24, 24, 4]


def test_our_own_models_are_scored(built_root: Path, tmp_path: Path, capsys: Capture) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    arguments = ["--model", str(weights), "--root", str(built_root), "--json"]
    assert run("bench", "corruptions", *arguments) == 0
    found = json.loads(capsys.readouterr().out)["details"]
    assert found["background"]["1"] > found["jpeg"]["5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["few-10"], "choose one of --predictions, --model and --write-inputs"),
        (["few-11"], "few-11"),
        (["generate", "--write-inputs", "inputs.npz"], "has no inputs"),
        (["few-10", "--model", "bundled"], "was trained on the split scheme default"),
    ],
)
def test_wrong_arguments_end_with_one_line(
    layered_root: Path, arguments: list[str], message: str, capsys: Capture
) -> None:
    assert run("bench", *arguments, "--root", str(layered_root)) == 2
    assert message in capsys.readouterr().err

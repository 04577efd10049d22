from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.classifiers import save_exact_classifier, tiny_config
from support.punkmodels_cli import run

from punkmodels.classifier.train import train_classifier
from punkmodels.gan import evaluate as gan_evaluation
from punkmodels.renderer.config import make_config
from punkmodels.renderer.train import train_renderer

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def classifier_runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train_classifier(built_root, folder, tiny_config(), threads=1)
    return folder


@pytest.fixture(scope="module")
def renderer_runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train_renderer(built_root, folder, make_config(total_images=64))
    return folder


@pytest.fixture
def _small_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate generators with few samples."""
    evaluate = partial(gan_evaluation.evaluate_generator, subset_size=20)
    monkeypatch.setattr(gan_evaluation, "evaluate_generator", evaluate)


def test_classifier_is_scored_and_results_are_written(
    built_root: Path, classifier_runs: Path, capsys: Capture
) -> None:
    options = ("--root", built_root, "--runs", classifier_runs)
    assert run("evaluate", "classifier", "latest", "--split", "val", *options) == 0
    out, err = capsys.readouterr()
    for name in ("macro-AP", "micro-F1", "exact match", "micro-AUROC", "precision", "ceiling"):
        assert name in out
    assert out.index("precision") < out.index("exact match"), "scores are next to the prompt"
    assert "wrote metrics.json, metrics.md, errors.png to" in err
    folder = classifier_runs / "00001-classifier-quick" / "evaluation" / "val"
    assert {p.name for p in folder.iterdir()} == {"metrics.json", "metrics.md", "errors.png"}


def test_weights_are_evaluated_into_the_given_folder(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    options = ("--root", built_root, "--out", tmp_path / "out", "--json")
    assert run("evaluate", weights, *options) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["visible"]["exact_match"] == 1
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == scores


@pytest.mark.usefixtures("_small_subsets")
@pytest.mark.parametrize("words", [(), ("latest",), ("generator", "1")])
def test_generator_is_scored_and_results_are_written(
    words: tuple[str, ...], generator_runs: Path, built_root: Path, capsys: Capture
) -> None:
    assert run("evaluate", *words, "--root", built_root, "--runs", generator_runs) == 0
    out, err = capsys.readouterr()
    for name in (
        "Fréchet distance",
        "recall",
        "Train copies : held-out copies",
        "Most misrepresented",
    ):
        assert name in out
    folder = next(generator_runs.iterdir()) / "evaluation" / "generated"
    assert str(folder) in err
    files = {path.name for path in folder.iterdir()}
    assert files == {"metrics.json", "metrics.md", "nearest_neighbors.png"}


def test_renderer_is_scored_against_the_punks_of_its_conditions(
    renderer_runs: Path, built_root: Path, capsys: Capture
) -> None:
    assert run("evaluate", "latest", "--root", built_root, "--runs", renderer_runs) == 0
    out, err = capsys.readouterr()
    assert "pixel-exact match" in out
    folder = next(renderer_runs.iterdir()) / "evaluation" / "conditional"
    assert str(folder) in err
    assert (folder / "conditional_samples.png").exists()


@pytest.mark.parametrize(
    ("words", "score"),
    [(("bundled-conditional",), "pixel-exact match"), (("classifier", "bundled"), "macro-AP")],
)
def test_bundled_models_are_scored_by_name_without_files(
    words: tuple[str, ...], score: str, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    # The labels of the small snapshot differ from those that the bundled classifier was trained on.
    code = 6 if "classifier" in words else 0
    assert run("evaluate", *words, "--root", built_root, "--runs", tmp_path) == code
    out, err = capsys.readouterr()
    assert (score in out) == (code == 0)
    assert "wrote" not in err


@pytest.mark.usefixtures("_small_subsets")
def test_scores_on_one_split_have_a_folder_of_their_own(
    generator_runs: Path, renderer_runs: Path, built_root: Path, capsys: Capture
) -> None:
    for runs, name in ((generator_runs, "generated-val"), (renderer_runs, "conditional-val")):
        options = ("--root", built_root, "--runs", runs, "--split", "val")
        assert run("evaluate", "latest", *options) == 0
        assert "the validation split" in capsys.readouterr().out
        file = next(runs.iterdir()) / "evaluation" / name / "metrics.json"
        assert json.loads(file.read_text())["split"] == "val"


def test_predictions_are_evaluated_on_one_split(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "scores.npz"
    np.savez(file, scores=np.zeros((5, 92)))
    assert run("evaluate", file, "--root", built_root, "--split", "held-out") == 2
    assert "predictions are evaluated on one split at a time" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("images",)])
def test_folder_of_images_is_scored(
    words: tuple[str, ...], generator_runs: Path, built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "generated"
    model = ("--model", "latest", "--runs", generator_runs)
    assert run("generate", "--count", 120, "--out", folder, *model) == 0
    capsys.readouterr()
    assert run("evaluate", *words, folder, "--root", built_root) == 0
    out = capsys.readouterr().out
    assert "120 sprites" in out
    assert "There should be 10,000 sprites. There are no distances, because there are fewer" in out


def test_exported_weights_cannot_be_trained_further(
    built_root: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    before = sorted(shutil.copytree(weights, tmp_path / "copy").iterdir())
    assert run("train", "classifier", "--resume", weights, "--root", built_root) == 2
    assert "exported weights, which cannot be trained further" in capsys.readouterr().err
    assert [p.name for p in sorted(weights.iterdir())] == [p.name for p in before]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("evaluate", "missing.png"), "there is no file 'missing.png'"),
        (("evaluate", "generator", "1"), "a label-sets, dcgan or renderer run is needed"),
        (("evaluate", "latest", "--split", "held-out"), "choose --split val or --split test"),
        (("evaluate", "images", "missing.png"), "does not exist"),
    ],
)
def test_wrong_usage_prints_one_line_and_exits_with_2(
    args: tuple[str, ...], message: str, classifier_runs: Path, capsys: Capture
) -> None:
    options = () if "images" in args else ("--runs", classifier_runs)
    assert run(*args, *options) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from support.classifiers import save_exact_classifier, tiny_config

from punkdata import PunkDataset
from punkdata.errors import DataError, PunkError
from punkmodels.classifier.config import load_classifier
from punkmodels.classifier.evaluate import (
    draw_errors,
    evaluate_classifier,
    export_with_scores,
    format_markdown,
    predict_logits,
    score_rows,
)
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a classifier that makes many errors."""
    folder = tmp_path_factory.mktemp("runs")
    return train_classifier(built_root, folder, tiny_config(epochs=2), threads=1)


@pytest.fixture(scope="module")
def exact(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported weights of a classifier that makes no errors."""
    return save_exact_classifier(built_root, tmp_path_factory.mktemp("weights") / "exact")


def test_evaluation_writes_metrics_tables_and_errors(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    result = evaluate_classifier(run, built_root, "val", out=tmp_path / "val")
    files = sorted(p.name for p in (tmp_path / "val").iterdir())
    assert files == ["errors.png", "metrics.json", "metrics.md"]
    written = json.loads((tmp_path / "val" / "metrics.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert result.punks == len(PunkDataset(built_root, split="val"))
    assert (result.epochs, result.finished) == (2, True)
    gains = [row.gain_vs_majority for row in result.labels]
    assert len(gains) == 92
    assert gains == sorted(gains)


def test_evaluation_of_an_exact_classifier_finds_no_errors(exact: Path, built_root: Path) -> None:
    result = evaluate_classifier(exact, built_root, "test")
    assert result.visible.exact_match == 1
    assert result.misclassified == ()


def test_markdown_lists_every_score_and_label(run: Path, built_root: Path) -> None:
    result = evaluate_classifier(run, built_root, "test")
    page = format_markdown(result)
    for name, *_ in score_rows(result):
        assert f"| {name} |" in page
    assert page.count("\n| Earring |") == 1
    assert "ceiling" in page


def test_error_image_has_a_row_for_each_punk_with_an_error(run: Path, built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    logits = predict_logits(load_classifier(run, CPU), split.images, CPU)
    result = evaluate_classifier(run, built_root, "val")
    rows = max(1, len(result.misclassified))
    assert draw_errors(split, logits, scale=2).height == 48 * rows


def test_error_image_without_errors_has_one_row(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    logits = torch.where(split.visible > 0, 9.0, -9.0)
    assert draw_errors(split, logits, scale=2).height == 48


def test_evaluation_refuses_data_that_may_contain_training_punks(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    config = read_config(other)
    config["data"]["labels_hash"] = "0" * 64
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"labels or splits of .* differ .*punkmodels train"):
        evaluate_classifier(other, built_root, "test")


def test_evaluation_of_a_type_classifier_has_five_labels(built_root: Path, tmp_path: Path) -> None:
    run = train_classifier(built_root, tmp_path, tiny_config(task="type"), threads=1)
    result = evaluate_classifier(run, built_root, "test", out=tmp_path / "out")
    assert (result.task, len(result.labels)) == ("type", 5)
    assert (tmp_path / "out" / "errors.png").exists()


def test_export_stores_the_scores_on_the_test_split(
    exact: Path, built_root: Path, tmp_path: Path
) -> None:
    export_with_scores(exact, built_root, tmp_path / "out")
    scores = read_config(tmp_path / "out")["scores"]
    assert (scores["split"], scores["visible"]["exact_match"]) == ("test", 1)


def test_export_writes_nothing_if_the_evaluation_fails(run: Path, tmp_path: Path) -> None:
    with pytest.raises(PunkError, match="no complete snapshot"):
        export_with_scores(run, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()

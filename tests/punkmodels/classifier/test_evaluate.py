from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.classifiers import save_exact_classifier, tiny_config

from punkdata import PunkDataset
from punkdata.errors import DataError
from punkmodels.classifier.evaluate import SCORE_NAMES, draw_errors, evaluate_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import load_split
from punkmodels.training.run_dir import read_config


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a classifier that makes many errors."""
    folder = tmp_path_factory.mktemp("runs")
    return train_classifier(built_root, folder, tiny_config(epochs=2), threads=1)


def test_evaluation_writes_metrics_tables_and_errors(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    evaluation = evaluate_classifier(run, built_root, "val")
    evaluation.save(tmp_path)
    scores = json.loads((tmp_path / "metrics.json").read_text())
    assert scores == json.loads(json.dumps(evaluation.scores))
    assert scores["punks"] == len(PunkDataset(built_root, split="val"))
    gains = [row["gain_vs_majority"] for row in scores["labels"]]
    assert len(gains) == 92
    assert gains == sorted(gains)
    page = (tmp_path / "metrics.md").read_text()
    assert all(f"| {name} |" in page for name in SCORE_NAMES.values())
    assert page.count("\n| Earring |") == 1
    with Image.open(tmp_path / "errors.png") as image:
        assert image.height == 96 * len(scores["misclassified"]) > 0


def test_evaluation_of_an_exact_classifier_finds_no_errors(
    built_root: Path, tmp_path: Path
) -> None:
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    evaluation = evaluate_classifier(weights, built_root)
    assert evaluation.scores["visible"]["exact_match"] == 1
    assert evaluation.scores["misclassified"] == []
    assert evaluation.pictures["errors.png"].height == 96


def test_error_image_lists_missed_and_false_labels(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "val")
    logits = torch.where(split.visible > 0, 9.0, -9.0)
    blank = draw_errors(split, logits)
    logits[0, 50] = -logits[0, 50]
    assert draw_errors(split, logits).tobytes() != blank.tobytes()


def test_only_the_first_errors_are_drawn(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "train")
    rows = np.arange(120) % len(split)
    tensors = {name: getattr(split, name)[rows] for name in ("images", "labels", "visible")}
    many = replace(split, punk_ids=split.punk_ids[rows], **tensors)
    assert draw_errors(many, 9 - 18 * many.visible).height == 96 * 100


def test_evaluation_refuses_data_that_may_contain_training_punks(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    config = read_config(other)
    config["data"]["labels_hash"] = "0" * 64
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"labels or splits of .* differ .*punkmodels train"):
        evaluate_classifier(other, built_root)


def test_evaluation_of_a_type_classifier_has_five_labels(built_root: Path, tmp_path: Path) -> None:
    run = train_classifier(built_root, tmp_path, tiny_config(task="type"), threads=1)
    evaluation = evaluate_classifier(run, built_root)
    assert len(evaluation.scores["labels"]) == 5

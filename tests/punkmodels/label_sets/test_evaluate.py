from __future__ import annotations

import math
from pathlib import Path

import pytest

from punkmodels.label_sets.evaluate import evaluate_label_sets
from punkmodels.training.run_dir import Evaluation, read_metrics


@pytest.fixture(scope="module")
def evaluation(trained: Path, rendered_root: Path) -> Evaluation:
    return evaluate_label_sets(trained, rendered_root, split="val", subset_size=20)


def test_likelihoods_are_those_of_the_training(trained: Path, evaluation: Evaluation) -> None:
    scores, last = evaluation.scores["label_sets"], read_metrics(trained)[-1]
    assert scores["val"]["nats"] == last["val_nll"]
    assert scores["train"]["bits"] == last["train_nll"] / math.log(2)
    assert scores["train"]["punks"] > scores["test"]["punks"]


def test_copies_of_each_split_are_counted(evaluation: Evaluation) -> None:
    rates = [evaluation.scores["label_sets"][name]["copy_rate"] for name in ("train", "test")]
    assert 0 <= rates[1] <= rates[0] <= 1
    assert rates[0] > 0


def test_drawn_punks_are_scored_and_tables_shown(evaluation: Evaluation) -> None:
    assert evaluation.scores["split"] == "val"
    assert evaluation.scores["num_samples"] == 100
    assert evaluation.scores["generated"]["palette_validity"] == 1
    assert "weights_sha256" in evaluation.scores
    first, second = (table.to_text() for table in evaluation.tables)
    assert "bits per punk" in first
    assert "recall" in second
    assert list(evaluation.pictures) == ["nearest_neighbors.png"]

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from punkdata.traits import LABELS, encode_labels
from punkmodels.classifier.metrics import (
    Scorer,
    calibration_error,
    estimate_intervals,
    gain_over_majority,
    ranking_scores,
    score_logits,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.random((300, 12)) < np.linspace(0.02, 0.6, 12)
SCORES = np.round(TRUTH + RNG.normal(0, 1, TRUTH.shape), 1)  # Rounded, so that there are ties.
PREDICTED = SCORES > 0.5
PIPE, BEANIE, EARRING = (LABELS.index(name) for name in ("Pipe", "Beanie", "Earring"))


def test_ranking_scores_equal_scikit_learn_with_ties() -> None:
    average_precision, auroc = ranking_scores(TRUTH, SCORES)
    columns = list(zip(TRUTH.T, SCORES.T, strict=True))
    expected = [reference.average_precision_score(*column) for column in columns]
    assert average_precision == pytest.approx(expected, abs=1e-12)
    assert auroc == pytest.approx([reference.roc_auc_score(*c) for c in columns], abs=1e-12)


def test_ranking_scores_of_a_single_class_are_undefined() -> None:
    truth = np.array([[False, True]] * 5)
    average_precision, auroc = ranking_scores(truth, RNG.normal(0, 1, truth.shape))
    assert np.isnan(average_precision).tolist() == [True, False]
    assert np.isnan(auroc).all()


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_scores_of_resampled_rows_equal_scikit_learn(seed: int | None) -> None:
    rows = np.arange(300) if seed is None else np.random.default_rng(seed).integers(300, size=300)
    truth, values, predicted = TRUTH[rows], SCORES[rows], PREDICTED[rows]
    scorer = Scorer(TRUTH, SCORES, PREDICTED, np.ones(12, bool))
    assert scorer.score(np.bincount(rows, minlength=300)) == pytest.approx(
        {
            "macro_average_precision": reference.average_precision_score(truth, values),
            "macro_auroc": reference.roc_auc_score(truth, values),
            "micro_auroc": reference.roc_auc_score(truth, values, average="micro"),
            "micro_f1": reference.f1_score(truth, predicted, average="micro"),
            "macro_f1": reference.f1_score(truth, predicted, average="macro"),
            "exact_match": reference.accuracy_score(truth, predicted),
        },
        abs=1e-12,
    )


def test_undefined_scores_are_none() -> None:
    nothing = np.zeros((4, 1), bool)
    scorer = Scorer(nothing, nothing.astype(float), nothing, np.ones(1, bool))
    scores = scorer.score(np.ones(4, int))
    assert scores["micro_f1"] is scores["macro_f1"] is scores["macro_auroc"] is None
    assert scores["exact_match"] == 1
    assert estimate_intervals(scorer, 4)["macro_auroc"] == (0, 1)


def test_intervals_contain_the_scores_even_of_rare_labels() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((300, 40)) < 0.02
    scorer = Scorer(
        truth, rng.random(truth.shape), rng.random(truth.shape) < 0.1, np.ones(40, bool)
    )
    calls: list[tuple[int, int]] = []
    intervals = estimate_intervals(scorer, 300, lambda *counts: calls.append(counts))
    for name, score in scorer.score(np.ones(300, int)).items():
        low, high = intervals[name]
        assert score is not None
        assert 0 <= low < score < high <= 1
    assert calls[-1] == (200, 200)


def test_majority_prediction_has_no_gain() -> None:
    majority = np.broadcast_to(TRUTH.mean(axis=0) > 0.5, TRUTH.shape)
    assert gain_over_majority(TRUTH, majority) == pytest.approx(np.zeros(12))
    for num_positives in range(1001):  # The gain is exactly 0, without rounding errors.
        truth = np.arange(1000)[:, None] < num_positives
        assert gain_over_majority(truth, np.full_like(truth, num_positives > 500)) == 0
    share = TRUTH.mean(axis=0)
    assert gain_over_majority(TRUTH, TRUTH) == pytest.approx(np.minimum(share, 1 - share))


def test_calibration_error_compares_probability_and_frequency() -> None:
    truth = np.array([True, False, False, False] * 50)
    assert calibration_error(truth, np.full(200, 0.25)) == pytest.approx(0)
    assert calibration_error(truth, np.full(200, 0.75)) == pytest.approx(0.5)
    assert calibration_error(truth, truth.astype(float)) == 0


def confident_logits(labels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.where(labels, 5.0, -5.0))


def score(
    visible: np.ndarray, logits: torch.Tensor | None = None, raw: np.ndarray | None = None
) -> dict[str, Any]:
    """Score logits, by default those of an exact classifier."""
    logits = confident_logits(visible) if logits is None else logits
    return score_logits(visible, visible if raw is None else raw, logits)


def encode_punks(*punks: tuple[str, list[str]], times: int = 1) -> np.ndarray:
    """Return labels, bool (N, 92), in which each (type, accessories) occurs several times."""
    return np.stack([encode_labels(*punk) for punk in punks for _ in range(times)]) > 0


def test_exact_predictions_score_1() -> None:
    scores = score(encode_punks(("Ape", ["Pipe"]), ("Male", []), times=20))
    assert set(scores["visible"].values()) == set(scores["raw"].values()) == {1}
    assert scores["visible_95"]["exact_match"] == (1, 1)
    assert scores["labels_counted"] == 3
    assert scores["at_or_below_majority"] == []
    assert scores["type_accuracy"] == 1
    assert scores["type_confusion"][1][1] == scores["type_confusion"][3][3] == 20
    rows = {row["label"]: row for row in scores["labels"]}
    ape, alien = rows["Ape"], rows["Alien"]
    assert (ape["recall"], ape["precision"], ape["gain_vs_majority"]) == (1, 1, 0.5)
    assert (alien["punks"], alien["recall"], alien["average_precision"]) == (0, None, None)


def test_hidden_labels_lower_the_ceiling_but_not_visible_scores() -> None:
    raw = encode_punks(("Male", ["Earring"]), ("Ape", ["Pipe"]), times=28)
    visible = raw.copy()
    visible[:28:4, EARRING] = False
    scores = score(visible, raw=raw)
    ceiling = scores["ceiling_visible_only"]
    assert scores["visible"]["exact_match"] == 1
    assert scores["raw"]["exact_match"] == ceiling["exact_match"] == 0.875
    precision = ceiling["macro_average_precision"]
    assert scores["raw"]["macro_average_precision"] == precision < 1
    row = next(row for row in scores["labels"] if row["label"] == "Earring")
    assert (row["punks"], row["hidden"]) == (21, 7)


def test_one_wrong_accessory_is_one_mistake() -> None:
    truth = encode_punks(("Male", ["Pipe"]), ("Male", []))
    logits = confident_logits(truth)
    logits[1, BEANIE] = 1.0
    scores = score(truth, logits)
    assert scores["visible"]["exact_match"] == 0.5
    assert scores["labels"][0]["label"] == "Beanie"
    assert scores["labels"][0]["gain_vs_majority"] == -0.5
    low, high = scores["visible_95"]["exact_match"]
    assert low <= 0.5 <= high


def test_a_label_that_is_never_predicted_is_at_the_majority_baseline() -> None:
    truth = encode_punks(("Male", ["Pipe"]), ("Male", []), times=20)
    logits = confident_logits(truth)
    logits[:, PIPE] = -1.0
    assert score(truth, logits)["at_or_below_majority"] == ["Pipe"]


def test_type_scores_depend_only_on_differences_of_logits() -> None:
    truth = encode_punks(("Ape", []), ("Male", []), times=20)[:, :5]
    logits = torch.from_numpy(np.where(truth, 8.0, 0.0))
    scores = score(truth, logits)
    assert scores["visible"]["exact_match"] == 1
    assert scores["joint_calibration_error"] == pytest.approx(0, abs=0.01)
    shift = torch.randn(40, 1, generator=torch.Generator().manual_seed(0)) * 9
    assert score(truth, logits + shift)["visible"] == scores["visible"]
    assert len(scores["labels"]) == 5

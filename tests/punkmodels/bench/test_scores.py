from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from punkdata.traits import LABELS, TYPES
from punkmodels.bench.scores import (
    CorruptionScorer,
    DrawingScorer,
    LabelScorer,
    MeanScorer,
    RealnessScorer,
    score_saliency,
)
from punkmodels.classifier.metrics import joint_confidence

ONCE = np.ones(300, int)


@pytest.fixture
def truth() -> np.ndarray:
    rng = np.random.default_rng(0)
    labels = rng.random((300, len(LABELS))) < 0.15
    labels[:, : len(TYPES)] = np.eye(len(TYPES), dtype=bool)[rng.integers(len(TYPES), size=300)]
    return labels


def noisy(truth: np.ndarray, scale: float, seed: int = 0) -> torch.Tensor:
    noise = np.random.default_rng(seed).normal(size=truth.shape)
    return torch.from_numpy(4.0 * truth - 2 + scale * noise)


def test_rare_labels_are_scored_as_in_scikit_learn(truth: np.ndarray) -> None:
    logits, rare = noisy(truth, 1.5), [10, 20, 30]
    scores = LabelScorer(truth, logits, rare).score(ONCE)
    values = logits.numpy()
    expected = [average_precision_score(truth[:, i], values[:, i]) for i in rare]
    assert scores["rare_average_precision"] == pytest.approx(np.mean(expected))
    expected = [recall_score(truth[:, i], values[:, i] > 0) for i in rare]
    assert scores["rare_recall"] == pytest.approx(np.mean(expected))


def test_weights_count_rows_several_times(truth: np.ndarray) -> None:
    logits, pair = noisy(truth, 1.5), (10, 20)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    repeated = np.repeat(np.arange(300), weights)
    found = LabelScorer(truth, logits, [30], [pair]).score(weights)
    expected = LabelScorer(truth[repeated], logits[repeated], [30], [pair]).score(
        np.ones(len(repeated), int)
    )
    assert found == pytest.approx(expected)


def test_a_pair_is_found_if_both_labels_are_predicted(truth: np.ndarray) -> None:
    truth[:, 10] = truth[:, 20] = np.arange(300) < 8
    logits = noisy(truth, 0)
    logits[:2, 10] = -5
    logits[5, 11] += 10  # Other labels do not matter.
    scores = LabelScorer(truth, logits, pairs=[(10, 20)]).score(ONCE)
    assert scores["pair_recall"] == 0.75
    assert scores["exact_match"] == pytest.approx(1 - 3 / 300, abs=1 / 300)


def test_confidence_is_the_probability_of_the_whole_answer() -> None:
    probabilities = np.full(len(LABELS) - len(TYPES), 0.01)
    probabilities[:2] = 0.8
    probabilities = np.concatenate([[0.4, 0.1, 0.1, 0.1, 0.1], probabilities])
    logits = torch.from_numpy(probabilities[None]).logit()
    assert joint_confidence(logits) == pytest.approx(0.4 * 0.9**4 * 0.8**2 * 0.99**85)
    types = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1]]).log()
    assert joint_confidence(types) == pytest.approx(0.6)
    certain = torch.where(logits > 0, torch.inf, -torch.inf)
    certain[0, 0] = torch.inf
    assert joint_confidence(certain) == 1


def test_an_overconfident_answer_has_a_calibration_error(truth: np.ndarray) -> None:
    logits = noisy(truth, 0) * 100
    logits[:60, 50] *= -1
    scores = LabelScorer(truth, logits).score(ONCE)
    assert scores["exact_match"] == pytest.approx(0.8)
    assert scores["joint_calibration_error"] == pytest.approx(0.2)


def test_corruptions_are_averaged(truth: np.ndarray) -> None:
    logits = torch.cat([noisy(truth, 0) for _ in range(30)])
    logits[: 300 * 3, 50] *= -1  # the first three severities of the first kind
    scorer = CorruptionScorer(truth, logits)
    assert scorer.score(ONCE)["exact_match"] == pytest.approx(0.9)
    assert scorer.by_corruption()["jpeg"] == [0, 0, 0, 1, 1]
    assert scorer.by_corruption()["blur"] == [1, 1, 1, 1, 1]
    weights = np.arange(300) % 3
    assert scorer.score(weights)["micro_f1"] == pytest.approx(
        CorruptionScorer(
            truth[weights > 0], logits.view(30, 300, -1)[:, weights > 0].flatten(0, 1)
        ).score(weights[weights > 0])["micro_f1"]
    )


def test_open_set_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array(["real"] * 100 + ["chimera"] * 120 + ["one pixel"] * 80)
    values = rng.normal(size=300).round(1) + (kinds == "real") * 1.5
    scorer, expected = RealnessScorer(kinds, values), []
    for kind in ("chimera", "one pixel"):
        rows = np.isin(kinds, ("real", kind))
        expected.append(roc_auc_score(kinds[rows] == "real", values[rows]))
        assert scorer.by_kind(ONCE)[kind]["auroc"] == pytest.approx(expected[-1])
    assert scorer.score(ONCE)["auroc"] == pytest.approx(np.mean(expected))
    threshold = np.sort(values[:100])[4]  # 95 of 100 punks are accepted, or more if tied.
    assert scorer.by_kind(ONCE)["chimera"]["fpr_at_95_tpr"] == pytest.approx(
        (values[100:220] >= threshold).mean()
    )
    equal = RealnessScorer(kinds, np.zeros(300)).score(ONCE)
    assert equal == {"auroc": 0.5, "fpr_at_95_tpr": 1.0}


def test_colors_of_transparent_pixels_do_not_matter() -> None:
    truth = np.zeros((4, 24, 24, 4), np.uint8)
    truth[:, 5:9, 5:9] = (9, 8, 7, 255)
    drawn = truth.copy()
    drawn[0, 0, 0] = (1, 2, 3, 0)
    drawn[1, 5, 5, 0] = 10
    drawn[2, 5, 5:7, 3] = 254
    scores = DrawingScorer(truth, drawn).score(np.ones(4, int))
    assert scores == {"pixel_exact_match": 0.5, "wrong_pixels_mean": 0.75}


def test_saliency_is_compared_with_masks() -> None:
    masks = np.zeros((3, 24, 24), bool)
    masks[:, 2, 2:6] = True
    maps = np.zeros((3, 24, 24))
    maps[0, 2, 2:6] = 1.0
    maps[1, 2, 4:8] = (1.0, 0.5, 0.9, 0.8)
    scorer = score_saliency(masks, maps, np.array([5, 6, 6]))
    assert scorer.hits.tolist() == pytest.approx([1, 1, 4 / 576])
    assert scorer.overlaps.tolist() == pytest.approx([1, 0.5, 4 / 576])
    assert [row[:2] for row in scorer.by_label()] == [(LABELS[6], 2), (LABELS[5], 1)]


def test_several_trainings_are_averaged(truth: np.ndarray) -> None:
    scorers = [LabelScorer(truth, noisy(truth, 1.5, seed), [10]) for seed in range(3)]
    mean = MeanScorer(scorers).score(ONCE)
    assert mean["exact_match"] == pytest.approx(
        np.mean([scorer.score(ONCE)["exact_match"] for scorer in scorers])
    )

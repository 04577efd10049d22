"""Metrics of multi-label predictions, computed in float64.

Each score is computed on the labels as published (*raw*) and on the labels that a pixel shows
(*visible*). No classifier can see hidden labels, so the scores on raw labels have a ceiling below
1: the scores of a classifier that predicts exactly the visible labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.progress import Progress
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.networks import logits_to_labels

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

MIN_SUPPORT = 20
"""Smallest number of punks with a label for which the label is included in means over labels."""
NUM_RESAMPLES = 200
"""Bootstrap resamples for the standard errors of the confidence intervals."""


def score_logits(
    visible: Bool, raw: Bool, logits: torch.Tensor, progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Return all scores of logits (N, L), the content of metrics.json.

    `visible` and `raw` are the visible and the published labels, bool (N, L); L is 92, or 5 for a
    classifier of types. Means over labels (macro) include the labels with at least `MIN_SUPPORT`
    punks, or, if no label has that many, all labels that some but not all punks have.
    """
    predicted = logits_to_labels(logits).numpy()
    if visible.shape[1] == len(TYPES):  # Only differences between these logits are meaningful.
        logits = logits.log_softmax(1)
    values = logits.double().numpy()
    support = visible.sum(axis=0)
    varies = (support > 0) & (support < len(visible))
    counted = varies & (support >= MIN_SUPPORT)
    counted = counted if counted.any() else varies
    labels = _score_labels(visible, raw, values, predicted)
    once = np.ones(len(visible), int)
    scorer = Scorer(visible, values, predicted, counted)
    types, predicted_types = (t[:, : len(TYPES)].argmax(axis=1) for t in (visible, predicted))
    confusion = np.zeros((len(TYPES), len(TYPES)), int)
    np.add.at(confusion, (types, predicted_types), 1)
    return {
        "visible": scorer.score(once),
        "visible_95": estimate_intervals(scorer, len(visible), progress),
        "raw": Scorer(raw, values, predicted, counted).score(once),
        "ceiling_visible_only": Scorer(raw, visible.astype(float), visible, counted).score(once),
        "labels_counted": int(counted.sum()),
        "joint_calibration_error": calibration_error(
            (predicted == visible).all(axis=1), joint_confidence(logits)
        ),
        "type_accuracy": float((types == predicted_types).mean()),
        "type_confusion": confusion.tolist(),
        "at_or_below_majority": [
            row["label"]
            for row, is_varying in zip(labels, varies, strict=True)
            if is_varying and row["gain_vs_majority"] <= 0
        ],
        "labels": sorted(labels, key=lambda row: (row["gain_vs_majority"], row["label"])),
    }


def ranking_scores(truth: Bool, scores: NDArray[np.floating]) -> tuple[Float, Float]:
    """Return average precision and area under the ROC curve (AUROC) of each column of (N, L).

    AP = Σ (R_k − R_{k−1}) P_k, as in scikit-learn's `average_precision_score`, where tied scores
    form one step. The AUROC is the probability that a positive has a higher score than a negative,
    where ties count half. Both are NaN where they are undefined.
    """
    return Ranking.of(truth, scores).score(np.ones(len(truth), int))


class WeightedScorer(Protocol):
    """What has scores of samples in which row i occurs weights[i] times; None for undefined ones.

    For a single sample, all weights are 1.
    """

    def score(self, weights: NDArray[np.integer]) -> dict[str, float | None]: ...


@dataclass(frozen=True)
class Ranking:
    """The rows of each column by descending score; sorted once, and scored with many weights.

    All arrays are (N, L): `order` has the rows, `hits` their truth, and `last` the last position
    with the same score.
    """

    order: NDArray[np.intp]
    hits: Bool
    last: NDArray[np.intp]

    @classmethod
    def of(cls, truth: Bool, scores: NDArray[np.floating]) -> Ranking:
        """Sort the scores of labels, (N, L)."""
        order = np.argsort(-scores, axis=0, kind="stable")
        sorted_scores = np.take_along_axis(scores, order, axis=0)
        is_last = np.ones(truth.shape, bool)
        is_last[:-1] = sorted_scores[1:] != sorted_scores[:-1]
        rows = np.where(is_last, np.arange(len(truth))[:, None], len(truth))
        last = np.minimum.accumulate(rows[::-1])[::-1]
        return cls(order, np.take_along_axis(truth, order, axis=0), last)

    def score(self, weights: NDArray[np.integer]) -> tuple[Float, Float]:
        """Return AP and AUROC of each column if row i occurs weights[i] times, see above."""
        repeats = weights[self.order]
        hits = self.hits * repeats
        misses = repeats - hits
        true_positives = np.take_along_axis(hits.cumsum(axis=0), self.last, axis=0)
        false_positives = np.take_along_axis(misses.cumsum(axis=0), self.last, axis=0)
        num_positives = hits.sum(axis=0)
        num_pairs = num_positives * misses.sum(axis=0)
        # Pairs of a positive and a negative, by the one that ranks at least as high.
        positive_first = (misses * true_positives).sum(axis=0)
        negative_first = (hits * false_positives).sum(axis=0)
        with np.errstate(invalid="ignore"):
            precision = true_positives / np.maximum(true_positives + false_positives, 1)
            auroc = ((positive_first - negative_first) / num_pairs + 1) / 2
            return (hits * precision).sum(axis=0) / num_positives, auroc


def joint_confidence(logits: torch.Tensor) -> Float:
    """Return the probability that a network gives to its whole answer, float64 (N,).

    It is the product of the probabilities that each label is present or absent, as predicted.
    Logits are (N, 92), or (N, 5) for types only, of which a softmax gives the probabilities.
    """
    logits = logits.double()
    if logits.shape[1] == len(TYPES):
        log_confidence = logits.log_softmax(dim=1).amax(dim=1)
    else:
        signed = torch.where(logits_to_labels(logits), logits, -logits)
        log_confidence = torch.nn.functional.logsigmoid(signed).sum(dim=1)
    confidence: Float = log_confidence.exp().numpy()
    return confidence


def calibration_error(
    is_right: Bool, confidence: Float, weights: NDArray[np.integer] | None = None, bins: int = 15
) -> float:
    """Return the mean difference between confidence and frequency, in bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks" (2017). Row i of the answers (N,) occurs
    weights[i] times, by default once.
    """
    weights = np.ones(len(is_right), int) if weights is None else weights
    bin_index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_index, weights * (confidence - is_right), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())


def gain_over_majority(truth: Bool, predicted: Bool) -> Float:
    """Return the accuracy of each label minus that of always predicting its majority value."""
    # In integers: rounding could otherwise give an unlearned label a gain above 0.
    num_correct, num_positives = (truth == predicted).sum(axis=0), truth.sum(axis=0)
    majority = np.maximum(num_positives, len(truth) - num_positives)
    return np.asarray((num_correct - majority) / len(truth))


class Scorer:
    """The scores of predictions, also of samples in which rows occur several times or not at all.

    Means over labels include those that are `counted`, bool (L,).
    """

    def __init__(self, truth: Bool, values: Float, predicted: Bool, counted: Bool) -> None:
        """Sort the scores; all arrays but `counted` are (N, L)."""
        self.by_label: Ranking = Ranking.of(truth[:, counted], values[:, counted])
        self.all_cells: Ranking = Ranking.of(truth.reshape(-1, 1), values.reshape(-1, 1))
        self.num_labels: int = truth.shape[1]
        self.counted: Bool = counted
        self.hits: Bool = truth & predicted
        self.marks: NDArray[np.int64] = truth.astype(np.int64) + predicted
        self.is_exact: Bool = (truth == predicted).all(axis=1)

    def score(self, weights: NDArray[np.integer]) -> dict[str, float | None]:
        """Return the scores by name, None if one is undefined for lack of examples.

        Row i occurs weights[i] times.
        """
        precisions, aurocs = self.by_label.score(weights)
        _, micro_auroc = self.all_cells.score(np.repeat(weights, self.num_labels))
        hits, marks = weights @ self.hits, weights @ self.marks
        with np.errstate(invalid="ignore"):
            scores = {
                "macro_average_precision": precisions,
                "macro_auroc": aurocs,
                "micro_auroc": micro_auroc,
                "micro_f1": np.atleast_1d(2 * hits.sum() / marks.sum()),
                "macro_f1": (2 * hits / marks)[self.counted],
                "exact_match": np.atleast_1d(weights @ self.is_exact / weights.sum()),
            }
        defined = {name: numbers[~np.isnan(numbers)] for name, numbers in scores.items()}
        return {name: float(d.mean()) if d.size else None for name, d in defined.items()}


def estimate_intervals(
    scorer: WeightedScorer,
    num_rows: int,
    progress: Progress = lambda done, total: None,
    largest: Mapping[str, float] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return the 95% interval of each score: the score ± 1.96 bootstrap standard errors.

    This is the standard interval of Efron and Tibshirani, "An Introduction to the Bootstrap" (1993,
    chapter 13), within [0, 1]; it is [0, 1] if a score is undefined. Quantiles of the resamples
    would not do: because rows are repeated, the average precision of rare labels is too high in
    them, and their interval could exclude the score. `largest` has the largest possible value of
    scores for which it is not 1.
    """
    rng = np.random.default_rng(0)
    resampled: defaultdict[str, list[float]] = defaultdict(list)
    for done in range(NUM_RESAMPLES):
        progress(done, NUM_RESAMPLES)
        rows = rng.integers(num_rows, size=num_rows)
        for name, score in scorer.score(np.bincount(rows, minlength=num_rows)).items():
            if score is not None:
                resampled[name].append(score)
    progress(NUM_RESAMPLES, NUM_RESAMPLES)
    intervals = {}
    for name, score in scorer.score(np.ones(num_rows, int)).items():
        high = (largest or {}).get(name, 1.0)
        intervals[name] = (0.0, high)
        if score is not None and len(resampled[name]) > 1:
            margin = 1.96 * float(np.std(resampled[name], ddof=1))
            intervals[name] = (max(0.0, score - margin), min(high, score + margin))
    return intervals


def _score_labels(visible: Bool, raw: Bool, values: Float, predicted: Bool) -> list[dict[str, Any]]:
    """Return the scores of each label on visible labels, None for undefined ones."""
    true_positives, support = (visible & predicted).sum(axis=0), visible.sum(axis=0)
    with np.errstate(invalid="ignore"):
        columns = {
            "punks": support,
            "hidden": (raw & ~visible).sum(axis=0),
            "average_precision": ranking_scores(visible, values)[0],
            "recall": true_positives / support,
            "precision": true_positives / predicted.sum(axis=0),
            "accuracy": (visible == predicted).mean(axis=0),
            "gain_vs_majority": gain_over_majority(visible, predicted),
        }
    rows = []
    for label, *numbers in zip(LABELS, *(c.tolist() for c in columns.values()), strict=False):
        defined = [None if np.isnan(number) else number for number in numbers]
        rows.append({"label": label, **dict(zip(columns, defined, strict=True))})
    return rows

"""Metrics of multi-label predictions, computed in float64.

Each score is computed on the labels as published (*raw*) and on the labels that a pixel shows
(*visible*). No classifier can see hidden labels, so the scores on raw labels have a ceiling below
1: the scores of a classifier that predicts exactly the visible labels.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.networks import logits_to_labels, logits_to_probabilities

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

MIN_SUPPORT = 20
"""Smallest number of punks with a label for which the label is included in means over labels."""
NUM_RESAMPLES = 200
"""Bootstrap resamples for the confidence intervals."""


def score_logits(visible: Bool, raw: Bool, logits: torch.Tensor) -> dict[str, Any]:
    """Return all scores of logits (N, L), the content of metrics.json.

    `visible` and `raw` are the visible and the published labels, bool (N, L); L is 92, or 5 for a
    classifier of types. Means over labels (macro) include the labels with at least `MIN_SUPPORT`
    punks, or, if no label has that many, all labels that some but not all punks have.
    """
    predicted = logits_to_labels(logits).numpy()
    probabilities = logits_to_probabilities(logits).double().numpy()
    if visible.shape[1] == len(TYPES):  # Only differences between these logits are meaningful.
        logits = logits.log_softmax(1)
    values = logits.double().numpy()
    support = visible.sum(axis=0)
    varies = (support > 0) & (support < len(visible))
    counted = varies & (support >= MIN_SUPPORT)
    counted = counted if counted.any() else varies
    labels = _score_labels(visible, raw, values, predicted)
    types, predicted_types = (t[:, : len(TYPES)].argmax(axis=1) for t in (visible, predicted))
    confusion = np.zeros((len(TYPES), len(TYPES)), int)
    np.add.at(confusion, (types, predicted_types), 1)
    return {
        "visible": _compute_scores(visible, values, predicted, counted),
        "visible_95": _bootstrap_intervals(visible, values, predicted, counted),
        "raw": _compute_scores(raw, values, predicted, counted),
        "ceiling_visible_only": _compute_scores(raw, visible.astype(float), visible, counted),
        "labels_counted": int(counted.sum()),
        "calibration_error": calibration_error(visible, probabilities),
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
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(truth, order, axis=0)
    sorted_scores = np.take_along_axis(scores, order, axis=0)
    # For each row, find the last row with the same score.
    is_last = np.ones(hits.shape, bool)
    is_last[:-1] = sorted_scores[1:] != sorted_scores[:-1]
    rows = np.where(is_last, np.arange(len(hits))[:, None], len(hits))
    last = np.minimum.accumulate(rows[::-1])[::-1]
    true_positives = np.take_along_axis(hits.cumsum(axis=0), last, axis=0)
    false_positives = last + 1 - true_positives
    num_positives = hits.sum(axis=0)
    num_pairs = num_positives * (len(hits) - num_positives)
    # Pairs of a positive and a negative, by the one that ranks at least as high.
    positive_first = (~hits * true_positives).sum(axis=0)
    negative_first = (hits * false_positives).sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision_sum = (hits * true_positives / (last + 1)).sum(axis=0)
        auroc = ((positive_first - negative_first) / num_pairs + 1) / 2
        return precision_sum / num_positives, auroc


def f1(truth: Bool, predicted: Bool, axis: int | None = 0) -> Float:
    """Return the F1 score of each label, NaN if it neither occurs nor is predicted.

    With axis None, return one value over all cells of (N, L), the micro-F1.
    """
    num_positives = truth.sum(axis) + predicted.sum(axis)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * (truth & predicted).sum(axis) / num_positives)


def calibration_error(truth: Bool, probabilities: Float, bins: int = 15) -> float:
    """Return the mean difference between probability and frequency, in bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """
    p, hits = probabilities.reshape(-1), truth.reshape(-1)
    bin_index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_index, p - hits, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def gain_over_majority(truth: Bool, predicted: Bool) -> Float:
    """Return the accuracy of each label minus that of always predicting its majority value."""
    # In integers: rounding could otherwise give an unlearned label a gain above 0.
    num_correct, num_positives = (truth == predicted).sum(axis=0), truth.sum(axis=0)
    majority = np.maximum(num_positives, len(truth) - num_positives)
    return np.asarray((num_correct - majority) / len(truth))


def _compute_scores(
    truth: Bool, values: Float, predicted: Bool, counted: Bool
) -> dict[str, float | None]:
    """Return the scores by name, None if one is undefined for lack of examples."""
    precisions, aurocs = ranking_scores(truth[:, counted], values[:, counted])
    _, micro_auroc = ranking_scores(truth.reshape(-1, 1), values.reshape(-1, 1))
    scores = {
        "macro_average_precision": precisions,
        "macro_auroc": aurocs,
        "micro_auroc": micro_auroc,
        "micro_f1": f1(truth, predicted, axis=None),
        "macro_f1": f1(truth, predicted)[counted],
        "exact_match": (truth == predicted).all(axis=1),
    }
    defined = {name: numbers[~np.isnan(numbers)] for name, numbers in scores.items()}
    return {name: float(d.mean()) if d.size else None for name, d in defined.items()}


def _bootstrap_intervals(
    truth: Bool, values: Float, predicted: Bool, counted: Bool
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of each score, resampling rows with replacement."""
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(NUM_RESAMPLES):
        rows = rng.integers(len(truth), size=len(truth))
        resampled.append(_compute_scores(truth[rows], values[rows], predicted[rows], counted))
    numbers = np.array([list(scores.values()) for scores in resampled], float)
    intervals = np.nanquantile(numbers, (0.025, 0.975), axis=0).T.tolist()
    return {name: (low, high) for name, (low, high) in zip(resampled[0], intervals, strict=True)}


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

"""Metrics of multi-label predictions, computed in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


def average_precision(truth: Bool, scores: NDArray[np.floating]) -> float:
    """Return the area under the precision-recall curve as a step sum.

    AP = Σ (R_k − R_{k−1}) P_k, as in scikit-learn's `average_precision_score`. Tied scores form
    one step.

    Args:
        truth: (N,).
        scores: (N,), higher for more likely positives.

    Returns:
        0 to 1, or NaN if there is no positive.
    """
    num_positives = int(truth.sum())
    if not num_positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    true_positives = np.cumsum(truth[order])
    thresholds = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    precision = true_positives[thresholds] / (thresholds + 1)
    recall_steps = np.diff(true_positives[thresholds], prepend=0) / num_positives
    return float(np.sum(recall_steps * precision))


def f1(truth: Bool, predicted: Bool, axis: int | None = 0) -> Float:
    """Return the F1 score, 2 TP / (2 TP + FP + FN).

    Args:
        truth, predicted: (N, L).
        axis: 0 for one value per label, None for one value over all cells (micro-F1).

    Returns:
        (L,) or a scalar; NaN for labels that neither occur nor are predicted.
    """
    numerator = np.asarray(2 * (truth & predicted).sum(axis=axis), np.float64)
    denominator = np.asarray(truth.sum(axis=axis) + predicted.sum(axis=axis), np.float64)
    out = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def exact_match(truth: Bool, predicted: Bool) -> float:
    """Return the fraction of rows of (N, L) in which all labels are correct."""
    return float((truth == predicted).all(axis=1).mean())


def gain_over_majority(truth: Bool, predicted: Bool) -> Float:
    """Return the accuracy of each label minus that of always predicting its majority value.

    96 % of all label cells are 0, so accuracy alone is not informative. A label with a gain of 0
    has not been learned.

    Args:
        truth, predicted: (N, L).

    Returns:
        (L,).
    """
    # In integers: rounding could otherwise give an unlearned label a gain above 0.
    num_correct, num_positives = (truth == predicted).sum(axis=0), truth.sum(axis=0)
    majority = np.maximum(num_positives, len(truth) - num_positives)
    return np.asarray((num_correct - majority) / len(truth), np.float64)


def auroc(truth: Bool, scores: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve.

    It is the probability that a positive has a higher score than a negative, where ties count
    half, and is computed as Mann and Whitney's U statistic with mid-ranks.

    Args:
        truth: (N,).
        scores: (N,).

    Returns:
        0 to 1, or NaN if all values of `truth` are equal.
    """
    num_positives = int(truth.sum())
    num_negatives = len(truth) - num_positives
    if not num_positives or not num_negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mid_ranks[inverse][truth].sum()
    u_statistic = rank_sum - num_positives * (num_positives + 1) / 2
    return float(u_statistic / num_positives / num_negatives)


def calibration_error(truth: Bool, probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Return the expected calibration error, with bins of equal width.

    It is the mean difference between predicted probability and observed frequency, weighted by the
    size of the bins (Guo et al., "On Calibration of Modern Neural Networks", 2017).

    Args:
        truth, probabilities: Arrays of the same shape.
        bins: Number of bins.
    """
    p, hits = probabilities.reshape(-1), truth.reshape(-1)
    bin_index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_index, p - hits, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))

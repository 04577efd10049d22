"""Scores of multi-label predictions. Pure; all of them in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


def average_precision(truth: Bool, scores: NDArray[np.floating]) -> float:
    """Area under precision over recall, as a sum of steps; equal scores make one step.

    AP = Σ (R_k − R_{k−1}) P_k, as in scikit-learn's `average_precision_score`.

    Args:
        truth: (N,), with at least one True; without one the result is NaN.
        scores: (N,), higher is likelier.
    """
    positives = int(truth.sum())
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    precision = hits[ends] / (ends + 1)
    return float(np.sum(np.diff(hits[ends], prepend=0) / positives * precision))


def f1(truth: Bool, predicted: Bool, axis: int | None = 0) -> Float:
    """2 TP / (2 TP + FP + FN); a label that is neither there nor predicted gives NaN.

    Args:
        truth, predicted: (N, L).
        axis: 0 for one value a label (macro), None for all cells together (micro).
    """
    both = np.asarray(2 * (truth & predicted).sum(axis=axis), np.float64)
    either = np.asarray(truth.sum(axis=axis) + predicted.sum(axis=axis), np.float64)
    return np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)


def exact_match(truth: Bool, predicted: Bool) -> float:
    """Share of rows (N, L) in which every label is right."""
    return float((truth == predicted).all(axis=1).mean())


def gain_over_majority(truth: Bool, predicted: Bool) -> Float:
    """(L,): accuracy less that of always guessing the label's more frequent value.

    96 % of all label cells are 0, so accuracy alone says nothing; a gain of 0 is a label
    that was not learnt.
    """
    # In whole numbers, or a label that was not learnt may come out a rounding above 0.
    right, there = (truth == predicted).sum(axis=0), truth.sum(axis=0)
    by_guessing = np.maximum(there, len(truth) - there)
    return np.asarray((right - by_guessing) / len(truth), np.float64)


def auroc(truth: Bool, scores: NDArray[np.floating]) -> float:
    """Area under the receiver's operating curve: how often a positive has the higher score than
    a negative, ties counting half (Mann and Whitney's U, by mid-ranks).

    Args:
        truth: (N,), with at least one True and one False; else the result is NaN.
        scores: (N,).
    """
    positives = int(truth.sum())
    if not 0 < positives < len(truth):
        return float("nan")
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = middle[which][truth].sum()
    return float((ranks - positives * (positives + 1) / 2) / positives / (len(truth) - positives))


def calibration_error(truth: Bool, probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Expected calibration error: the distance between mean probability and frequency, over bins
    of equal width, weighted by how many fall into each (Guo and others, 2017).

    Args:
        truth, probabilities: of the same shape; each cell counts.
    """
    p, hit = probabilities.reshape(-1), truth.reshape(-1)
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(which, p - hit, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))

"""Scores of answers, also of samples in which rows occur several times or not at all.

Each scorer has a method `score(weights)`, where row i occurs weights[i] times, and a number of
rows. A score is None if it is undefined for lack of examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.images.sprite import SIDE_PX
from punkdata.traits import LABELS
from punkmodels.bench.corruptions import CORRUPTIONS, SEVERITIES
from punkmodels.bench.inputs import REAL
from punkmodels.classifier.metrics import (
    MIN_SUPPORT,
    Bool,
    Float,
    Ranking,
    WeightedScorer,
    calibration_error,
    joint_confidence,
)
from punkmodels.classifier.networks import logits_to_labels

LARGEST = {"wrong_pixels_mean": float(SIDE_PX**2)}
"""Largest possible values of the scores for which they are not 1."""
Weights = NDArray[np.integer]
Scores = dict[str, float | None]
ACCEPTED_SHARE = 0.95
"""Share of real punks above the threshold at which false positives are counted."""


class TrackScorer(WeightedScorer, Protocol):
    """Answers of a track, compared with the truth."""

    @property
    def num_rows(self) -> int: ...


class MeanScorer:
    """The mean scores of several trainings."""

    def __init__(self, scorers: Sequence[TrackScorer]) -> None:
        self.scorers: Sequence[TrackScorer] = scorers
        self.num_rows: int = scorers[0].num_rows

    def score(self, weights: Weights) -> Scores:
        found = [scorer.score(weights) for scorer in self.scorers]
        means: Scores = {}
        for name in found[0]:
            values = [scores[name] for scores in found]
            defined = [value for value in values if value is not None]
            means[name] = float(np.mean(defined)) if len(defined) == len(values) else None
        return means


class LabelScorer:
    """Scores of labels, (N, 92), against visible labels.

    `rare` are indices of labels whose scores are averaged; `pairs` are pairs of indices of labels,
    of which both must be predicted.
    """

    def __init__(
        self,
        visible: Bool,
        logits: torch.Tensor,
        rare: Sequence[int] = (),
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        predicted, values = logits_to_labels(logits).numpy(), logits.double().numpy()
        self.num_rows: int = len(visible)
        self.is_exact: Bool = (visible == predicted).all(axis=1)
        self.confidence: Float = joint_confidence(logits)
        support = visible.sum(axis=0)
        counted = (support >= MIN_SUPPORT) & (support < len(visible))
        self.ranking: Ranking | None = None
        if counted.any() and not rare:
            self.ranking = Ranking.of(visible[:, counted], values[:, counted])
        columns = list(rare)
        self.rare_ranking: Ranking = Ranking.of(visible[:, columns], values[:, columns])
        self.rare_truth: Bool = visible[:, columns]
        self.rare_predicted: Bool = predicted[:, columns]
        pair_ids = np.array(pairs, np.intp).reshape(-1, 2)
        self.pair_rows, numbers = np.nonzero(visible[:, pair_ids].all(axis=2))
        found = predicted[self.pair_rows[:, None], pair_ids[numbers]]
        self.pair_found: Bool = np.asarray(found.all(axis=1))

    def score(self, weights: Weights) -> Scores:
        scores: Scores = {}
        if len(self.pair_rows):
            pair_weights = weights[self.pair_rows]
            scores["pair_recall"] = _mean(self.pair_found, pair_weights)
        if self.rare_truth.shape[1]:
            scores |= self._score_rare(weights)
        if self.ranking:
            precisions, _ = self.ranking.score(weights)
            scores["macro_average_precision"] = _nan_mean(precisions)
        scores["exact_match"] = _mean(self.is_exact, weights)
        scores["joint_calibration_error"] = calibration_error(
            self.is_exact, self.confidence, weights
        )
        return scores

    def _score_rare(self, weights: Weights) -> Scores:
        precisions, _ = self.rare_ranking.score(weights)
        hits = weights @ (self.rare_truth & self.rare_predicted)
        positives, marked = weights @ self.rare_truth, weights @ self.rare_predicted
        with np.errstate(invalid="ignore"):
            recall, f1 = hits / positives, 2 * hits / (positives + marked)
        return {
            "rare_average_precision": _nan_mean(precisions),
            "rare_recall": _nan_mean(recall),
            "rare_f1": _nan_mean(f1),
        }

    def label_table(
        self, names: Sequence[str]
    ) -> list[tuple[str, int, float | None, float | None]]:
        """Return name, number of punks, AP and recall of each rare label; None without punks."""
        precisions, _ = self.rare_ranking.score(np.ones(self.num_rows, int))
        hits = (self.rare_truth & self.rare_predicted).sum(axis=0)
        support = self.rare_truth.sum(axis=0)
        return [
            (name, int(n), float(ap), float(hit / n)) if n else (name, 0, None, None)
            for name, n, ap, hit in zip(names, support, precisions, hits, strict=True)
        ]


class CorruptionScorer:
    """Scores of labels of corrupted pictures, of which each punk has one by kind and severity.

    `logits` are (K * N, 92), all punks with the first corruption first; `visible` is (N, 92).
    """

    def __init__(self, visible: Bool, logits: torch.Tensor) -> None:
        shape = (-1, *visible.shape)
        predicted = logits_to_labels(logits).numpy().reshape(shape)
        self.num_rows: int = len(visible)
        self.is_exact: Bool = (predicted == visible).all(axis=2)
        self.hits: NDArray[np.intp] = (predicted & visible).sum(axis=(0, 2))
        self.marks: NDArray[np.intp] = predicted.sum(axis=(0, 2)) + len(predicted) * visible.sum(
            axis=1
        )

    def score(self, weights: Weights) -> Scores:
        marks = weights @ self.marks
        return {
            "exact_match": _mean(self.is_exact.mean(axis=0), weights),
            "micro_f1": float(2 * (weights @ self.hits) / marks) if marks else None,
        }

    def by_corruption(self) -> dict[str, list[float]]:
        """Return the exact match of each kind by severity."""
        shares = self.is_exact.mean(axis=1).reshape(len(CORRUPTIONS), len(SEVERITIES))
        return {kind: row.tolist() for kind, row in zip(CORRUPTIONS, shares, strict=True)}


class RealnessScorer:
    """Scores of images that should be higher for real punks, (N,), and kinds of images (N,)."""

    def __init__(self, kinds: NDArray[np.str_], values: Float) -> None:
        self.num_rows: int = len(kinds)
        is_real = kinds == REAL
        self.groups: dict[str, tuple[NDArray[np.intp], Ranking, Bool, Float]] = {}
        for kind in sorted(set(kinds[~is_real].tolist())):
            rows = np.flatnonzero(is_real | (kinds == kind))
            truth = is_real[rows]
            ranking = Ranking.of(truth[:, None], values[rows, None])
            self.groups[kind] = (rows, ranking, truth, values[rows])

    def score(self, weights: Weights) -> Scores:
        kinds = self.by_kind(weights)
        return {
            name: _nan_mean(np.array([scores[name] for scores in kinds.values()], np.float64))
            for name in ("auroc", "fpr_at_95_tpr")
        }

    def by_kind(self, weights: Weights) -> dict[str, dict[str, float]]:
        """Return the AUROC of each kind, and its share of sprites above the threshold."""
        found = {}
        for kind, (rows, ranking, is_real, values) in self.groups.items():
            own = weights[rows]
            _, auroc = ranking.score(own)
            rate = _false_positive_rate(values, is_real, own)
            found[kind] = {"auroc": float(auroc[0]), "fpr_at_95_tpr": rate}
        return found


def _false_positive_rate(values: Float, is_real: Bool, weights: Weights) -> float:
    """Return the share of others that are accepted by a threshold that 95 % of the punks reach."""
    real, others = np.repeat(values[is_real], weights[is_real]), ~is_real
    if not len(real) or not weights[others].sum():
        return float("nan")
    threshold = np.quantile(real, 1 - ACCEPTED_SHARE, method="lower")
    return float(weights[others] @ (values[others] >= threshold) / weights[others].sum())


class DrawingScorer:
    """Sprites, uint8 (N, 24, 24, 4), against the true ones; transparent pixels have any color."""

    def __init__(self, truth: NDArray[np.uint8], sprites: NDArray[np.uint8]) -> None:
        self.num_rows: int = len(truth)
        drawn = np.where(sprites[..., 3:] > 0, sprites, 0)
        self.wrong_pixels: NDArray[np.intp] = (drawn != truth).any(axis=3).sum(axis=(1, 2))

    def score(self, weights: Weights) -> Scores:
        return {
            "pixel_exact_match": _mean(self.wrong_pixels == 0, weights),
            "wrong_pixels_mean": _mean(self.wrong_pixels, weights),
        }


@dataclass(frozen=True)
class SaliencyScorer:
    """Pointing game and overlap of each case, float64 (N,), see `score_saliency`."""

    hits: Float
    overlaps: Float
    label_ids: NDArray[np.int64]

    @property
    def num_rows(self) -> int:
        return len(self.hits)

    def score(self, weights: Weights) -> Scores:
        return {
            "pointing_game": _mean(self.hits, weights),
            "overlap": _mean(self.overlaps, weights),
        }

    def by_label(self) -> list[tuple[str, int, float, float]]:
        """Return name, number of cases and both scores of each accessory, the worst first."""
        rows = []
        for label in np.unique(self.label_ids):
            own = self.label_ids == label
            scores = self.hits[own].mean(), self.overlaps[own].mean()
            rows.append((LABELS[label], int(own.sum()), float(scores[0]), float(scores[1])))
        return sorted(rows, key=lambda row: (row[2], row[3]))


def score_saliency(
    masks: Bool, saliency: NDArray[np.floating], label_ids: NDArray[np.int64]
) -> SaliencyScorer:
    """Compare maps, (N, 24, 24), with the pixels that an accessory owns, bool (N, 24, 24).

    Pointing game: whether the highest value is on the accessory (Zhang et al., "Top-down Neural
    Attention by Excitation Backprop", 2016). Overlap: the share of an accessory of n pixels among
    the n highest values. Of equal values, each is as likely to be chosen as the others.
    """
    own, values = masks.reshape(len(masks), -1), saliency.reshape(len(masks), -1)
    sizes = own.sum(axis=1)
    is_highest = values == values.max(axis=1, keepdims=True)
    hits = (is_highest & own).sum(axis=1) / is_highest.sum(axis=1)
    threshold = np.take_along_axis(-np.sort(-values, axis=1), sizes[:, None] - 1, axis=1)
    above, equal = values > threshold, values == threshold
    shares = (sizes - above.sum(axis=1)) / equal.sum(axis=1)
    overlaps = ((above & own).sum(axis=1) + shares * (equal & own).sum(axis=1)) / sizes
    return SaliencyScorer(hits, overlaps, label_ids)


def _mean(values: NDArray[Any], weights: Weights) -> float | None:
    total = weights.sum()
    return float(weights @ values / total) if total else None


def _nan_mean(values: Float) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None

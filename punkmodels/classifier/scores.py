"""Scores of a classifier's logits against the true labels.

Each score is computed on the labels as published (*raw*) and on the labels that a pixel shows
(*visible*). No classifier can see hidden labels, so the scores on raw labels have a ceiling below
1: the scores of a classifier that predicts exactly the visible labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.metrics import (
    auroc,
    average_precision,
    calibration_error,
    exact_match,
    f1,
    gain_over_majority,
)
from punkmodels.classifier.networks import logits_to_labels

Bool = NDArray[np.bool_]
MIN_SUPPORT = 20
"""Smallest number of punks with a label for which the label is included in means over labels."""
NUM_RESAMPLES = 200
"""Bootstrap resamples for the confidence intervals."""


@dataclass(frozen=True)
class Scores:
    """Scores of a split.

    Means over labels (macro) include the labels with at least `MIN_SUPPORT` punks. If no label has
    that many, they include all labels that some but not all punks have.
    """

    macro_average_precision: float
    macro_auroc: float
    micro_auroc: float
    """Area under the ROC curve over all cells (punk, label)."""
    micro_f1: float
    macro_f1: float
    exact_match: float
    """Fraction of punks whose labels are all correct."""


@dataclass(frozen=True)
class LabelScore:
    """Scores of one label, on visible labels."""

    label: str
    support: int
    """Number of punks on which the label is visible."""
    hidden: int
    """Number of other punks that have the label, but no pixel that shows it."""
    average_precision: float | None
    """Average precision; None without support."""
    recall: float | None
    """Recall; None without support."""
    precision: float | None
    """Precision; None without support, or if the label was never predicted."""
    accuracy: float
    gain_vs_majority: float
    """Accuracy minus that of always predicting the label's majority value."""


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation, the content of metrics.json."""

    run: str
    """Path of the run folder or the exported weights."""
    task: str
    split: str
    version: str
    """Version of the snapshot."""
    epochs: int
    """Number of epochs trained."""
    finished: bool
    """Whether training is complete."""
    punks: int
    """Number of punks in the split."""
    visible: Scores
    """Scores on visible labels."""
    visible_95: dict[str, tuple[float, float]]
    """95 % bootstrap intervals of `visible`, resampling punks."""
    raw: Scores
    """Scores on labels as published."""
    ceiling_visible_only: Scores
    """Scores on raw labels of a classifier that predicts exactly the visible labels."""
    labels_counted: int
    """Number of labels that are included in means over labels."""
    calibration_error: float
    """Expected calibration error over all cells (punk, label), with 15 bins."""
    type_confusion: list[list[int]]
    """Counts by true type (rows) and predicted type (columns), in the order of `TYPES`."""
    at_or_below_majority: list[str]
    """Labels whose accuracy is not above that of always predicting the majority value."""
    labels: tuple[LabelScore, ...]
    """Scores of each label, sorted by increasing gain."""
    misclassified: tuple[int, ...]
    """punk_ids of the punks with a wrong visible label."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dictionary, with None for NaN."""
        plain: dict[str, Any] = _replace_nan(asdict(self))
        return plain


def _replace_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def score_logits(
    visible: Bool,
    raw: Bool,
    logits: torch.Tensor,
    punk_ids: NDArray[np.int32],
    progress: Callable[..., None] = lambda done, total: None,
    **about: Any,
) -> Evaluation:
    """Compute all scores of logits.

    Args:
        visible, raw: Visible and published labels, bool (N, L); L is 92, or 5 for the task "type".
        logits: (N, L).
        punk_ids: int32 (N,).
        progress: Called with the number of finished bootstrap resamples, and their total.
        about: Values of the fields of `Evaluation` that are not computed here: run, task, split,
            version, epochs and finished.
    """
    predicted = logits_to_labels(logits).numpy()
    is_type_only = visible.shape[1] == len(TYPES)
    if is_type_only:  # Only differences between the logits of the types are meaningful.
        logits = logits.log_softmax(1)
    probabilities = logits.exp() if is_type_only else logits.sigmoid()
    values = logits.double().numpy()
    support = visible.sum(axis=0)
    varies = (support > 0) & (support < len(visible))
    counted = varies & (support >= MIN_SUPPORT)
    counted = counted if counted.any() else varies
    visible_as_scores = np.where(visible, 1.0, -1.0)
    label_scores = _score_labels(visible, raw, values, predicted)
    is_correct = (predicted == visible).all(axis=1)
    return Evaluation(
        **about,
        punks=len(visible),
        visible=_compute_scores(visible, values, predicted, counted),
        visible_95=_bootstrap_intervals(visible, values, predicted, counted, progress),
        raw=_compute_scores(raw, values, predicted, counted),
        ceiling_visible_only=_compute_scores(raw, visible_as_scores, visible, counted),
        labels_counted=int(counted.sum()),
        calibration_error=calibration_error(visible, probabilities.double().numpy()),
        type_confusion=_type_confusion(visible, predicted),
        at_or_below_majority=[
            row.label
            for row, is_varying in zip(label_scores, varies, strict=True)
            if is_varying and row.gain_vs_majority <= 0
        ],
        labels=tuple(sorted(label_scores, key=lambda row: (row.gain_vs_majority, row.label))),
        misclassified=tuple(int(i) for i in punk_ids[~is_correct]),
    )


def _type_confusion(truth: Bool, predicted: Bool) -> list[list[int]]:
    true_type = truth[:, : len(TYPES)].argmax(axis=1)
    predicted_type = predicted[:, : len(TYPES)].argmax(axis=1)
    confusion = np.zeros((len(TYPES), len(TYPES)), int)
    np.add.at(confusion, (true_type, predicted_type), 1)
    counts: list[list[int]] = confusion.tolist()
    return counts


def _compute_scores(
    truth: Bool, values: NDArray[np.float64], predicted: Bool, counted: Bool
) -> Scores:
    labels = np.flatnonzero(counted)

    def mean_over_labels(metric: Callable[[Bool, NDArray[np.float64]], float]) -> float:
        return float(np.mean([metric(truth[:, i], values[:, i]) for i in labels] or [np.nan]))

    return Scores(
        macro_average_precision=mean_over_labels(average_precision),
        macro_auroc=mean_over_labels(auroc),
        micro_auroc=auroc(truth.reshape(-1), values.reshape(-1)),
        micro_f1=float(f1(truth, predicted, axis=None)),
        macro_f1=float(f1(truth, predicted)[labels].mean()) if len(labels) else float("nan"),
        exact_match=exact_match(truth, predicted),
    )


def _bootstrap_intervals(
    truth: Bool,
    values: NDArray[np.float64],
    predicted: Bool,
    counted: Bool,
    progress: Callable[..., None],
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of each score, resampling rows with replacement."""
    rng = np.random.default_rng(0)
    resampled = []
    for done in range(NUM_RESAMPLES):
        progress(done, NUM_RESAMPLES)
        rows = rng.integers(len(truth), size=len(truth))
        varies = truth[rows].any(axis=0) & ~truth[rows].all(axis=0)
        scores = _compute_scores(truth[rows], values[rows], predicted[rows], counted & varies)
        resampled.append(asdict(scores))
    intervals = {}
    for name in resampled[0]:
        numbers = [scores[name] for scores in resampled if not np.isnan(scores[name])]
        low, high = np.quantile(numbers or [np.nan], (0.025, 0.975))
        intervals[name] = (float(low), float(high))
    return intervals


def _score_labels(
    visible: Bool, raw: Bool, values: NDArray[np.float64], predicted: Bool
) -> list[LabelScore]:
    gains = gain_over_majority(visible, predicted)
    true_positives = (visible & predicted).sum(axis=0)
    rows = []
    for i, label in enumerate(LABELS[: visible.shape[1]]):
        truth, prediction = visible[:, i], predicted[:, i]
        support, num_predicted = int(truth.sum()), int(prediction.sum())
        rows.append(
            LabelScore(
                label=label,
                support=support,
                hidden=int((raw[:, i] & ~truth).sum()),
                average_precision=average_precision(truth, values[:, i]) if support else None,
                recall=float(true_positives[i] / support) if support else None,
                precision=(
                    float(true_positives[i] / num_predicted) if support and num_predicted else None
                ),
                accuracy=float((truth == prediction).mean()),
                gain_vs_majority=float(gains[i]),
            )
        )
    return rows

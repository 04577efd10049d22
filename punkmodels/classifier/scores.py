"""All scores of a classifier's logits against the truth. Pure; without files.

Every score comes twice: on the labels as the source has them (*raw*), and on those that a
pixel shows (*visible*). The ceiling of the second is 1; that of the first is about what
somebody scores who sees all that can be seen, and does not guess the rest.
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
Report = Callable[..., None]
MIN_SUPPORT = 20
"""punks of the split that must carry a label for it to count in means over labels"""
RESAMPLES = 200


@dataclass(frozen=True)
class Scores:
    """Means over labels are over those with `MIN_SUPPORT` punks in the split; in a split so small
    that none has, over all that some carry and some do not.
    """

    macro_average_precision: float
    macro_auroc: float
    micro_auroc: float
    """over all punks and labels together"""
    micro_f1: float
    macro_f1: float
    exact_match: float
    """share of punks with every label right"""


@dataclass(frozen=True)
class LabelScore:
    """Of one label, where it can be seen."""

    label: str
    support: int
    """punks of the split that carry it"""
    hidden: int
    """more of them, on which no pixel shows it"""
    average_precision: float | None
    """None where no punk of the split carries it; so are recall and precision"""
    recall: float | None
    precision: float | None
    """None also where it was never predicted"""
    accuracy: float
    gain_vs_majority: float
    """accuracy less that of always guessing the label's more frequent value"""


@dataclass(frozen=True)
class Evaluation:
    run: str
    task: str
    split: str
    version: str
    epochs: int
    """trained so far"""
    finished: bool
    """False of a run that was stopped"""
    punks: int
    visible: Scores
    visible_95: dict[str, tuple[float, float]]
    """95 % intervals of `visible`, by drawing the punks anew with replacement"""
    raw: Scores
    ceiling_visible_only: Scores
    """on raw labels, of somebody who sees all that can be seen, and does not guess the rest"""
    labels_counted: int
    """in means over labels"""
    calibration_error: float
    """mean distance between probability and frequency, over 15 bins of all probabilities"""
    type_confusion: list[list[int]]
    """a row for each true type, a column for each predicted one, in the order of `TYPES`"""
    at_or_below_majority: list[str]
    """labels that occur, and are told no better than by always guessing the majority"""
    labels: tuple[LabelScore, ...]
    """the least gain first"""
    mistakes: tuple[int, ...]
    """punk_ids with a wrong visible label"""

    def to_json(self) -> dict[str, Any]:
        """With None for what is not a number."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def score(
    visible: Bool,
    raw: Bool,
    logits: torch.Tensor,
    punk_ids: NDArray[np.int32],
    progress: Report = lambda done, total: None,
    **about: Any,
) -> Evaluation:
    """Score logits.

    Args:
        visible, raw: (N, L), L is 92, or 5 for the types alone.
        logits: (N, L).
        report: progress in resamples for the intervals.
        about: the fields of the result that are no scores: run, task, split, version.
    """
    predicted = logits_to_labels(logits).numpy()
    if visible.shape[1] == len(TYPES):  # only against each other do logits of types mean anything
        logits = logits.log_softmax(1)
    values = logits.double().numpy()
    support = visible.sum(axis=0)
    varying = (support > 0) & (support < len(visible))
    counted = varying & (support >= MIN_SUPPORT)
    counted = counted if counted.any() else varying
    oracle = np.where(visible, 1.0, -1.0)
    types = slice(0, len(TYPES))
    true_type, told_type = visible[:, types].argmax(axis=1), predicted[:, types].argmax(axis=1)
    confusion = np.zeros((len(TYPES), len(TYPES)), int)
    np.add.at(confusion, (true_type, told_type), 1)
    rows = _label_scores(visible, raw, values, predicted)
    right = (predicted == visible).all(axis=1)
    probabilities = logits.exp() if visible.shape[1] == len(TYPES) else logits.sigmoid()
    return Evaluation(
        **about,
        punks=len(visible),
        visible=_scores(visible, values, predicted, counted),
        visible_95=_intervals(visible, values, predicted, counted, progress),
        raw=_scores(raw, values, predicted, counted),
        ceiling_visible_only=_scores(raw, oracle, visible, counted),
        labels_counted=int(counted.sum()),
        calibration_error=calibration_error(visible, probabilities.double().numpy()),
        type_confusion=confusion.tolist(),
        at_or_below_majority=[
            r.label for r, v in zip(rows, varying, strict=True) if v and r.gain_vs_majority <= 0
        ],
        labels=tuple(sorted(rows, key=lambda r: (r.gain_vs_majority, r.label))),
        mistakes=tuple(int(i) for i in punk_ids[~right]),
    )


def _scores(truth: Bool, values: NDArray[np.float64], predicted: Bool, counted: Bool) -> Scores:
    which = np.flatnonzero(counted)
    mean = {
        of.__name__: float(np.mean([of(truth[:, i], values[:, i]) for i in which] or [np.nan]))
        for of in (average_precision, auroc)
    }
    return Scores(
        macro_average_precision=mean["average_precision"],
        macro_auroc=mean["auroc"],
        micro_auroc=auroc(truth.reshape(-1), values.reshape(-1)),
        micro_f1=float(f1(truth, predicted, axis=None)),
        macro_f1=float(f1(truth, predicted)[which].mean()) if len(which) else float("nan"),
        exact_match=exact_match(truth, predicted),
    )


def _intervals(
    truth: Bool,
    values: NDArray[np.float64],
    predicted: Bool,
    counted: Bool,
    progress: Report,
) -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(0)
    drawn = []
    for done in range(RESAMPLES):
        progress(done, RESAMPLES)
        rows = rng.integers(len(truth), size=len(truth))
        occurring = counted & truth[rows].any(axis=0) & ~truth[rows].all(axis=0)
        drawn.append(asdict(_scores(truth[rows], values[rows], predicted[rows], occurring)))
    intervals = {}
    for name in drawn[0]:
        values_drawn = [one[name] for one in drawn if not np.isnan(one[name])]
        low, high = np.quantile(values_drawn or [np.nan], (0.025, 0.975))
        intervals[name] = (float(low), float(high))
    return intervals


def _label_scores(
    visible: Bool, raw: Bool, values: NDArray[np.float64], predicted: Bool
) -> list[LabelScore]:
    gains, hits = gain_over_majority(visible, predicted), (visible & predicted).sum(axis=0)
    rows = []
    for i, label in enumerate(LABELS[: visible.shape[1]]):
        support, chosen = int(visible[:, i].sum()), int(predicted[:, i].sum())
        rows.append(
            LabelScore(
                label=label,
                support=support,
                hidden=int((raw[:, i] & ~visible[:, i]).sum()),
                average_precision=average_precision(visible[:, i], values[:, i])
                if support
                else None,
                recall=float(hits[i] / support) if support else None,
                precision=float(hits[i] / chosen) if support and chosen else None,
                accuracy=float((visible[:, i] == predicted[:, i]).mean()),
                gain_vs_majority=float(gains[i]),
            )
        )
    return rows

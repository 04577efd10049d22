"""The parts of a score: by corruption, kind of sprite, or label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from punkdata.report import Report, Row
from punkdata.traits import LABELS
from punkmodels.bench.corruptions import SEVERITIES
from punkmodels.bench.scores import (
    CorruptionScorer,
    LabelScorer,
    RealnessScorer,
    SaliencyScorer,
    Scores,
    TrackScorer,
)


def select_generated(scores: dict[str, Any]) -> Scores:
    """Return the scores of the track generate; the ratio of copies is None without any."""
    held_out = scores["held_out_copy_rate"]
    ratio = scores["train_copy_rate"] / held_out if held_out else None
    return {**scores, "copy_ratio": ratio}


def describe_parts(
    scorer: TrackScorer, rare: list[int], notes: Sequence[str] = ()
) -> Report | None:
    """Return a table of the parts of a score, of one training, with notes below it."""
    if isinstance(scorer, CorruptionScorer):
        rows = [Row(kind, tuple(row)) for kind, row in scorer.by_corruption().items()]
        return Report(rows, ("all labels right, by severity", *map(str, SEVERITIES)), notes)
    if isinstance(scorer, RealnessScorer):
        kinds = scorer.by_kind(np.ones(scorer.num_rows, int))
        rows = [Row(kind, tuple(scores.values())) for kind, scores in kinds.items()]
        return Report(rows, ("sprites", "AUROC", "false positives"), notes)
    if isinstance(scorer, SaliencyScorer):
        rows = [Row(label, tuple(cells)) for label, *cells in scorer.by_label()]
        header = ("accessory", "cases", "pointing game", "overlap")
        notes = [f"The lowest of {len(rows)} accessories come first.", *notes]
        return Report(rows, header, notes, num_brief_rows=10)
    if isinstance(scorer, LabelScorer) and rare:
        labels = scorer.label_table([LABELS[i] for i in rare])
        return Report(
            [Row(n, tuple(c)) for n, *c in labels], ("label", "punks", "AP", "recall"), notes
        )
    return None

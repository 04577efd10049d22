from __future__ import annotations

import numpy as np
import pytest
import torch

from punkdata.traits import LABELS, encode_labels
from punkmodels.classifier.scores import Evaluation, score

ABOUT = {"run": "r", "task": "labels", "split": "test", "version": "v"}
DONE = {"epochs": 1, "finished": True}


def scored(
    visible: np.ndarray, logits: torch.Tensor | None = None, raw: np.ndarray | None = None
) -> Evaluation:
    if logits is None:
        logits = torch.from_numpy(np.where(visible, 5.0, -5.0))
    ids = np.arange(len(visible), dtype=np.int32)
    return score(visible, visible if raw is None else raw, logits, ids, **ABOUT, **DONE)


def punks(*of: tuple[str, list[str]], times: int = 1) -> np.ndarray:
    return np.stack([encode_labels(*one) for one in of for _ in range(times)]) > 0


def test_perfect_logits_score_1_everywhere_and_zero_support_is_said() -> None:
    result = scored(punks(("Ape", ["Pipe"]), ("Male", []), times=20))
    assert set(vars(result.visible).values()) == {1}
    assert set(vars(result.raw).values()) == {1}
    assert result.labels_counted == 3
    assert (result.mistakes, result.at_or_below_majority) == ((), [])
    rows = {row.label: row for row in result.labels}
    assert (rows["Ape"].recall, rows["Ape"].precision, rows["Ape"].gain_vs_majority) == (1, 1, 0.5)
    assert (rows["Alien"].support, rows["Alien"].average_precision) == (0, None)
    assert result.type_confusion[1][1] == result.type_confusion[3][3] == 20
    assert result.visible_95["exact_match"] == (1, 1)


def test_what_cannot_be_seen_lowers_the_ceiling_and_no_visible_score() -> None:
    raw = punks(("Male", ["Earring"]), ("Ape", ["Pipe"]), times=28)
    visible = raw.copy()
    visible[:28:4, LABELS.index("Earring")] = False
    result = scored(visible, raw=raw)
    assert result.visible.exact_match == 1
    assert result.raw.exact_match == result.ceiling_visible_only.exact_match == 0.875
    assert (
        result.raw.macro_average_precision
        == result.ceiling_visible_only.macro_average_precision
        < 1
    )
    row = next(row for row in result.labels if row.label == "Earring")
    assert (row.support, row.hidden) == (21, 7)


def test_one_wrong_accessory_costs_the_exact_match_of_its_punk() -> None:
    truth = punks(("Male", ["Pipe"]), ("Male", []))
    logits = torch.from_numpy(np.where(truth, 5.0, -5.0))
    logits[1, LABELS.index("Beanie")] = 1.0
    result = scored(truth, logits)
    assert result.visible.exact_match == 0.5
    assert result.labels[0].label == "Beanie"
    assert result.labels[0].gain_vs_majority == -0.5
    assert result.mistakes == (1,)
    low, high = result.visible_95["exact_match"]
    assert low <= 0.5 <= high


def test_a_label_that_is_never_told_is_named() -> None:
    truth = punks(("Male", ["Pipe"]), ("Male", []), times=20)
    logits = torch.from_numpy(np.where(truth, 5.0, -5.0))
    logits[:, LABELS.index("Pipe")] = -1.0
    assert scored(truth, logits).at_or_below_majority == ["Pipe"]


def test_types_alone_are_scored_as_one_choice() -> None:
    truth = punks(("Ape", []), ("Male", []), times=20)[:, :5]
    logits = torch.from_numpy(np.where(truth, 8.0, 0.0))
    result = scored(truth, logits)
    assert result.visible.exact_match == 1
    assert result.calibration_error == pytest.approx(0, abs=0.01)
    shifted = scored(truth, logits + torch.randn(40, 1, generator=torch.manual_seed(0)) * 9)
    assert shifted.visible == result.visible  # only differences between types mean anything
    assert [row.label for row in result.labels][-1] in LABELS[:5]

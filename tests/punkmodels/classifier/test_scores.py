from __future__ import annotations

import numpy as np
import pytest
import torch

from punkdata.traits import LABELS, encode_labels
from punkmodels.classifier.scores import Evaluation, score_logits

ABOUT = {
    "run": "r",
    "task": "labels",
    "split": "test",
    "version": "v",
    "epochs": 1,
    "finished": True,
}


def confident_logits(labels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.where(labels, 5.0, -5.0))


def score(
    visible: np.ndarray, logits: torch.Tensor | None = None, raw: np.ndarray | None = None
) -> Evaluation:
    """Score logits, by default those of an exact classifier."""
    logits = confident_logits(visible) if logits is None else logits
    ids = np.arange(len(visible), dtype=np.int32)
    return score_logits(visible, visible if raw is None else raw, logits, ids, **ABOUT)


def encode_punks(*punks: tuple[str, list[str]], times: int = 1) -> np.ndarray:
    """Return labels, bool (N, 92), in which each (type, accessories) occurs several times."""
    return np.stack([encode_labels(*punk) for punk in punks for _ in range(times)]) > 0


def test_exact_predictions_score_1() -> None:
    result = score(encode_punks(("Ape", ["Pipe"]), ("Male", []), times=20))
    assert set(vars(result.visible).values()) == {1}
    assert set(vars(result.raw).values()) == {1}
    assert result.visible_95["exact_match"] == (1, 1)
    assert result.labels_counted == 3
    assert (result.misclassified, result.at_or_below_majority) == ((), [])
    assert result.type_confusion[1][1] == result.type_confusion[3][3] == 20


def test_label_scores_without_support_are_none() -> None:
    result = score(encode_punks(("Ape", ["Pipe"]), ("Male", []), times=20))
    rows = {row.label: row for row in result.labels}
    assert (rows["Ape"].recall, rows["Ape"].precision, rows["Ape"].gain_vs_majority) == (1, 1, 0.5)
    assert (rows["Alien"].support, rows["Alien"].average_precision) == (0, None)


def test_hidden_labels_lower_the_ceiling_but_not_visible_scores() -> None:
    raw = encode_punks(("Male", ["Earring"]), ("Ape", ["Pipe"]), times=28)
    visible = raw.copy()
    visible[:28:4, LABELS.index("Earring")] = False
    result = score(visible, raw=raw)
    ceiling = result.ceiling_visible_only
    assert result.visible.exact_match == 1
    assert result.raw.exact_match == ceiling.exact_match == 0.875
    assert result.raw.macro_average_precision == ceiling.macro_average_precision < 1
    row = next(row for row in result.labels if row.label == "Earring")
    assert (row.support, row.hidden) == (21, 7)


def test_one_wrong_accessory_is_one_mistake() -> None:
    truth = encode_punks(("Male", ["Pipe"]), ("Male", []))
    logits = confident_logits(truth)
    logits[1, LABELS.index("Beanie")] = 1.0
    result = score(truth, logits)
    assert result.visible.exact_match == 0.5
    assert result.labels[0].label == "Beanie"
    assert result.labels[0].gain_vs_majority == -0.5
    assert result.misclassified == (1,)
    low, high = result.visible_95["exact_match"]
    assert low <= 0.5 <= high


def test_a_label_that_is_never_predicted_is_at_the_majority_baseline() -> None:
    truth = encode_punks(("Male", ["Pipe"]), ("Male", []), times=20)
    logits = confident_logits(truth)
    logits[:, LABELS.index("Pipe")] = -1.0
    assert score(truth, logits).at_or_below_majority == ["Pipe"]


def test_type_scores_depend_only_on_differences_of_logits() -> None:
    truth = encode_punks(("Ape", []), ("Male", []), times=20)[:, :5]
    logits = torch.from_numpy(np.where(truth, 8.0, 0.0))
    result = score(truth, logits)
    assert result.visible.exact_match == 1
    assert result.calibration_error == pytest.approx(0, abs=0.01)
    shift = torch.randn(40, 1, generator=torch.Generator().manual_seed(0)) * 9
    assert score(truth, logits + shift).visible == result.visible
    assert [row.label for row in result.labels][-1] in LABELS[:5]

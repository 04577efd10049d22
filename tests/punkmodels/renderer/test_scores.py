from __future__ import annotations

import pytest
import torch

from punkdata.traits import LABELS
from punkmodels.renderer.scores import PixelRules, conditional_scores, recall_per_label

MALE, FEMALE, PIPE, MOLE = (LABELS.index(name) for name in ("Male", "Female", "Pipe", "Mole"))


def make_punk(*labels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a sprite and its labels.

    Each label has a pixel of its own, except a mole, which has none; the pipes of male and of
    female punks have different pixels.
    """
    sprite, row = torch.zeros(24, 24, dtype=torch.uint8), torch.zeros(92, dtype=torch.bool)
    for label in labels:
        row[label] = True
        if label != MOLE:
            sprite[5 + (label == PIPE and MALE in labels), label % 24] = 7
    return sprite, row


LABEL_SETS = ((MALE,), (FEMALE,), (MALE, PIPE), (FEMALE, PIPE), (MALE, MOLE))
SPRITES, VISIBLE = (
    torch.stack(column) for column in zip(*(make_punk(*s) for s in LABEL_SETS), strict=True)
)
RULES = PixelRules(SPRITES, VISIBLE)


def test_pixel_rules_decide_labels_with_pixels_of_their_own() -> None:
    assert RULES.decidable.nonzero()[:, 0].tolist() == sorted([MALE, FEMALE, PIPE])
    predicted = RULES.predict(SPRITES)
    assert torch.equal(predicted[:, RULES.decidable], VISIBLE[:, RULES.decidable])
    blank = torch.zeros(1, 24, 24, dtype=torch.uint8)
    assert not RULES.predict(blank).any()


def test_exact_match_needs_all_labels_and_all_pixels() -> None:
    generated = SPRITES.clone()
    generated[0, 5, PIPE % 24], generated[1, 23, 23] = 7, 9
    wrong_pixels = (generated != SPRITES).flatten(1).sum(dim=1)
    predicted = VISIBLE.clone()
    predicted[4, MOLE] = False
    scores = conditional_scores(VISIBLE, predicted, RULES, generated, wrong_pixels)
    assert (scores.num_samples, scores.label_sets) == (5, 5)
    assert scores.label_exact_match == pytest.approx(0.8)
    # Both male punks without a pipe lack the mark at which the first one has a wrong pixel.
    assert scores.label_exact_match_by_rules == pytest.approx(0.6)
    assert scores.pixel_exact_match == pytest.approx(0.6)
    assert (scores.wrong_pixels_median, scores.wrong_pixels_mean) == (0, pytest.approx(0.4))
    generated[2, 6, PIPE % 24] = 0
    scores = conditional_scores(VISIBLE, predicted, RULES, generated, wrong_pixels)
    assert scores.label_exact_match_by_rules == pytest.approx(0.4)


def test_recall_per_label_is_sorted_by_recall() -> None:
    predicted = VISIBLE.clone()
    predicted[2, PIPE] = predicted[4, MOLE] = False
    assert recall_per_label(VISIBLE, predicted) == [
        ("Mole", 1, 0.0),
        ("Pipe", 2, 0.5),
        ("Female", 2, 1.0),
        ("Male", 3, 1.0),
    ]

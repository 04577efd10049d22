from __future__ import annotations

import pytest
import torch

from punkdata.traits import LABELS
from punkmodels.gan.metrics.conditional import PixelRules, conditional_scores, per_label_accuracy

MALE, FEMALE, PIPE, MOLE = (LABELS.index(name) for name in ("Male", "Female", "Pipe", "Mole"))


def punk(*labels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A sprite on which each label has a pixel of its own, a mole none, and men's pipes another
    one than women's.
    """
    sprite, row = torch.zeros(24, 24, dtype=torch.uint8), torch.zeros(92, dtype=torch.bool)
    for label in labels:
        row[label] = True
        if label != MOLE:
            sprite[5 + (label == PIPE and MALE in labels), label % 24] = 7
    return sprite, row


PUNKS = [punk(*worn) for worn in ((MALE,), (FEMALE,), (MALE, PIPE), (FEMALE, PIPE), (MALE, MOLE))]
SPRITES, VISIBLE = (torch.stack(column) for column in zip(*PUNKS, strict=True))
RULES = PixelRules(SPRITES, VISIBLE)


def test_pixels_tell_the_labels_that_have_some_of_their_own() -> None:
    assert RULES.told.nonzero()[:, 0].tolist() == sorted([MALE, FEMALE, PIPE])
    assert torch.equal(RULES.labels(SPRITES)[:, RULES.told], VISIBLE[:, RULES.told])
    blank = torch.zeros(1, 24, 24, dtype=torch.uint8)
    assert not RULES.labels(blank).any()


def test_a_draw_is_right_only_if_all_labels_are() -> None:
    drawn = SPRITES.clone()
    drawn[0, 5, PIPE % 24], drawn[1, 23, 23] = 7, 9
    off = (drawn != SPRITES).flatten(1).sum(dim=1)
    by_net = VISIBLE.clone()
    by_net[4, MOLE] = False
    found = conditional_scores(VISIBLE, by_net, RULES, drawn, off)
    assert (found.draws, found.label_sets) == (5, 5)
    assert found.label_exact_match == pytest.approx(0.8)
    assert found.label_exact_match_by_rules == pytest.approx(0.6), "all men are blank there"
    assert found.exact == pytest.approx(0.6)
    assert (found.wrong_pixels_median, found.wrong_pixels_mean) == (0, pytest.approx(0.4))
    drawn[2, 6, PIPE % 24] = 0
    assert conditional_scores(
        VISIBLE, by_net, RULES, drawn, off
    ).label_exact_match_by_rules == pytest.approx(0.4)


def test_labels_are_told_with_how_often_they_are_drawn_the_worst_first() -> None:
    by_net = VISIBLE.clone()
    by_net[2, PIPE] = by_net[4, MOLE] = False
    assert per_label_accuracy(VISIBLE, by_net) == [
        ("Mole", 1, 0.0),
        ("Pipe", 2, 0.5),
        ("Female", 2, 1.0),
        ("Male", 3, 1.0),
    ]

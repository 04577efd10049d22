"""How well drawn punks have what was asked for. Pure.

Type, skin tone and accessories determine every pixel of a punk, so each answer is exact: the very
punk, or so many pixels beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS


@dataclass(frozen=True)
class ConditionalScores:
    """Of some draws; shares of them."""

    draws: int
    label_sets: int
    """different ones among them"""
    label_exact_match: float
    """all labels that were asked for, and that a pixel shows, and no others, as the bundled
    classifier sees it"""
    label_exact_match_by_rules: float
    """the same of the labels that `PixelRules` tells"""
    exact: float
    """the very punk, pixel by pixel"""
    wrong_pixels_median: float
    """pixels that differ from that punk; from the nearest of its tones if none was asked for"""
    wrong_pixels_mean: float


def conditional_scores(
    condition: torch.Tensor,
    by_net: torch.Tensor,
    rules: PixelRules,
    drawn: torch.Tensor,
    off: torch.Tensor,
) -> ConditionalScores:
    """All scores of some draws.

    Args:
        asked: bool (N, 92), the visible labels of what was asked for.
        by_net: bool (N, 92), what the classifier sees.
        drawn: palette indices uint8 (N, 24, 24).
        off: int64 (N,), pixels that differ from the exact punk.
    """
    told = rules.told
    return ConditionalScores(
        draws=len(condition),
        label_sets=len(torch.unique(condition, dim=0)),
        label_exact_match=_share((condition == by_net).all(dim=1)),
        label_exact_match_by_rules=_share((condition == rules.labels(drawn))[:, told].all(dim=1)),
        exact=_share(off == 0),
        wrong_pixels_median=float(off.double().quantile(0.5)),
        wrong_pixels_mean=float(off.double().mean()),
    )


def per_label_accuracy(
    condition: torch.Tensor, by_net: torch.Tensor
) -> list[tuple[str, int, float]]:
    """Label, how often it was asked for, and in what share of these the net sees it; the worst
    first. Of labels that were asked for.
    """
    rows = [
        (label, int(condition[:, i].sum()), _share(by_net[condition[:, i], i]))
        for i, label in enumerate(LABELS)
        if condition[:, i].any()
    ]
    return sorted(rows, key=lambda row: (row[2], row[1]))


class PixelRules:
    """Labels from pixels alone, without a network: a label is there if all its marks are, of men or
    of women. Its marks are the places and colors that every such punk with the label has; a label
    is told if no punk without it has them all.

    Args:
        sprites: real ones, all there are, palette indices uint8 (N, 24, 24).
        visible: bool (N, 92), their visible labels.
    """

    told: torch.Tensor
    """bool (92,)"""

    def __init__(self, sprites: torch.Tensor, visible: torch.Tensor) -> None:
        pairs = sprites.flatten(1).long()
        pairs = pairs + torch.arange(pairs.shape[1]) * len(PALETTE)
        size = pairs.shape[1] * len(PALETTE)
        is_female = visible[:, LABELS.index("Female")]
        self.marks: list[list[torch.Tensor]] = []
        for label in visible.T:
            bodies = [body for body in (label & is_female, label & ~is_female) if body.any()]
            counts = [torch.bincount(pairs[body].flatten(), minlength=size) for body in bodies]
            self.marks.append(
                [(n == body.sum()).nonzero()[:, 0] for n, body in zip(counts, bodies, strict=True)]
            )
        self.told = (self._labels(sprites) == visible).all(dim=0) & visible.any(dim=0)

    def labels(self, sprites: torch.Tensor) -> torch.Tensor:
        """bool (N, 92); False where a label is not `told`."""
        return self._labels(sprites) & self.told

    def _labels(self, sprites: torch.Tensor) -> torch.Tensor:
        flat, size = sprites.flatten(1), len(PALETTE)
        found = torch.zeros(len(sprites), len(LABELS), dtype=torch.bool)
        for i, of_bodies in enumerate(self.marks):
            for marks in of_bodies:
                found[:, i] |= (flat[:, marks // size] == marks % size).all(dim=1)
        return found


def _share(found: torch.Tensor) -> float:
    return float(found.double().mean())

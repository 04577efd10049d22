"""Conditional fidelity: how well generated sprites match the requested labels.

Labels and skin tone determine every pixel of a punk, so errors can be counted exactly, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS


@dataclass(frozen=True)
class ConditionalScores:
    """Scores of generated sprites against their conditions; rates are fractions of the sprites."""

    num_samples: int
    """Number of sprites."""
    label_sets: int
    """Number of distinct sets of visible labels among the conditions."""
    label_exact_match: float
    """Rate at which the bundled classifier predicts exactly the visible labels of the condition."""
    label_exact_match_by_rules: float
    """Rate at which `PixelRules` predict exactly the visible labels, among the decidable ones."""
    pixel_exact_match: float
    """Rate of sprites that equal the ground-truth punk in every pixel."""
    wrong_pixels_median: float
    """Median number of pixels that differ from the ground-truth punk."""
    wrong_pixels_mean: float
    """Mean number of wrong pixels, see `wrong_pixels_median`."""


def conditional_scores(
    expected: torch.Tensor,
    predicted: torch.Tensor,
    rules: PixelRules,
    sprites: torch.Tensor,
    wrong_pixels: torch.Tensor,
) -> ConditionalScores:
    """Return the scores of generated sprites.

    Args:
        expected: Visible labels of the conditions, bool (N, 92).
        predicted: Labels predicted by the classifier, bool (N, 92).
        rules: Pixel rules of real punks.
        sprites: Generated sprites as palette indices, uint8 (N, 24, 24).
        wrong_pixels: Pixels that differ from the ground-truth punk, int64 (N,).
    """
    decidable = rules.decidable
    by_rules = rules.predict(sprites)
    return ConditionalScores(
        num_samples=len(expected),
        label_sets=len(torch.unique(expected, dim=0)),
        label_exact_match=_fraction((expected == predicted).all(dim=1)),
        label_exact_match_by_rules=_fraction((expected == by_rules)[:, decidable].all(dim=1)),
        pixel_exact_match=_fraction(wrong_pixels == 0),
        wrong_pixels_median=float(wrong_pixels.double().quantile(0.5)),
        wrong_pixels_mean=float(wrong_pixels.double().mean()),
    )


def recall_per_label(
    expected: torch.Tensor, predicted: torch.Tensor
) -> list[tuple[str, int, float]]:
    """Return each requested label with its number of sprites and its recall, the worst first.

    Args:
        expected: Visible labels of the conditions, bool (N, 92).
        predicted: Labels predicted by the classifier, bool (N, 92).
    """
    rows = [
        (label, int(expected[:, i].sum()), _fraction(predicted[expected[:, i], i]))
        for i, label in enumerate(LABELS)
        if expected[:, i].any()
    ]
    return sorted(rows, key=lambda row: (row[2], row[1]))


class PixelRules:
    """Rules that decide labels from pixels alone, without a network.

    The marks of a label are the pairs of position and color that all female, or all other, punks
    with this label have. A sprite has the label if it has all of these marks. A label is decidable
    if this rule is correct for all real punks.

    Args:
        sprites: All real punks as palette indices, uint8 (N, 24, 24).
        visible: Their visible labels, bool (N, 92).
    """

    decidable: torch.Tensor
    """Whether a label is decidable, bool (92,)."""

    def __init__(self, sprites: torch.Tensor, visible: torch.Tensor) -> None:
        pairs = sprites.flatten(1).long()
        pairs = pairs + torch.arange(pairs.shape[1]) * len(PALETTE)
        num_pairs = pairs.shape[1] * len(PALETTE)
        is_female = visible[:, LABELS.index("Female")]
        self.marks: list[list[torch.Tensor]] = []
        for has_label in visible.T:
            groups = [g for g in (has_label & is_female, has_label & ~is_female) if g.any()]
            counts = [torch.bincount(pairs[g].flatten(), minlength=num_pairs) for g in groups]
            self.marks.append(
                [(n == g.sum()).nonzero()[:, 0] for n, g in zip(counts, groups, strict=True)]
            )
        self.decidable = (self._match(sprites) == visible).all(dim=0) & visible.any(dim=0)

    def predict(self, sprites: torch.Tensor) -> torch.Tensor:
        """Return labels, bool (N, 92); False for labels that are not decidable."""
        return self._match(sprites) & self.decidable

    def _match(self, sprites: torch.Tensor) -> torch.Tensor:
        """Return whether sprites have all marks of each label, bool (N, 92)."""
        flat, num_colors = sprites.flatten(1), len(PALETTE)
        matches = torch.zeros(len(sprites), len(LABELS), dtype=torch.bool)
        for i, groups in enumerate(self.marks):
            for marks in groups:
                positions, colors = marks // num_colors, marks % num_colors
                matches[:, i] |= (flat[:, positions] == colors).all(dim=1)
        return matches


def _fraction(matches: torch.Tensor) -> float:
    return float(matches.double().mean())

"""Layout of a generator's condition vector, and its encoding from labels and skin tones.

`punkmodels.gan.label_conditions` builds conditions from the names in --type and --accessory and
from the punks of a split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from punkdata.traits import ACCESSORIES, LABELS, TYPES
from punkmodels.data.skin_tones import SKIN_TONE_COLORS

Conditional = Literal["none", "type", "labels"]


@dataclass(frozen=True)
class ConditionSpec:
    """Layout of a generator's condition vector.

    The entries are the 5 types; for `labels` the 87 accessories; with `split_female_accessories`
    the same 87 accessories again, set for female punks only, whose accessories have different
    sprites and a different z-order; and, with `skin_tone`, the 4 skin tones.
    """

    conditional: Conditional = "none"
    """Labels that the generator is conditioned on: none, the type, or type and accessories."""
    skin_tone: bool = False
    """Whether the generator is conditioned on the skin tone."""
    split_female_accessories: bool = True
    """Whether accessories of female punks have additional entries of their own."""

    @property
    def dim(self) -> int:
        """Dimension of the condition; 0 for an unconditional generator."""
        if self.conditional == "none":
            return 0
        copies = 1 + self.split_female_accessories if self.conditional == "labels" else 0
        return len(TYPES) + copies * len(ACCESSORIES) + self.skin_tone * len(SKIN_TONE_COLORS)

    def encode(self, labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        """Return the conditions of punks, float32 (N, dim).

        Args:
            labels: Labels of any dtype, (N, 92), 0 or 1.
            skin_tones: int64 (N,), 1 to 4, or 0 for punks without one.
        """
        num_types = len(TYPES)
        num_labels = {"none": 0, "type": num_types, "labels": len(LABELS)}[self.conditional]
        condition = labels[:, :num_labels].float()
        if self.conditional == "labels" and self.split_female_accessories:
            is_female = condition[:, TYPES.index("Female"), None]
            condition = torch.cat([condition, condition[:, num_types:] * is_female], dim=1)
        if self.skin_tone:
            numbers = torch.arange(1, len(SKIN_TONE_COLORS) + 1, device=skin_tones.device)
            one_hot = (skin_tones[:, None] == numbers).float()
            condition = torch.cat([condition, one_hot], dim=1)
        return condition

"""What a conditional generator is asked for: a type or all labels, and a skin. Pure.

A condition is a row of numbers, 1 for what is asked for and 0 for what is not: the 5 types; with
`labels` the 87 accessories and, `by_body`, once more the 87 of women, whose sprites are others and
lie in another order; and last, where it knows them, the 4 tones.
"""

from __future__ import annotations

from typing import Literal

import torch

from punkdata.traits import ACCESSORIES, LABELS, TYPES
from punkmodels.data.skin_tones import SKIN_TONE_COLORS

Conditional = Literal["none", "type", "labels"]


def condition_size(
    conditional: Conditional, *, skin_tone: bool, split_female_accessories: bool = True
) -> int:
    """Numbers of a condition; 0 for none."""
    if conditional == "none":
        return 0
    accessories = (
        len(ACCESSORIES) * (1 + split_female_accessories) if conditional == "labels" else 0
    )
    return len(TYPES) + accessories + skin_tone * len(SKIN_TONE_COLORS)


def conditions(
    labels: torch.Tensor,
    tones: torch.Tensor,
    conditional: Conditional,
    *,
    skin_tone: bool,
    split_female_accessories: bool = True,
) -> torch.Tensor:
    """float32 (N, `condition_size`).

    Args:
        labels: (N, 92), 0 or 1.
        tones: int64 (N,), 1 to 4, or 0 for none.
    """
    kinds = len(TYPES)
    known = labels[:, : {"none": 0, "type": kinds, "labels": len(LABELS)}[conditional]].float()
    if conditional == "labels" and split_female_accessories:
        is_female = known[:, TYPES.index("Female"), None]
        known = torch.cat([known, known[:, kinds:] * is_female], dim=1)
    if not skin_tone:
        return known
    numbers = torch.arange(1, len(SKIN_TONE_COLORS) + 1, device=tones.device)
    return torch.cat([known, (tones[:, None] == numbers).float()], dim=1)

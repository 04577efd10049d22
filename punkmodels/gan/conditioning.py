"""What a conditional generator is asked for: a type or all labels, and a skin. Pure.

A condition is a row of numbers, 1 for what is asked for and 0 for what is not: the 5 types; with
`labels` the 87 accessories and, `by_body`, once more the 87 of women, whose sprites are others and
lie in another order; and last, where it knows them, the 4 tones.
"""

from __future__ import annotations

from typing import Literal

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import ACCESSORIES, LABELS, TYPES

Conditional = Literal["none", "type", "labels"]
TONE_AT = (23, 9)
"""row and column of a pixel of the neck, which tells the skin tone"""
TONES = ((113, 63, 29), (174, 139, 97), (219, 177, 128), (234, 217, 217))
"""RGB of that pixel: tone 1, the darkest, to tone 4; only men and women have one"""


def condition_size(conditional: Conditional, *, tone: bool, by_body: bool = True) -> int:
    """Numbers of a condition; 0 for none."""
    if conditional == "none":
        return 0
    accessories = len(ACCESSORIES) * (1 + by_body) if conditional == "labels" else 0
    return len(TYPES) + accessories + tone * len(TONES)


def conditions(
    labels: torch.Tensor,
    tones: torch.Tensor,
    conditional: Conditional,
    *,
    tone: bool,
    by_body: bool = True,
) -> torch.Tensor:
    """float32 (N, `condition_size`).

    Args:
        labels: (N, 92), 0 or 1.
        tones: int64 (N,), 1 to 4, or 0 for none.
    """
    kinds = len(TYPES)
    known = labels[:, : {"none": 0, "type": kinds, "labels": len(LABELS)}[conditional]].float()
    if conditional == "labels" and by_body:
        is_female = known[:, TYPES.index("Female"), None]
        known = torch.cat([known, known[:, kinds:] * is_female], dim=1)
    if not tone:
        return known
    numbers = torch.arange(1, len(TONES) + 1, device=tones.device)
    return torch.cat([known, (tones[:, None] == numbers).float()], dim=1)


def tones_of(indices: torch.Tensor) -> torch.Tensor:
    """int64 (N,): the tones of sprites, palette indices uint8 (N, 24, 24); 0 where the neck has
    none of the four.
    """
    y, x = TONE_AT
    necks = torch.tensor(PALETTE)[indices[:, y, x].cpu().long()]
    is_tone = (necks[:, None] == torch.tensor([(*rgb, 255) for rgb in TONES])).all(dim=2)
    return torch.where(is_tone.any(dim=1), is_tone.int().argmax(dim=1) + 1, 0).to(indices.device)

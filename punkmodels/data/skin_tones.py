"""The four skin tones of humans, read from one pixel of the neck."""

from __future__ import annotations

import torch

from punkdata.images.palette import PALETTE

SKIN_TONE_PIXEL = (23, 9)
"""row and column of a pixel of the neck, which tells the skin tone"""


SKIN_TONE_COLORS = ((113, 63, 29), (174, 139, 97), (219, 177, 128), (234, 217, 217))
"""RGB of that pixel: tone 1, the darkest, to tone 4; only men and women have one"""


def detect_skin_tones(indices: torch.Tensor) -> torch.Tensor:
    """int64 (N,): the tones of sprites, palette indices uint8 (N, 24, 24); 0 where the neck has
    none of the four.
    """
    y, x = SKIN_TONE_PIXEL
    necks = torch.tensor(PALETTE)[indices[:, y, x].cpu().long()]
    is_tone = (necks[:, None] == torch.tensor([(*rgb, 255) for rgb in SKIN_TONE_COLORS])).all(dim=2)
    return torch.where(is_tone.any(dim=1), is_tone.int().argmax(dim=1) + 1, 0).to(indices.device)

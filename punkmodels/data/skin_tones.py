"""The four skin tones of Female and Male punks, recognized by the color of one neck pixel."""

from __future__ import annotations

import torch

from punkdata.images.palette import PALETTE

SKIN_TONE_PIXEL = (23, 9)
"""Row and column of a neck pixel, whose color identifies the skin tone."""

SKIN_TONE_COLORS = ((113, 63, 29), (174, 139, 97), (219, 177, 128), (234, 217, 217))
"""RGB colors of the skin tones 1 (darkest) to 4 at `SKIN_TONE_PIXEL`."""


def detect_skin_tones(indices: torch.Tensor) -> torch.Tensor:
    """Return the skin tone of each sprite, int64 (N,): 1 (darkest) to 4.

    It is 0 if the neck has none of these colors, as on Aliens, Apes and Zombies.
    """
    row, column = SKIN_TONE_PIXEL
    necks = torch.tensor(PALETTE)[indices[:, row, column].cpu().long()]
    colors = torch.tensor([(*rgb, 255) for rgb in SKIN_TONE_COLORS])
    matches = (necks[:, None] == colors).all(dim=2)
    tones = torch.where(matches.any(dim=1), matches.int().argmax(dim=1) + 1, 0)
    return tones.to(indices.device)

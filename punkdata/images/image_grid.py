"""Many sprites as one picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BACKGROUND = "#638596"
"""Larva Labs' own"""


def montage(
    sprites: NDArray[np.uint8], columns: int = 10, scale: int = 2, background: str = BACKGROUND
) -> Image.Image:
    """Sprites side by side, row by row.

    Args:
        sprites: uint8 (N, 24, 24, 4).
        columns: sprites in a row, of fewer if there are fewer.
        scale: picture pixels for each sprite pixel.
        background: any color that PIL understands.

    Returns:
        PIL RGB.
    """
    count, height, width = sprites.shape[:3]
    columns = min(columns, count) or 1
    blank = np.zeros((-count % columns, *sprites.shape[1:]), np.uint8)
    tiles = np.concatenate([sprites, blank]).reshape(-1, columns, height, width, 4)
    rows = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, 4)
    sheet = Image.new("RGBA", (columns * width, len(rows)), background)
    sheet.alpha_composite(Image.fromarray(np.ascontiguousarray(rows)))
    size = (sheet.width * scale, sheet.height * scale)
    return sheet.resize(size, Image.Resampling.NEAREST).convert("RGB")

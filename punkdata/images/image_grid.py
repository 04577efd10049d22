"""Composition of many sprites into one image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.images.sprite import BACKGROUND_COLOR


def montage(
    sprites: NDArray[np.uint8],
    columns: int = 10,
    scale: int = 2,
    background: str = BACKGROUND_COLOR,
) -> Image.Image:
    """Return an RGB image of sprites in a grid, row by row.

    Args:
        sprites: uint8 (N, 24, 24, 4), RGBA.
        columns: Sprites per row; with fewer sprites the row is shorter.
        scale: Image pixels per sprite pixel.
        background: Any color that Pillow understands.
    """
    count, height, width = sprites.shape[:3]
    columns = min(columns, count) or 1
    padding = np.zeros((-count % columns, *sprites.shape[1:]), np.uint8)
    tiles = np.concatenate([sprites, padding]).reshape(-1, columns, height, width, 4)
    rows = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, 4)
    grid = Image.new("RGBA", (columns * width, len(rows)), background)
    grid.alpha_composite(Image.fromarray(np.ascontiguousarray(rows)))
    size = (grid.width * scale, grid.height * scale)
    return grid.resize(size, Image.Resampling.NEAREST).convert("RGB")

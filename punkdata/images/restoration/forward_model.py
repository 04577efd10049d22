"""Forward model: how a sprite becomes an image by enlarging, resizing and compression.

An image is modeled as a 24x24 sprite that was enlarged to 336x336 by nearest-neighbor upscaling,
possibly resized once more by one of the usual filters, and then compressed. Up to the compression
every sample is a known linear combination of a few sprite pixels: each color plane of the image is
`rows @ sprite @ cols.T` plus errors.

Colors are in YCbCr: float (..., 3) of luma - 128, Cb and Cr as ITU-T T.871 (JFIF) defines them,
in units of one 8-bit step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.sprite import SIDE_PX

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Samples: TypeAlias = NDArray[np.floating[Any]]
"""Floating-point samples; float32 in large arrays, which halves the computing time."""

NUM_PIXELS = SIDE_PX * SIDE_PX
UPSCALED_PX = 336
"""Side of the nearest-neighbor enlargement that galleries and image hosts start from."""

FILTERS = [
    Resampling.LANCZOS,
    Resampling.BICUBIC,
    Resampling.BILINEAR,
    Resampling.HAMMING,
    Resampling.BOX,
    Resampling.NEAREST,
]

RGB_TO_YCBCR: Floats = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
YCBCR_TO_RGB: Floats = np.linalg.inv(RGB_TO_YCBCR).astype(np.float64)


def candidate_filters(side: int) -> list[Resampling]:
    """Return the filters that may have produced an image of this side."""
    return [Resampling.NEAREST] if side == UPSCALED_PX else FILTERS


@lru_cache(64)
def resize_matrix(side: int, resampling: Resampling) -> Samples:
    """Return the weight of each sprite row in each row of an image: float32 (side, 24)."""
    unit = np.repeat(np.eye(SIDE_PX, dtype=np.float32), UPSCALED_PX // SIDE_PX, axis=0)
    return np.asarray(Image.fromarray(unit).resize((SIDE_PX, side), resampling))


def render(rgb: Floats, side: int, resampling: Resampling) -> Image.Image:
    """Return the sprite enlarged to 336x336 and resized to `side`, exactly as Pillow does it.

    Pillow filters along the rows, rounds, and then filters along the columns. Filtering the 24 rows
    before they are repeated therefore gives the same image in half the time.
    """
    image = Image.fromarray(np.rint(rgb).clip(0, 255).astype(np.uint8))
    image = image.resize((UPSCALED_PX, SIDE_PX), Resampling.NEAREST)
    image = image.resize((side, SIDE_PX), resampling)
    image = image.resize((side, UPSCALED_PX), Resampling.NEAREST)
    return image.resize((side, side), resampling)


def render_planes(planes: Floats, side: int, resampling: Resampling) -> Samples:
    """Return color planes (n, 24, 24) as `render` enlarges them: float32 (n, side, side), 0 to 255.

    Matrix products are faster than `render`. In rare cases a sample differs by one, because
    Pillow's filter weights are fixed-point numbers of low precision.
    """
    matrix = resize_matrix(side, resampling)
    across = np.rint(planes.astype(np.float32)).clip(0, 255) @ matrix.T
    np.clip(np.rint(across, out=across), 0, 255, out=across)
    down: Samples = matrix @ across
    return np.clip(np.rint(down, out=down), 0, 255, out=down)


def ycbcr_to_rgb(ycbcr: Floats, matrix: Floats) -> Floats:
    """Return RGB colors (..., 3), clipped to 0 to 255, using the inverse color matrix (3, 3)."""
    rgb: Floats = np.clip(ycbcr @ matrix.T + 128, 0, 255)
    return rgb

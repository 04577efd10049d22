"""The colors of a sprite that an interpolating filter has enlarged without any blocks.

Bicubic, Lanczos and bilinear enlargement keep the color of a sprite pixel near its center, where
little is clipped at black and white. So the two samples next to each center determine the sprite.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.pictures.cells import Reading, make_reading
from punkdata.images.pictures.necks import Box
from punkdata.images.sprite import SIDE_PX

FILTERS = (Resampling.BICUBIC, Resampling.LANCZOS, Resampling.BILINEAR)
MIN_SCALE = 2.0
MAX_RESIDUAL = 12.0  # Root mean square difference, 0 to 255, of a picture and its reconstruction.
MAX_LINES = 120  # Number of rows and columns that are compared with the reconstruction.
NUM_STEPS = 5  # Corrections of the estimated sprite.
SD = 1.0  # Standard deviation of the error of a color; the filter rounds twice and clips.


def read_smooth(
    rgba: NDArray[np.uint8], fill: NDArray[np.uint8], *, is_lossy: bool
) -> Reading | None:
    """Return the colors of the sprite that fills a picture (side, side, 4), or None.

    `fill` is the color, (3,), that replaces transparency.
    """
    side = len(rgba)
    if side < MIN_SCALE * SIDE_PX:
        return None
    lines = np.arange(0, side, -(-side // MAX_LINES))
    sampled = _premultiply(rgba[lines][:, lines])
    best: tuple[float, NDArray[np.float32]] | None = None
    for resampling in FILTERS:
        matrix, rows, inverse = _solver(side, resampling)
        centers = _premultiply(rgba[rows][:, rows])
        sprite = np.zeros((SIDE_PX, SIDE_PX, 4), np.float32)
        for _ in range(NUM_STEPS):
            # The picture is clipped where the filter overshoots.
            missing = centers - _apply(matrix[rows], sprite).clip(0, 255)
            sprite = (sprite + _apply(inverse, missing)).clip(0, 255)
        error = _apply(matrix[lines], sprite).clip(0, 255) - sampled
        rms = float(np.sqrt((error**2).mean()))
        if best is None or rms < best[0]:
            best = rms, sprite
    if best is None or best[0] > MAX_RESIDUAL:
        return None
    colors, alpha = best[1][..., :3], best[1][..., 3:] / 255
    is_outside = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    sd = (2 if is_lossy else 1) * SD
    box = Box(0, 0, side / SIDE_PX)
    colors = (colors + (1 - alpha) * fill).astype(np.float32)
    return make_reading(colors, is_outside, sd, box)


def _premultiply(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return premultiplied RGB and alpha, 0 to 255, which filters mix linearly."""
    planes = rgba.astype(np.float32)
    planes[..., :3] *= planes[..., 3:] / 255
    return planes


def _apply(matrix: NDArray[np.float32], planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `matrix @ plane @ matrix.T` of each plane of an array (height, width, channels)."""
    product: NDArray[np.float32] = np.einsum(
        "ij,jkc,lk->ilc", matrix, planes, matrix, optimize=True
    )
    return product


@lru_cache(16)
def _solver(
    side: int, resampling: Resampling
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]:
    """Return the filter's weights, (side, 24), and the rows near centers with their inverse."""
    unit = Image.fromarray(np.eye(SIDE_PX, dtype=np.float32))
    matrix = np.asarray(unit.resize((SIDE_PX, side), resampling))
    centers = (np.arange(SIDE_PX) + 0.5) * side / SIDE_PX - 0.5
    rows = np.unique(np.concatenate([np.floor(centers), np.ceil(centers)]).astype(np.intp))
    return matrix, rows, np.linalg.pinv(matrix[rows])

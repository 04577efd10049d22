"""Exact inversion of nearest-neighbor upscaling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from punkdata.images.sprite import SIDE_PX, Sprite, zero_transparent

_MIN_UNEVEN_PX = 60
"""Smallest accepted side that is not a multiple of 24; below it, block borders are ambiguous."""
_INTERMEDIATE_PX = 336
"""Side of the enlargement that galleries use, and from which other sizes are often made."""


def undo_nearest_upscale(pixels: NDArray[np.uint8]) -> Sprite | None:
    """Return the sprite that nearest-neighbor upscaling turned into `pixels`, or None.

    `pixels` is uint8 (n, n, 4), RGBA. n need not be a multiple of 24: otherwise some rows and
    columns of the sprite are repeated once more than others.
    """
    small = _downscale(pixels)
    if small is None:
        # Transparent pixels may have different, invisible colors.
        small = _downscale(zero_transparent(pixels))
    if small is None:
        return None
    sprite = np.ascontiguousarray(small).view(np.uint8).reshape(SIDE_PX, SIDE_PX, 4)
    return zero_transparent(sprite)


def _downscale(pixels: NDArray[np.uint8]) -> NDArray[np.uint32] | None:
    """Return the (24, 24) packed pixels whose repetition gives the (n, n) pixels, or None."""
    # Comparing one integer per pixel is four times as fast as comparing RGBA.
    packed: NDArray[np.uint32] = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    side = len(packed)
    if side == SIDE_PX:
        return packed
    centers = ((np.arange(SIDE_PX) + 0.5) * side / SIDE_PX).astype(int)
    lines = packed[centers]
    small = lines[:, centers]
    if side % SIDE_PX == 0:
        rows = columns = np.arange(side) // (side // SIDE_PX)
    elif side < _MIN_UNEVEN_PX:
        return None
    else:
        rows = _source_lines(packed[:, centers], small)
        columns = _source_lines(lines.T, small.T)
    # The 24 center lines are compared first, because they are few.
    is_exact = (lines == small[:, columns]).all() and (packed == lines[rows]).all()
    return small if is_exact else None


def _source_lines(lines: NDArray[np.uint32], sprite: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Return the index of the sprite's line that each of n upscaled lines (n, 24) repeats.

    Image libraries place the border between two source lines differently, by up to one pixel of
    the image, or of an intermediate 336-pixel image. Lines within that distance of a border may
    therefore repeat either neighbor.
    """
    side = len(lines)
    position = (np.arange(side) + 0.5) * SIDE_PX / side
    source = position.astype(int)
    tolerance = (0.5 + max(1, side / _INTERMEDIATE_PX)) * SIDE_PX / side
    is_near_start = position - source < tolerance
    is_near_end = source + 1 - position < tolerance
    for step, is_near in ((-1, is_near_start), (1, is_near_end)):
        neighbor = (source + step).clip(0, SIDE_PX - 1)
        differs = (lines != sprite[source]).any(axis=1)
        is_neighbor = is_near & differs & (lines == sprite[neighbor]).all(axis=1)
        source = np.where(is_neighbor, neighbor, source)
    return source

"""Exact inversion of nearest-neighbor upscaling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from punkdata.images.sprite import SIDE_PX, zero_transparent

_MIN_UNEVEN_PX = 60
"""Smallest accepted side that is not a multiple of 24; below it, block borders are ambiguous."""
_INTERMEDIATE_PX = 336
"""Side of the enlargement that galleries use, and from which other sizes are often made."""


def undo_nearest_upscale(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the sprite that nearest-neighbor upscaling turned into `pixels`.

    Args:
        pixels: uint8 (n, n, 4), RGBA. n need not be a multiple of 24: otherwise some rows and
            columns of the sprite are repeated once more than others.

    Returns:
        uint8 (24, 24, 4), or None if the pixels are not an upscaled sprite.
    """
    packed = _pack_pixels(pixels)
    small = _downscale(packed)
    if small is None:
        # Transparent pixels may have different, invisible colors.
        small = _downscale(_pack_pixels(zero_transparent(pixels)))
    if small is None:
        return None
    sprite = np.ascontiguousarray(small).view(np.uint8).reshape(SIDE_PX, SIDE_PX, 4)
    return zero_transparent(sprite)


def _pack_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return one uint32 per pixel, (n, n); comparing integers is four times as fast as RGBA."""
    packed: NDArray[np.uint32] = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    return packed


def _downscale(pixels: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """Return the (24, 24) pixels whose repetition gives the (n, n) pixels, or None."""
    side = len(pixels)
    if side == SIDE_PX:
        return pixels
    centers = ((np.arange(SIDE_PX) + 0.5) * side / SIDE_PX).astype(int)
    lines = pixels[centers]
    small = lines[:, centers]
    if side % SIDE_PX == 0:
        rows = columns = np.arange(side) // (side // SIDE_PX)
    elif side < _MIN_UNEVEN_PX:
        return None
    else:
        rows = _source_lines(pixels[:, centers], small)
        columns = _source_lines(lines.T, small.T)
    # The 24 center lines are compared first, because they are few.
    is_exact = (lines == small[:, columns]).all() and (pixels == lines[rows]).all()
    return small if is_exact else None


def _source_lines(lines: NDArray[np.uint32], sprite: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Return the index of the sprite line that each of n upscaled lines repeats, intp (n,).

    Image libraries place the border between two source lines differently, by up to one pixel of
    the image, or of an intermediate 336-pixel image. Lines within that distance of a border may
    therefore repeat either neighbor.

    Args:
        lines: uint32 (n, 24), the upscaled rows or columns at the centers of the 24 blocks.
        sprite: uint32 (24, 24), the rows or columns of the sprite.
    """
    side = len(lines)
    position = (np.arange(side) + 0.5) * SIDE_PX / side
    source = position.astype(int)
    tolerance = (0.5 + max(1, side / _INTERMEDIATE_PX)) * SIDE_PX / side
    is_near_start = position - source < tolerance
    is_near_end = source + 1 - position < tolerance
    for step, is_near in ((-1, is_near_start), (1, is_near_end)):
        neighbor = (source + step).clip(0, SIDE_PX - 1)
        is_neighbor = (
            is_near & (lines != sprite[source]).any(1) & (lines == sprite[neighbor]).all(1)
        )
        source = np.where(is_neighbor, neighbor, source)
    return source

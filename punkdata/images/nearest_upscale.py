"""The sprite in an image that nearest-neighbor upscaling has enlarged, by any factor."""

import numpy as np
from numpy.typing import NDArray

from punkdata.images.restoration.forward_model import UPSCALED_PX
from punkdata.images.sprite import SIDE_PX, Sprite, zero_transparent

MIN_UNEVEN_PX = 60
"""Smallest accepted side that is not a multiple of 24; below it, block borders are ambiguous."""


def undo_nearest_upscale(pixels: NDArray[np.uint8]) -> Sprite | None:
    """Return the sprite that nearest-neighbor upscaling turned into RGBA `pixels`, or None."""
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
    elif side < MIN_UNEVEN_PX:
        return None
    else:
        rows = _source_lines(packed[:, centers], small)
        columns = _source_lines(lines.T, small.T)
    # The 24 center lines are compared first, because they are few.
    is_exact = (lines == small[:, columns]).all() and (packed == lines[rows]).all()
    return small if is_exact else None


def _source_lines(lines: NDArray[np.uint32], sprite: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Return the index of the sprite's line that each of n upscaled lines (n, 24) repeats.

    Lines near a border may repeat either neighbor, because image libraries place the border
    differently, by up to one pixel of the image or of an intermediate 336-pixel image.
    """
    side = len(lines)
    position = (np.arange(side) + 0.5) * SIDE_PX / side
    source = position.astype(int)
    tolerance = (0.5 + max(1, side / UPSCALED_PX)) * SIDE_PX / side
    is_near_start = position - source < tolerance
    is_near_end = source + 1 - position < tolerance
    for step, is_near in ((-1, is_near_start), (1, is_near_end)):
        neighbor = (source + step).clip(0, SIDE_PX - 1)
        differs = (lines != sprite[source]).any(axis=1)
        is_neighbor = is_near & differs & (lines == sprite[neighbor]).all(axis=1)
        source = np.where(is_neighbor, neighbor, source)
    return source

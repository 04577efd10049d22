"""The sprite in pixels that repeat it exactly. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIDE = 24
_MIN_UNEVEN_PX = 60
"""below, the borders between cells are not certain"""


def blank_transparent(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same (..., 4) pixels with red, green and blue zeroed wherever alpha is 0."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)


def exact_sprite(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The sprite that was enlarged to RGBA `pixels` by repeating rows and columns.

    Args:
        pixels: uint8 (n, n, 4). n need not be a multiple of 24: then some rows and columns are
            repeated once more than others.

    Returns:
        uint8 (24, 24, 4), or None where the pixels are anything else.
    """
    whole = _as_numbers(pixels)
    found = _uniform_cells(whole)
    if found is None:
        # Transparent pixels may differ in a color that nobody sees.
        found = _uniform_cells(_as_numbers(blank_transparent(pixels)))
    if found is None:
        return None
    sprite = np.ascontiguousarray(found).view(np.uint8).reshape(_SIDE, _SIDE, 4)
    return blank_transparent(sprite)


def _as_numbers(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A number for each pixel, because those compare four times faster: (n, n)."""
    numbers: NDArray[np.uint32] = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    return numbers


def _uniform_cells(whole: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """The (24, 24) numbers that repeat over the cells of (n, n), if they do."""
    side = len(whole)
    if side == _SIDE:
        return whole
    middle = ((np.arange(_SIDE) + 0.5) * side / _SIDE).astype(int)
    lines = whole[middle]
    small = lines[:, middle]
    if side % _SIDE == 0:
        rows = columns = np.arange(side) // (side // _SIDE)
    elif side < _MIN_UNEVEN_PX:
        return None
    else:
        rows, columns = _sources(whole[:, middle], small), _sources(lines.T, small.T)
    # First along the lines that differ, because these are few.
    return small if (lines == small[:, columns]).all() and (whole == lines[rows]).all() else None


def _sources(lines: NDArray[np.uint32], sprite: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Which of the 24 lines of a sprite each of n enlarged lines repeats: (n,).

    Programs place the border between two lines differently, by up to a pixel of the picture
    or of a 336-pixel one in between; nearer to it than that either neighbor may come.
    """
    side = len(lines)
    place = (np.arange(side) + 0.5) * _SIDE / side
    source = place.astype(int)
    reach = (0.5 + max(1, side / 336)) * _SIDE / side
    for step, near in ((-1, place - source < reach), (1, source + 1 - place < reach)):
        neighbor = (source + step).clip(0, _SIDE - 1)
        other = near & (lines != sprite[source]).any(1) & (lines == sprite[neighbor]).all(1)
        source = np.where(other, neighbor, source)
    return source

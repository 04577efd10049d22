"""Selection of the informative rows of an image, and least squares along one axis.

An image is a separable enlargement, so the same rows and the same solver serve for its columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from punkdata.images.restoration.forward_model import Floats, Indices, Samples, resize_matrix
from punkdata.images.sprite import SIDE_PX

_LARGE_BLOCK_PX = 13
"""Side of a block, in pixels, above which the rows near its border are ignored."""
_BORDER_PX = 4
"""Distance to the border of a block, in pixels, up to which a row counts as near."""
_BORDER_WEIGHT = 0.03
"""Weight of rows near the border of a block, relative to inner rows."""


def is_large(side: int) -> bool:
    """Return True if blocks are so large that rows near their borders can be ignored."""
    return side / SIDE_PX > _LARGE_BLOCK_PX


@lru_cache(32)
def _distance_to_border(side: int) -> Floats:
    """Return the distance of each row's center to the border of its block, in pixels: (side,)."""
    block_px = side / SIDE_PX
    position = (np.arange(side) + 0.5) / block_px % 1
    distance: Floats = np.minimum(position, 1 - position) * block_px
    return distance


@lru_cache(32)
def sampled_rows(side: int) -> Indices:
    """Return the indices of the rows, and columns, that are used; in large images, a subset."""
    if not is_large(side):
        return np.arange(side)
    return np.flatnonzero(_distance_to_border(side) > _BORDER_PX)[:: max(1, side // 400)]


@lru_cache(32)
def inner_rows(side: int) -> Indices:
    """Return the sampled rows that are not near the border of a block."""
    rows = sampled_rows(side)
    limit = min(float(_BORDER_PX), 0.3 * side / SIDE_PX)
    return rows[_distance_to_border(side)[rows] > limit]


@dataclass(frozen=True)
class Solver:
    """Weighted least squares along one axis, for n sampled rows."""

    inverse: Samples
    """Matrix from sampled rows to sprite rows, (24, n)."""
    normal: Samples
    """Normal matrix, (24, 24)."""
    noise_gain: float
    """Standard deviation of a solved sprite pixel if rows have independent errors of 1."""


@lru_cache(32)
def least_squares_solver(side: int, filter_name: str) -> Solver:
    """Return the solver for an image of this side that was resized by this filter."""
    rows = sampled_rows(side)
    weight = np.where(np.isin(rows, inner_rows(side)), 1, _BORDER_WEIGHT)
    resize = resize_matrix(side, filter_name)[rows].astype(np.float64)
    normal = resize.T * weight @ resize
    covariance = np.linalg.inv(normal)
    inverse = covariance @ resize.T * weight
    noise_gain = float(np.diag(covariance).mean())
    return Solver(inverse.astype(np.float32), normal.astype(np.float32), noise_gain)

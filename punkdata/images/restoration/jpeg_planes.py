"""Linear models of a JPEG's color planes: from sprite pixels to weighted DCT coefficients.

Incomplete blocks of samples are padded by repeating the last row and column, as encoders do.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL.Image import Resampling

from punkdata.images.restoration.forward_model import NUM_PIXELS, Samples, resize_matrix
from punkdata.images.sprite import SIDE_PX

_K = np.arange(8)
_DCT = (np.cos((2 * _K + 1) * _K[:, None] * np.pi / 16) / 2).astype(np.float32)
_DCT[0] *= np.float32(np.sqrt(0.5))
"""Orthonormal 8-point DCT-II: float32 (frequency, position)."""


def block_dct(plane: Samples) -> Samples:
    """Return the two-dimensional DCT of every 8x8 block of a plane."""
    rows = _pad(plane, 8, axis=1).reshape(-1, 8) @ _DCT.T
    return column_dct(rows.reshape(len(plane), -1))


def column_dct(rows: Samples) -> Samples:
    """Return the one-dimensional DCT, along the columns, of every 8 rows."""
    rows = _pad(rows, 8)
    blocks: Samples = _DCT @ rows.reshape(-1, 8, rows.shape[1])
    return blocks.reshape(rows.shape)


def subsample(plane: Samples, axis: int = 0) -> Samples:
    """Return the mean of each pair of rows (axis 0) or columns (axis 1)."""
    plane = _pad(plane, 2, axis)
    means: Samples = plane[0::2] + plane[1::2] if axis == 0 else plane[:, 0::2] + plane[:, 1::2]
    means *= np.float32(0.5)
    return means


def _pad(plane: Samples, multiple: int, axis: int = 0) -> Samples:
    """Repeat the last row (axis 0) or column (axis 1) until there is a multiple of them."""
    num_missing = -plane.shape[axis] % multiple
    if not num_missing:
        return plane
    return np.concatenate([plane, plane.take([-1] * num_missing, axis)], axis)


@lru_cache(64)
def stored_coefficients_matrix(side: int, factor: int) -> Samples:
    """Return the matrix from `side` decoded samples to the DCT of the stored samples.

    The stored samples are subsampled by `factor`, 1 or 2. For 2, the matrix inverts libjpeg's
    "fancy upsampling": each new sample is 3/4 of the nearer and 1/4 of the farther stored sample.
    """
    if factor == 1:
        return column_dct(np.eye(side, dtype=np.float32))
    stored = np.eye((side + 1) // 2)
    nearer = np.arange(side) // 2
    farther = (nearer + np.resize([-1, 1], side)).clip(0, len(stored) - 1)
    upsampling = 0.75 * stored[nearer] + 0.25 * stored[farther]
    return column_dct(np.linalg.pinv(upsampling).astype(np.float32))


class PlaneModel(NamedTuple):
    """Linear model of one color plane: coefficients = rows (n, 24) @ sprite @ cols.T (24, m).

    `precision` (576, 576) is the precision matrix of the sprite's pixels.
    """

    rows: Samples
    cols: Samples
    precision: Samples
    covariance: Samples


@lru_cache(32)
def plane_model(
    side: int, resampling: Resampling, subsampling: tuple[int, int], steps: tuple[int, ...]
) -> PlaneModel:
    """Return the model of one plane, with its vertical and horizontal subsampling, each 1 or 2."""
    resize = resize_matrix(side, resampling)
    rows, cols = (column_dct(subsample(resize) if f == 2 else resize) for f in subsampling)
    weight = np.reshape(coefficient_weights(steps), (8, 8))
    # The weights repeat in every block, so the normal equations are a sum of 64 Kronecker products.
    r, c = (a.astype(np.float64).reshape(-1, 8, SIDE_PX) for a in (rows, cols))
    row_products = np.einsum("buk,bul->ukl", r, r, optimize=True)
    col_products = np.einsum("bvk,bvl->vkl", c, c, optimize=True)
    weighted = np.einsum("uv,ukl->vkl", weight, row_products)
    precision = np.einsum("vik,vjl->ijkl", weighted, col_products, optimize=True)
    precision = precision.reshape(NUM_PIXELS, NUM_PIXELS)
    ridge = 1e-9 * np.trace(precision) * np.eye(NUM_PIXELS)
    covariance = np.linalg.inv(precision + ridge)
    return PlaneModel(rows, cols, precision.astype(np.float32), covariance.astype(np.float32))


def coefficient_weights(steps: tuple[int, ...]) -> tuple[float, ...]:
    """Return the weights of the 64 coefficients: 1 / the variance of their errors.

    There are two uniform errors: rounding to multiples of the step has the variance step²/12, and
    rounding the samples to integers before has the variance 1/12.
    """
    step = np.array(steps, np.float64)
    return tuple((12 / (step * step + 1)).reshape(-1))


@lru_cache(32)
def horizontal_basis(
    side: int, resampling: Resampling, steps: tuple[int, ...]
) -> tuple[Samples, Samples]:
    """Return an orthonormal basis (n, 24) of the coefficients of vertical frequency 0.

    It contains those that sprites can produce, multiplied by the roots of their weights (n,),
    which are returned first.
    """
    cols = column_dct(resize_matrix(side, resampling))
    roots = np.tile(np.sqrt(coefficient_weights(steps)[:8]), len(cols) // 8).astype(np.float32)
    return roots, np.linalg.qr(roots[:, None] * cols)[0]


@lru_cache(32)
def tile_blocks(block: tuple[float, ...], shape: tuple[int, int]) -> Samples:
    """Return a plane of coefficients in which 64 values repeat in every block."""
    return np.tile(np.reshape(block, (8, 8)), (shape[0] // 8, shape[1] // 8)).astype(np.float32)

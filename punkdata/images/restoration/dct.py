"""The linear steps of JPEG compression: chroma subsampling and the 8x8 discrete cosine transform.

All functions work on planes of float32 samples. Incomplete blocks are padded by repeating the last
row and column, as encoders do.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from punkdata.images.restoration.forward_model import Samples

_K = np.arange(8)
_DCT = (np.cos((2 * _K + 1) * _K[:, None] * np.pi / 16) / 2).astype(np.float32)
_DCT[0] *= np.float32(np.sqrt(0.5))
"""Orthonormal 8-point DCT-II: float32 (frequency, position)."""


def block_dct(plane: Samples) -> Samples:
    """Return the two-dimensional DCT of every 8x8 block of a plane."""
    rows = _pad(plane, 0, -plane.shape[1] % 8).reshape(-1, 8) @ _DCT.T
    return column_dct(rows.reshape(len(plane), -1))


def column_dct(rows: Samples) -> Samples:
    """Return the one-dimensional DCT, along the columns, of every 8 rows."""
    rows = _pad(rows, -len(rows) % 8, 0)
    blocks: Samples = _DCT @ rows.reshape(-1, 8, rows.shape[1])
    return blocks.reshape(rows.shape)


def subsample(plane: Samples, axis: int = 0) -> Samples:
    """Return the mean of each pair of rows (axis 0) or columns (axis 1)."""
    missing = plane.shape[axis] % 2
    plane = _pad(plane, missing * (1 - axis), missing * axis)
    pairs = (plane[0::2], plane[1::2]) if axis == 0 else (plane[:, 0::2], plane[:, 1::2])
    means: Samples = pairs[0] + pairs[1]
    means *= np.float32(0.5)
    return means


@lru_cache(64)
def stored_coefficients_matrix(side: int, factor: int) -> Samples:
    """Return the matrix that maps decoded samples to the DCT of the stored, subsampled samples.

    Args:
        side: Number of decoded samples.
        factor: Subsampling factor, 1 or 2.

    Returns:
        float32 (n, side), where n is the number of stored samples, padded to a multiple of 8.
    """
    inverse = _chroma_upsampling_inverse(side) if factor == 2 else np.eye(side, dtype=np.float32)
    return column_dct(inverse)


def _chroma_upsampling_inverse(side: int) -> Samples:
    """Return the pseudoinverse of the triangle filter with which decoders upsample chroma.

    The filter is libjpeg's "fancy upsampling": each new sample is 3/4 of the nearer and 1/4 of the
    farther stored sample. The result has the shape (half the side, side).
    """
    half = (side + 1) // 2
    i = np.arange(half)
    upsampling = np.zeros((2 * half, half))
    np.add.at(upsampling, (2 * i, i), 0.75)
    np.add.at(upsampling, (2 * i, np.maximum(i - 1, 0)), 0.25)
    np.add.at(upsampling, (2 * i + 1, i), 0.75)
    np.add.at(upsampling, (2 * i + 1, np.minimum(i + 1, half - 1)), 0.25)
    return np.linalg.pinv(upsampling[:side]).astype(np.float32)


def _pad(plane: Samples, down: int, across: int) -> Samples:
    """Return the plane with its last row and column repeated `down` and `across` times."""
    if not (down or across):
        return plane
    height, width = plane.shape
    padded = np.empty((height + down, width + across), plane.dtype)
    padded[:height, :width] = plane
    padded[:height, width:] = plane[:, -1:]
    padded[height:] = padded[height - 1]
    return padded

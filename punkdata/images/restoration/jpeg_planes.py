"""Linear models of a JPEG's color planes: from sprite pixels to weighted DCT coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from punkdata.images.restoration.dct import column_dct, subsample
from punkdata.images.restoration.forward_model import NUM_PIXELS, Samples, resize_matrix
from punkdata.images.sprite import SIDE_PX


@dataclass(frozen=True)
class PlaneModel:
    """Linear model of one color plane: coefficients = rows @ sprite @ cols.T, each weighted."""

    rows: Samples
    """Matrix from sprite rows to rows of coefficients, (n, 24)."""
    cols: Samples
    """Matrix from sprite columns to columns of coefficients, (m, 24)."""
    precision: Samples
    """Precision matrix of the sprite's pixels, (576, 576)."""
    covariance: Samples
    """Covariance matrix of the sprite's pixels, the inverse of `precision`, (576, 576)."""

    def project(self, weighted: Samples) -> Samples:
        """Return the information vector (576,) from coefficients multiplied by their weights."""
        information: Samples = self.rows.T @ weighted @ self.cols
        return information.reshape(-1)


@lru_cache(32)
def plane_model(
    side: int, filter_name: str, subsampling: tuple[int, int], steps: tuple[int, ...]
) -> PlaneModel:
    """Return the model of one plane.

    Args:
        side: Side of the image, in pixels.
        filter_name: Resampling filter.
        subsampling: Vertical and horizontal factor, each 1 or 2.
        steps: The 64 quantization steps, row by row.
    """
    resize = resize_matrix(side, filter_name)
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
    return PlaneModel(
        rows,
        cols,
        precision.astype(np.float32),
        np.linalg.inv(precision + ridge).astype(np.float32),
    )


def coefficient_weights(steps: tuple[int, ...]) -> tuple[float, ...]:
    """Return the weights of the 64 coefficients: 1 / the variance of their errors.

    There are two uniform errors: rounding to multiples of the step has the variance step²/12, and
    rounding the samples to integers before has the variance 1/12.
    """
    step = np.array(steps, np.float64)
    return tuple((12 / (step * step + 1)).reshape(-1))


@lru_cache(32)
def horizontal_basis(
    side: int, filter_name: str, steps: tuple[int, ...]
) -> tuple[Samples, Samples]:
    """Return a basis of the coefficients of vertical frequency 0 that sprites can produce.

    Returns:
        The square roots of the coefficients' weights (n,), and an orthonormal basis (n, 24) of the
        weighted coefficients.
    """
    cols = column_dct(resize_matrix(side, filter_name))
    roots = np.tile(np.sqrt(coefficient_weights(steps)[:8]), len(cols) // 8).astype(np.float32)
    return roots, np.linalg.qr(roots[:, None] * cols)[0]


@lru_cache(32)
def tile_blocks(block: tuple[float, ...], shape: tuple[int, int]) -> Samples:
    """Return a plane of coefficients in which 64 values repeat in every block."""
    return np.tile(np.reshape(block, (8, 8)), (shape[0] // 8, shape[1] // 8)).astype(np.float32)

"""Likelihood of an image from its decoded pixels, in formats whose errors must be measured.

The residual of a least-squares fit gives the size of the errors. Rows near the borders of blocks
have little weight, because resizing and chroma subsampling blur them.
"""

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.avif import read_base_q_idx
from punkdata.images.restoration.forward_model import (
    NUM_PIXELS,
    RGB_TO_YCBCR,
    YCBCR_TO_RGB,
    Floats,
    GaussianLikelihood,
    Indices,
    Samples,
    candidate_filters,
    render,
    resize_matrix,
)
from punkdata.images.sprite import SIDE_PX

WEBP_QUALITIES = (80, 75, 90, 85, 95, 70, 60)  # The most common first.
MAX_REENCODED_PX = 640  # Side above which encoding a WebP again would be slow.
SINGLE_MATCH_ODDS = 0.5
"""Odds of the alternatives below which the first candidate is accepted if it encodes to the same
pixels, without trying the others: two sprites hardly ever encode to the same pixels."""
MIN_RESIDUAL_ROWS = 120  # Approximate number from which the size of the errors is measured.
USUAL_Q_IDX = 32  # `base_q_idx` of AVIFs of quality 90, for which the error sizes below hold.
ERROR_CORRELATION = 3.0  # Actual error of a block's mean, relative to independent pixel errors.
LARGE_BLOCK_PX = 13  # Side of a block above which the rows near its border are ignored.
BORDER_PX = 4  # Distance to the border of a block up to which a row counts as near.
BORDER_WEIGHT = 0.03  # Weight of rows near the border of a block, relative to inner rows.

_LIMITED_RANGE = np.array([219 / 255, 224 / 255, 224 / 255])
"""Scale of the video range, which WebP stores: luma from 16 to 235, chroma from 16 to 240."""
_LIMITED_BLACK = 16 - 128 * (1 - _LIMITED_RANGE[0])


class _ErrorModel(NamedTuple):
    """Standard deviations of a format's errors, in YCbCr steps, chosen as README.md explains.

    `block_sd` is the error of a sprite pixel in addition to the measured error; the others are
    those of `GaussianLikelihood`. Below `min_block_px` image pixels per sprite pixel, errors grow.
    """

    min_block_px: float
    block_sd: tuple[float, float, float]
    color_offset_sd: tuple[float, float, float]
    outlier_sd: tuple[float, float]


_ERROR_MODELS = {
    "WEBP": _ErrorModel(16, (0.3, 0.3, 0.3), (0.4, 0.4, 0.4), (0.8, 0.9)),
    "AVIF": _ErrorModel(14, (0.15, 0.3, 0.3), (0.3, 0.5, 0.7), (0.3, 0.45)),
}
_OTHER_ERROR_MODEL = _ErrorModel(14, (0.3, 0.3, 0.3), (0.5, 0.5, 0.5), (0.8, 0.9))
_USUAL_WEBP_DEVIATION = (0.8, 0.6)
"""Usual deviation of a WebP's colors from the palette: root mean square over the colors, in luma
and chroma. A larger one indicates a low quality, which residuals within blocks do not show."""


class PixelObservation:
    """Decoded pixels as an observation of a sprite; implements the `Observation` protocol."""

    rerender_odds: float = 0.01

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        image_format: str | None,
        file: bytes,
        was_transparent: bool = False,
    ) -> None:
        """Fit the sprite by least squares, with the best-fitting resampling filter.

        `pixels` are RGB (side, side, 3), decoded from the bytes in `file`, and composited onto a
        background if they were transparent.
        """
        self._file, self._pixels, self._side = file, pixels, len(pixels)
        self._is_webp = image_format == "WEBP"
        is_small = self._side <= MAX_REENCODED_PX
        self._can_reencode = self._is_webp and is_small and not was_transparent
        rows, _ = _sample_rows(self._side)
        self._range = _LIMITED_RANGE if self._is_webp else np.ones(3)
        self._matrix = RGB_TO_YCBCR * self._range[:, None]
        samples = pixels[rows].astype(np.float32)
        samples -= 128
        self._luma: Samples = (samples @ RGB_TO_YCBCR[0].astype(np.float32))[:, rows]
        filters = candidate_filters(self._side)
        # In a large image the filters differ only near the borders of blocks, which are ignored.
        is_large = self._side > LARGE_BLOCK_PX * SIDE_PX
        self._filter = filters[0] if is_large else max(filters, key=self._explained_energy)
        inverse, _, self._noise_gain = _least_squares_solver(self._side, self._filter)
        down = (inverse @ samples.reshape(len(rows), -1)).reshape(SIDE_PX, self._side, 3)
        self._solution: Samples = np.moveaxis(inverse @ down[:, rows], -1, 0)
        """RGB - 128 of the least-squares sprite, (3, 24, 24)."""
        self._model = _ERROR_MODELS.get(image_format or "", _OTHER_ERROR_MODEL)
        min_side = self._model.min_block_px * SIDE_PX
        self._error_scale = max(1.0, min_side / self._side) ** 2
        self._deviation_scale = 1.0
        # Chroma subsampling adds errors to small images, up to a third larger than those above.
        self._chroma_scale = max(1.0, 1.33 * min_side / self._side) ** 3
        if image_format == "AVIF":
            # Up to an index of 100, the step is nearly proportional to it (AV1 specification,
            # section 7.12.2). Errors grow more slowly, because more coefficients become 0.
            q_idx = read_base_q_idx(file)
            self._error_scale *= max(1.0, (q_idx + 7) / (USUAL_Q_IDX + 7)) ** 0.8
        if was_transparent:
            self._error_scale *= 1.2
            self._chroma_scale *= 3

    def least_squares_estimate(self) -> Samples:
        ycbcr = np.moveaxis(self._solution, 0, -1).reshape(NUM_PIXELS, 3) @ self._matrix.T
        return ycbcr.astype(np.float32)

    def likelihood(self) -> GaussianLikelihood:
        residual_variance, model = self._residual_variance(), self._model
        scale = self._error_scale * self._deviation_scale
        if model is _OTHER_ERROR_MODEL:
            # A lossless file may contain errors of an earlier compression, as the residual shows.
            scale *= float(np.sqrt(residual_variance[0]).clip(0.2, 1))
        variance = (ERROR_CORRELATION * self._noise_gain) ** 2 * residual_variance
        variance += (scale * np.array(model.block_sd)) ** 2
        precision = 1 / np.array([variance[0], *[variance[1:].max()] * 2])
        luma, chroma = (np.full(NUM_PIXELS, p, np.float32) for p in precision[:2])
        return GaussianLikelihood(
            luma,
            chroma,
            (self.least_squares_estimate() * precision).astype(np.float32),
            tuple(scale * sd for sd in model.color_offset_sd),
            (scale * model.outlier_sd[0], self._chroma_scale * scale * model.outlier_sd[1]),
        )

    def likelihood_near(self, rgb: Floats) -> GaussianLikelihood | None:
        """Return a less precise likelihood if colors deviate from the palette more than usual."""
        flat = rgb.reshape(NUM_PIXELS, 3)
        _, color_of = np.unique(flat @ (65536, 256, 1), return_inverse=True)
        colors = np.arange(color_of.max() + 1)
        if not self._is_webp or len(colors) < 3:
            return None
        deviation = self.least_squares_estimate() - self.to_ycbcr(flat)
        membership = color_of == colors[:, None]
        means = membership @ deviation / membership.sum(axis=1, keepdims=True)
        is_foreground = color_of[0] != colors  # Pixel 0 shows the background.
        mean_squares = (means[is_foreground] ** 2).mean(axis=0)
        rms = np.sqrt([mean_squares[0], mean_squares[1:].mean()])
        scale = float((rms / _USUAL_WEBP_DEVIATION).max()) ** 4
        if scale <= self._deviation_scale:
            return None
        self._deviation_scale = scale
        return self.likelihood()

    def worst_block_residual(self, rgb: Floats) -> float:
        sampled, inner = _sample_rows(self._side)
        resize = resize_matrix(self._side, self._filter)[inner]
        sprite = ((rgb - 128) @ RGB_TO_YCBCR[0]).astype(np.float32)
        in_luma = np.searchsorted(sampled, inner)
        residual = self._luma[in_luma][:, in_luma] - resize @ sprite @ resize.T
        block = inner * SIDE_PX // self._side
        is_in_block = (block == np.arange(SIDE_PX)[:, None]).astype(np.float32)
        average = is_in_block / is_in_block.sum(axis=1, keepdims=True)
        return float(np.sqrt((average @ residual**2 @ average.T).max()))

    def find_unique_match(self, candidates: Sequence[Floats], odds: float) -> int | None:
        """Encode the candidates as WebP again, with common settings, and compare all pixels."""
        if not self._can_reencode:
            return None
        for quality in WEBP_QUALITIES:
            for resampling in candidate_filters(self._side):
                first = self._mismatch(candidates[0], resampling, quality)
                if first is None:
                    break  # The file size indicates another quality, whatever the filter.
                if first > 0.1:
                    continue  # The whole image differs, so another filter was used.
                if first == 0 and odds < SINGLE_MATCH_ODDS:
                    return 0
                others = (self._mismatch(rgb, resampling, quality) for rgb in candidates[1:])
                matches = [i for i, fraction in enumerate([first, *others]) if fraction == 0]
                if matches:
                    return matches[0] if len(matches) == 1 else None
        return None

    def _mismatch(self, rgb: Floats, resampling: Resampling, quality: int) -> float | None:
        """Return the fraction of samples that differ when a sprite is encoded; None if sizes do."""
        file = io.BytesIO()
        render(rgb, self._side, resampling).save(file, "WEBP", quality=quality)
        if abs(file.tell() - len(self._file)) > 100 + 0.05 * len(self._file):
            return None
        if file.getvalue() == self._file:
            return 0.0
        with Image.open(file) as encoded:
            return float((np.asarray(encoded.convert("RGB")) != self._pixels).mean())

    def to_ycbcr(self, rgb: Floats) -> Floats:
        ycbcr: Floats = (rgb - 128) @ self._matrix.T
        if self._is_webp:
            ycbcr[..., 0] = np.rint(ycbcr[..., 0] + _LIMITED_BLACK) - _LIMITED_BLACK
            ycbcr[..., 1:] = np.rint(ycbcr[..., 1:])
        return ycbcr

    def to_rgb(self, ycbcr: Floats) -> Floats:
        return np.clip(ycbcr @ (YCBCR_TO_RGB / self._range).T + 128, 0, 255)

    def _explained_energy(self, resampling: Resampling) -> float:
        """Return the weighted sum of squares of luma that the least-squares sprite explains."""
        inverse, normal, _ = _least_squares_solver(self._side, resampling)
        solution = inverse @ self._luma @ inverse.T
        return float(np.vdot(solution, normal @ solution @ normal))

    def _residual_variance(self) -> Floats:
        """Return the variance of the least-squares residual inside blocks, in YCbCr: (3,)."""
        _, rows = _sample_rows(self._side)
        rows = rows[:: 1 + len(rows) // MIN_RESIDUAL_ROWS]
        resize = resize_matrix(self._side, self._filter)[rows]
        pixels = np.moveaxis(self._pixels[rows][:, rows], -1, 0).astype(np.float32) - 128
        residual = (pixels - resize @ self._solution @ resize.T).reshape(3, -1)
        covariance = residual @ residual.T / residual.shape[1]
        variance: Floats = (self._matrix @ covariance * self._matrix).sum(axis=1)
        return variance


@lru_cache(32)
def _sample_rows(side: int) -> tuple[Indices, Indices]:
    """Return the rows and columns that are used, and those of them that are not near a border."""
    block_px = side / SIDE_PX
    position = (np.arange(side) + 0.5) / block_px % 1
    distance_px = np.minimum(position, 1 - position) * block_px
    rows: Indices = np.arange(side)
    if block_px > LARGE_BLOCK_PX:
        rows = np.flatnonzero(distance_px > BORDER_PX)[:: max(1, side // 400)]
    return rows, rows[distance_px[rows] > min(BORDER_PX, 0.3 * block_px)]


@lru_cache(32)
def _least_squares_solver(side: int, resampling: Resampling) -> tuple[Samples, Samples, float]:
    """Return the solution of weighted least squares along one axis, for n sampled rows.

    It consists of the matrix (24, n) from sampled rows to sprite rows, the normal matrix (24, 24),
    and the standard deviation of a solved pixel if rows have independent errors of 1.
    """
    rows, inner = _sample_rows(side)
    weight = np.where(np.isin(rows, inner), 1, BORDER_WEIGHT)
    resize = resize_matrix(side, resampling)[rows].astype(np.float64)
    normal = resize.T * weight @ resize
    covariance = np.linalg.inv(normal)
    inverse = covariance @ resize.T * weight
    noise_gain = float(np.diag(covariance).mean())
    return inverse.astype(np.float32), normal.astype(np.float32), noise_gain

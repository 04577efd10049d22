"""Likelihood of a JPEG image: its DCT coefficients, each known to within half a quantization step.

The decoded planes are transformed back to the quantized coefficients (ITU-T T.81), and the
coefficients that a sprite would produce are compared with them one by one. There the errors are
nearly independent and of known size; in the pixels they are neither.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.formats import load_pixels
from punkdata.images.restoration.forward_model import (
    NUM_PIXELS,
    RGB_TO_YCBCR,
    UPSCALED_PX,
    YCBCR_TO_RGB,
    Floats,
    GaussianLikelihood,
    Samples,
    candidate_filters,
    render_planes,
)
from punkdata.images.restoration.jpeg_planes import (
    PlaneModel,
    block_dct,
    coefficient_weights,
    horizontal_basis,
    plane_model,
    stored_coefficients_matrix,
    subsample,
    tile_blocks,
)

COLOR_OFFSET_SD = OUTLIER_SD = 0.3  # For images with the expected misfit.
EXPECTED_MISFIT = 0.2
"""Expected misfit of a correctly modeled image: the mean squared residual of the coefficients,
relative to their error variance. It is far below 1, because most coefficients are 0 before they
are quantized."""
UNUSUAL_MISFIT = 0.25
"""Misfit from which an image was probably resized twice, by an unknown filter, or recompressed."""
OVERSHOOT_FACTORS = {Resampling.LANCZOS: 0.62, Resampling.BICUBIC: 0.85}
"""Factors that correct the misfit of filters whose overshoot is clipped at black and white."""
MIN_LOG_ODDS = 7.0  # Minimum of a unique match against the second best candidate.
_COLOR_MATRIX = RGB_TO_YCBCR.astype(np.float32)


def is_supported(image: Image.Image) -> bool:
    """Return True for a JPEG in YCbCr with common chroma subsampling, as nearly all JPEGs are."""
    if image.format != "JPEG" or image.mode != "RGB" or image.info.get("adobe_transform") == 0:
        return False
    layers = image.layer  # type: ignore[attr-defined]
    tables = image.quantization  # type: ignore[attr-defined]
    factors = [tuple(layer[1:3]) for layer in layers]
    return (
        factors[0] in {(1, 1), (2, 1), (1, 2), (2, 2)}
        and factors[1:] == [(1, 1)] * 2
        and layers[1][3] == layers[2][3]
        and all(layer[3] in tables and min(tables[layer[3]]) > 0 for layer in layers)
    )


class JpegObservation:
    """A JPEG as an observation of a sprite; implements the `Observation` protocol."""

    rerender_odds: float = 0.002

    def __init__(self, image: Image.Image) -> None:
        """Decode an opened JPEG that `is_supported`, and find the filters that fit it best."""
        layers = image.layer  # type: ignore[attr-defined]
        tables = image.quantization  # type: ignore[attr-defined]
        self._side = image.width
        factors = layers[0][2], layers[0][1]
        # Luma, Cb and Cr have the same number of samples only after decoding.
        self._subsampling = (1, 1), factors, factors
        self._steps = [tuple(int(step) for step in tables[layer[3]]) for layer in layers]
        image.draft("YCbCr", image.size)
        planes = load_pixels(image).split()
        self._coefficients = [
            self._quantized_coefficients(np.asarray(plane), c) for c, plane in enumerate(planes)
        ]
        self._weights = [
            tile_blocks(coefficient_weights(steps), y.shape)
            for steps, y in zip(self._steps, self._coefficients, strict=True)
        ]
        # Clipping at black and white is not linear, so the second best filter may be the true one.
        self._filters = sorted(candidate_filters(self._side), key=self._filter_misfit)[:2]
        self._is_first_comparison = True
        self._last_comparison: tuple[Floats | None, Samples] = None, np.empty(0)
        self._information = self._information_vector(self._coefficients, self._filters[0])

    def least_squares_estimate(self) -> Samples:
        luma, chroma, _ = self._plane_models(self._filters[0])
        return _multiply_planes(luma.covariance, chroma.covariance, self._information)

    def likelihood(self) -> GaussianLikelihood:
        return _likelihood(self._plane_models(self._filters[0]), self._information, misfit=0.0)

    def likelihood_near(self, rgb: Floats) -> GaussianLikelihood | None:
        if len(self._filters) > 1:
            # The first sprite may still be far from the true one, so both filters remain.
            ranked = sorted(self._filters, key=lambda f: self._luma_misfit(rgb, f))
            self._filters = ranked[: 2 if self._is_first_comparison else 1]
            self._is_first_comparison = False
        best = self._filters[0]
        planes = self._render_ycbcr(rgb, best)
        luma_error = self._coefficient_error(planes[0], 0)
        misfit = self._misfit(luma_error)
        self._last_comparison = rgb, luma_error
        if self._side == UPSCALED_PX and misfit < EXPECTED_MISFIT:
            return None  # Without a resampling filter, nothing was clipped.
        models = self._plane_models(best)
        ycbcr = self.to_ycbcr(np.rint(rgb)).reshape(NUM_PIXELS, 3).astype(np.float32)
        information = self._information_vector([luma_error, *self._chroma_errors(planes)], best)
        information += _multiply_planes(models[0].precision, models[1].precision, ycbcr)
        return _likelihood(models, information, misfit)

    def worst_block_residual(self, rgb: Floats) -> float:
        last_rgb, error = self._last_comparison
        if last_rgb is None or not np.array_equal(last_rgb, rgb):
            error = self._coefficient_error(self._render_ycbcr(rgb, self._filters[0])[0], 0)
        weighted = self._weights[0] * error**2
        blocks = weighted.reshape(len(weighted) // 8, 8, -1, 8).mean(axis=(1, 3))
        return float(np.sqrt(blocks.max()))

    def find_unique_match(self, candidates: Sequence[Floats], _: float) -> int | None:
        misfits, energies = [], []
        for rgb in candidates:
            planes = self._render_ycbcr(rgb, self._filters[0])
            errors = [self._coefficient_error(planes[0], 0), *self._chroma_errors(planes)]
            weighted = zip(self._weights, errors, strict=True)
            energies.append(sum(float(np.vdot(w * e, e)) for w, e in weighted) / 2)
            misfits.append(self._misfit(errors[0]))
        first, second = np.argsort(energies)[:2]
        log_odds = energies[second] - energies[first]
        log_odds *= min(1.0, EXPECTED_MISFIT / misfits[first])
        return int(first) if log_odds > MIN_LOG_ODDS else None

    def to_ycbcr(self, rgb: Floats) -> Floats:
        ycbcr: Floats = np.rint(rgb @ RGB_TO_YCBCR.T - (128, 0, 0))
        return ycbcr

    def to_rgb(self, ycbcr: Floats) -> Floats:
        return np.clip(ycbcr @ YCBCR_TO_RGB.T + 128, 0, 255)

    def _plane_models(self, resampling: Resampling) -> list[PlaneModel]:
        """Return the models of luma, Cb and Cr."""
        pairs = zip(self._subsampling, self._steps, strict=True)
        return [plane_model(self._side, resampling, *pair) for pair in pairs]

    def _information_vector(self, coefficients: list[Samples], resampling: Resampling) -> Samples:
        """Return the information vector of the sprite's pixels from all planes: (576, 3)."""
        planes = zip(self._plane_models(resampling), self._weights, coefficients, strict=True)
        products = [model.rows.T @ (weight * y) @ model.cols for model, weight, y in planes]
        return np.stack(products, axis=-1).reshape(NUM_PIXELS, 3)

    def _quantized_coefficients(self, plane: NDArray[np.uint8], c: int) -> Samples:
        """Return the quantized DCT coefficients from which a plane (side, side) was decoded."""
        samples = plane.astype(np.float32)
        samples -= 128
        if self._subsampling[c] == (1, 1):
            coefficients = block_dct(samples)
        else:
            rows, cols = (stored_coefficients_matrix(self._side, f) for f in self._subsampling[c])
            coefficients = rows @ samples @ cols.T
        # Decoding rounds to integers; rounding to the quantization steps undoes that.
        steps = tile_blocks(self._steps[c], coefficients.shape)
        np.rint(np.divide(coefficients, steps, out=coefficients), out=coefficients)
        coefficients *= steps
        return coefficients

    def _render_ycbcr(self, rgb: Floats, resampling: Resampling) -> Samples:
        """Return the planes of the sprite's image before its compression: (3, side, side)."""
        planes = render_planes(np.moveaxis(rgb, -1, 0), self._side, resampling)
        planes = (_COLOR_MATRIX @ planes.reshape(3, -1)).reshape(planes.shape)
        planes[0] -= 128
        return np.rint(planes, out=planes)

    def _luma_misfit(self, rgb: Floats, resampling: Resampling) -> float:
        """Return the misfit of a sprite, neglecting the clipping of single color channels."""
        luma = render_planes((rgb @ RGB_TO_YCBCR[0])[None], self._side, resampling)[0] - 128
        return self._misfit(self._coefficient_error(luma, 0))

    def _misfit(self, luma_error: Samples) -> float:
        """Return the mean squared residual of luma, relative to its error variance."""
        return float(np.vdot(self._weights[0] * luma_error, luma_error) / luma_error.size)

    def _coefficient_error(self, plane: Samples, c: int) -> Samples:
        """Return the observed coefficients minus those of an uncompressed plane (side, side)."""
        for axis, factor in enumerate(self._subsampling[c]):
            plane = subsample(plane, axis) if factor == 2 else plane
        error = block_dct(plane)
        return np.subtract(self._coefficients[c], error, out=error)

    def _chroma_errors(self, planes: Samples) -> list[Samples]:
        return [self._coefficient_error(planes[c], c) for c in (1, 2)]

    def _filter_misfit(self, resampling: Resampling) -> float:
        """Return the misfit under a filter of the best-fitting sprite, in arbitrary colors.

        Only the means of 8 luma samples are used, which distinguish the filters nearly as well.
        """
        weight, basis = horizontal_basis(self._side, resampling, self._steps[0])
        weighted = self._coefficients[0][::8] * weight
        explained = weighted @ basis
        residual = float(np.vdot(weighted, weighted) - np.vdot(explained, explained))
        return residual * OVERSHOOT_FACTORS.get(resampling, 1.0)


def _multiply_planes(luma: Samples, chroma: Samples, planes: Samples) -> Samples:
    """Return the products of a matrix with luma, and of another one with both chroma planes."""
    products = np.empty_like(planes)
    products[:, 0] = luma @ planes[:, 0]
    products[:, 1:] = chroma @ planes[:, 1:]
    return products


def _likelihood(
    models: list[PlaneModel], information: Samples, misfit: float
) -> GaussianLikelihood:
    """Return the likelihood, with less precision and larger errors if the misfit is too large."""
    trust = np.float32(min(1.0, EXPECTED_MISFIT / max(misfit, 1e-9)))
    luma, chroma = models[0].precision, models[1].precision
    if trust < 1:
        luma, chroma, information = luma * trust, chroma * trust, information * trust
    error_scale = min(max(1.0, misfit / UNUSUAL_MISFIT) ** 2, 20.0)
    offset_sd, outlier_sd = error_scale * COLOR_OFFSET_SD, error_scale * OUTLIER_SD
    return GaussianLikelihood(luma, chroma, information, (offset_sd,) * 3, (outlier_sd, outlier_sd))

"""A JPEG's evidence: its quantized coefficients, each known to within half a step. Pure.

A JPEG stores, for every block of 8x8 samples, 64 cosine coefficients rounded to whole
steps (ITU-T T.81), and color differences at half the resolution. Both are undone here up
to the rounding: the coefficients are found again from the decoded planes, and what a sprite
would give is compared with them coefficient by coefficient, where the errors are
independent and of known size. In the pixels they are neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.images.restoration.forward_model import (
    CELLS,
    FROM_CODES,
    ORIGINAL_PX,
    SIDE,
    TO_CODES,
    Evidence,
    Floats,
    Samples,
    drawn_planes,
    enlargement,
    kernels,
    to_rgb,
)

LEVEL_SD = (0.3, 0.3, 0.3)
SLIP_SD = (0.3, 0.3)
EXPECTED_MISFIT = 0.2
"""mean squared error, in expected ones, of coefficients of a rightly modeled picture: far
below 1, because most of them are zero before they are quantized"""
STRANGE_MISFIT = 0.25
"""of pictures that were resized twice, by a filter not known here, or saved before"""
USUALLY_CLIPPED = {"lanczos": 0.62, "bicubic": 0.85}
"""how much of the misfit of filters that overshoot comes of what they are not to blame for:
that overshoots are clipped at black and white"""
CLEARLY = 7.0
"""log of the odds from which one of several sprites is the only one that fits"""
_PLANE = (0, 1, 1)
"""which model each of luma and the two color differences follows"""

_K = np.arange(8)
_DCT = (np.cos((2 * _K + 1) * _K[:, None] * np.pi / 16) / 2).astype(np.float32)
_DCT[0] *= np.float32(np.sqrt(0.5))
"""the orthonormal 8-point cosine transform: float32 (frequency, place)"""
_TO_PLANES = TO_CODES.astype(np.float32)


def can_read(image: Image.Image) -> bool:
    """Whether this is a JPEG that stores color as here assumed, as nearly all do."""
    if image.format != "JPEG" or image.mode != "RGB" or image.info.get("adobe_transform") == 0:
        return False
    layers = image.layer  # type: ignore[attr-defined]
    tables = image.quantization  # type: ignore[attr-defined]
    if not all(layer[3] in tables and min(tables[layer[3]]) > 0 for layer in layers):
        return False
    factors = [tuple(layer[1:3]) for layer in layers]
    return (
        factors[0] in {(1, 1), (2, 1), (1, 2), (2, 2)}
        and factors[1:] == [(1, 1)] * 2
        and layers[1][3] == layers[2][3]
    )


class JpegRendition:
    doubtful_odds = 0.002

    def __init__(self, image: Image.Image) -> None:
        """Args:
        image: one that `can_read` allows, opened and not yet decoded.
        """
        layers = image.layer  # type: ignore[attr-defined]
        tables = image.quantization  # type: ignore[attr-defined]
        self._side = image.width
        self._thinned = [(1, 1), (layers[0][2], layers[0][1])]
        self._steps = [tuple(int(q) for q in tables[layer[3]]) for layer in layers[:2]]
        image.draft("YCbCr", image.size)
        image.load()
        self._coefficients = [
            self._of_decoded(np.asarray(plane), _PLANE[c]) for c, plane in enumerate(image.split())
        ]
        self._weights = [
            _tiled(_weights(self._steps[c]), y.shape)
            for c, y in zip(_PLANE, self._coefficients, strict=True)
        ]
        # What is clipped at black and white is not linear, so the second best may be right.
        self._kernels = sorted(kernels(self._side), key=self._unfitness)[:2]
        self._is_first = True
        self._last: tuple[Floats, Samples] | None = None
        self._pull = self._pulled(self._coefficients, self._kernels[0])

    def estimate(self) -> Samples:
        luma, chroma = self._model(self._kernels[0])
        estimate = np.empty_like(self._pull)
        estimate[:, 0] = luma.covariance @ self._pull[:, 0]
        estimate[:, 1:] = chroma.covariance @ self._pull[:, 1:]
        return estimate

    def evidence(self) -> Evidence:
        return _evidence(self._model(self._kernels[0]), self._pull, misfit=0.0)

    def corrected(self, rgb: Floats) -> Evidence | None:
        if len(self._kernels) > 1:
            # The first comparison is made with a sprite that may still be far from right.
            ranked = sorted(self._kernels, key=lambda kernel: self._luma_misfit(rgb, kernel))
            self._kernels = ranked[: 2 if self._is_first else 1]
            self._is_first = False
        best = self._kernels[0]
        picture = self._picture(rgb, best)
        error = self._error(picture[0], 0)
        misfit = self._misfit(error)
        self._last = rgb, error
        if self._side == ORIGINAL_PX and misfit < EXPECTED_MISFIT:
            return None  # without a filter nothing was clipped
        model = self._model(best)
        codes = self.codes(np.rint(rgb)).reshape(CELLS, 3).astype(np.float32)
        errors = [error, *self._chroma_errors(picture)]
        pull = self._pulled(errors, best)
        pull[:, 0] += model[0].precision @ codes[:, 0]
        pull[:, 1:] += model[1].precision @ codes[:, 1:]
        return _evidence(model, pull, misfit)

    def oddity(self, rgb: Floats) -> float:
        if self._last is not None and np.array_equal(self._last[0], rgb):
            error = self._last[1]
        else:
            error = self._error(self._picture(rgb, self._kernels[0])[0], 0)
        squares = self._weights[0] * error**2
        blocks = squares.reshape(len(squares) // 8, 8, -1, 8).mean(axis=(1, 3))
        return float(np.sqrt(blocks.max()))

    def only_match(self, rgbs: Sequence[Floats], odds: float) -> int | None:  # noqa: ARG002
        misfits, energies = [], []
        for rgb in rgbs:
            picture = self._picture(rgb, self._kernels[0])
            errors = [self._error(picture[0], 0), *self._chroma_errors(picture)]
            energies.append(
                sum(float(np.vdot(w * e, e)) for w, e in zip(self._weights, errors, strict=True))
                / 2
            )
            misfits.append(self._misfit(errors[0]))
        first, second = np.argsort(energies)[:2]
        gap = (energies[second] - energies[first]) * min(1.0, EXPECTED_MISFIT / misfits[first])
        return int(first) if gap > CLEARLY else None

    def codes(self, rgb: Floats) -> Floats:
        codes: Floats = np.rint(rgb @ TO_CODES.T - (128, 0, 0))
        return codes

    def rgb(self, codes: Floats) -> Floats:
        return to_rgb(codes, FROM_CODES)

    def _model(self, kernel: str) -> list[_Plane]:
        """Of luma and of color differences."""
        pairs = zip(self._thinned, self._steps, strict=True)
        return [_plane(self._side, kernel, *pair) for pair in pairs]

    def _pulled(self, coefficients: list[Samples], kernel: str) -> Samples:
        """What the coefficients of all planes tell of each sprite pixel: (576, 3)."""
        model = self._model(kernel)
        weighted = [w * y for w, y in zip(self._weights, coefficients, strict=True)]
        pulls = [model[c].pull(y) for c, y in zip(_PLANE, weighted, strict=True)]
        return np.stack(pulls, axis=1)

    def _of_decoded(self, plane: NDArray[np.uint8], model: int) -> Samples:
        """The quantized coefficients behind a decoded plane (side, side)."""
        samples = plane.astype(np.float32)
        samples -= 128
        down, across = self._thinned[model]
        if (down, across) == (1, 1):
            exact = _cosines(samples)
        else:
            exact = _back(self._side, down) @ samples @ _back(self._side, across).T
        steps = _tiled(self._steps[model], exact.shape)
        np.rint(np.divide(exact, steps, out=exact), out=exact)
        exact *= steps
        return exact

    def _picture(self, rgb: Floats, kernel: str) -> Samples:
        """The planes of this sprite's picture before it is compressed: (3, side, side)."""
        planes = drawn_planes(np.moveaxis(rgb, -1, 0), self._side, kernel)
        planes = (_TO_PLANES @ planes.reshape(3, -1)).reshape(planes.shape)
        planes[0] -= 128
        return np.rint(planes, out=planes)

    def _luma_misfit(self, rgb: Floats, kernel: str) -> float:
        """The same for little time, but for what is clipped in single colors."""
        luma = drawn_planes((rgb @ TO_CODES[0])[None], self._side, kernel)[0] - 128
        return self._misfit(self._error(luma, 0))

    def _misfit(self, error: Samples) -> float:
        """The mean squared error of luma, as a multiple of what rounding makes."""
        return float(np.vdot(self._weights[0] * error, error) / error.size)

    def _error(self, plane: Samples, c: int) -> Samples:
        """What coefficients are more than those of a plane (side, side) before quantization."""
        down, across = self._thinned[_PLANE[c]]
        plane = _halved(plane) if down == 2 else plane
        plane = _halved(plane, axis=1) if across == 2 else plane
        error = _cosines(plane)
        return np.subtract(self._coefficients[c], error, out=error)

    def _chroma_errors(self, picture: Samples) -> list[Samples]:
        return [self._error(picture[c], c) for c in (1, 2)]

    def _unfitness(self, kernel: str) -> float:
        """How badly the best of all thinkable sprites fits the mean of each column of 8 samples of
        luma, which tells filters apart nearly as well as all samples do.
        """
        weight, fitting = _across(self._side, kernel, self._steps[0])
        weighted = self._coefficients[0][::8] * weight
        fitted = weighted @ fitting
        left = float(np.vdot(weighted, weighted) - np.vdot(fitted, fitted))
        return left * USUALLY_CLIPPED.get(kernel, 1.0)


@dataclass(frozen=True)
class _Plane:
    """A color plane's model: coefficients = rows @ s @ cols.T, each with its weight."""

    rows: Samples
    cols: Samples
    precision: Samples
    covariance: Samples

    def pull(self, weighted: Samples) -> Samples:
        """What these, multiplied by their weights, tell of each sprite pixel: (576,)."""
        pull: Samples = self.rows.T @ weighted @ self.cols
        return pull.reshape(-1)


@lru_cache(32)
def _plane(side: int, kernel: str, thinned: tuple[int, int], steps: tuple[int, ...]) -> _Plane:
    """The model of one plane.

    Args:
        thinned: 1 or 2, vertically and horizontally.
        steps: the 64 quantization steps, row by row.
    """
    plain = enlargement(side, kernel)
    rows, cols = (_transformed(_halved(plain) if f == 2 else plain) for f in thinned)
    weight = np.reshape(_weights(steps), (8, 8))
    # The weights repeat with every block, so the normal equations are a sum of 64 products.
    r, c = (a.astype(np.float64).reshape(-1, 8, SIDE) for a in (rows, cols))
    of_rows = np.einsum("buk,bul->ukl", r, r, optimize=True)
    of_cols = np.einsum("bvk,bvl->vkl", c, c, optimize=True)
    weighted = np.einsum("uv,ukl->vkl", weight, of_rows)
    precision = np.einsum("vik,vjl->ijkl", weighted, of_cols, optimize=True).reshape(CELLS, CELLS)
    ridge = 1e-9 * np.trace(precision) * np.eye(CELLS)
    return _Plane(
        rows,
        cols,
        precision.astype(np.float32),
        np.linalg.inv(precision + ridge).astype(np.float32),
    )


def _weights(steps: tuple[int, ...]) -> tuple[float, ...]:
    """Of the 64 coefficients: 1 over their errors' variances.

    Rounding to steps, and before it to whole codes: each with an error's variance of 1/12.
    """
    step = np.array(steps, np.float64)
    return tuple((12 / (step * step + 1)).reshape(-1))


@lru_cache(32)
def _across(side: int, kernel: str, steps: tuple[int, ...]) -> tuple[Samples, Samples]:
    """Of coefficients without vertical frequency: the roots of their weights (n,), and an
    orthonormal basis of what sprite rows can make of the so weighted ones (n, 24).
    """
    cols = _transformed(enlargement(side, kernel))
    roots = np.tile(np.sqrt(_weights(steps)[:8]), len(cols) // 8).astype(np.float32)
    return roots, np.linalg.qr(roots[:, None] * cols)[0]


@lru_cache(32)
def _tiled(block: tuple[float, ...], shape: tuple[int, int]) -> Samples:
    """64 values repeated for every block of coefficients."""
    return np.tile(np.reshape(block, (8, 8)), (shape[0] // 8, shape[1] // 8)).astype(np.float32)


def _evidence(model: list[_Plane], pull: Samples, misfit: float) -> Evidence:
    """The more the picture differs from what was expected of it, the less it is believed."""
    trust = min(1.0, EXPECTED_MISFIT / max(misfit, 1e-9))
    luma, chroma = model[0].precision, model[1].precision
    if trust < 1:
        part = np.float32(trust)
        luma, chroma, pull = luma * part, chroma * part, pull * part
    roughness = min(max(1.0, misfit / STRANGE_MISFIT) ** 2, 20.0)
    return Evidence(
        luma,
        chroma,
        pull,
        tuple(roughness * sd for sd in LEVEL_SD),
        (roughness * SLIP_SD[0], roughness * SLIP_SD[1]),
    )


def _halved(plane: Samples, axis: int = 0) -> Samples:
    """The mean of each two rows or columns, as encoders thin out color."""
    missing = plane.shape[axis] % 2
    plane = _filled(plane, missing * (1 - axis), missing * axis)
    pairs = (plane[0::2], plane[1::2]) if axis == 0 else (plane[:, 0::2], plane[:, 1::2])
    halves: Samples = pairs[0] + pairs[1]
    halves *= np.float32(0.5)
    return halves


@lru_cache(64)
def _back(side: int, factor: int) -> Samples:
    """From samples to the cosine transform of those stored, of each `factor`: (n, side)."""
    unsmoothing = _unsmoothing(side) if factor == 2 else np.eye(side, dtype=np.float32)
    return _transformed(unsmoothing)


def _unsmoothing(side: int) -> Samples:
    """Back from the triangle filter by which decoders widen thinned-out color: (half, side)."""
    half = (side + 1) // 2
    i = np.arange(half)
    widen = np.zeros((2 * half, half))
    np.add.at(widen, (2 * i, i), 0.75)
    np.add.at(widen, (2 * i, np.maximum(i - 1, 0)), 0.25)
    np.add.at(widen, (2 * i + 1, i), 0.75)
    np.add.at(widen, (2 * i + 1, np.minimum(i + 1, half - 1)), 0.25)
    return np.linalg.pinv(widen[:side]).astype(np.float32)


def _transformed(rows: Samples) -> Samples:
    """The cosine transform of every 8 rows; the last row is repeated to fill them up."""
    rows = _filled(rows, -len(rows) % 8, 0)
    blocks: Samples = _DCT @ rows.reshape(-1, 8, rows.shape[1])
    return blocks.reshape(rows.shape)


def _cosines(plane: Samples) -> Samples:
    """The cosine transform of every block of 8x8."""
    across = _filled(plane, 0, -plane.shape[1] % 8).reshape(-1, 8) @ _DCT.T
    return _transformed(across.reshape(len(plane), -1))


def _filled(plane: Samples, down: int, across: int) -> Samples:
    """With the last row and column repeated so many times."""
    if not (down or across):
        return plane
    height, width = plane.shape
    filled = np.empty((height + down, width + across), plane.dtype)
    filled[:height, :width] = plane
    filled[:height, width:] = plane[:, -1:]
    filled[height:] = filled[height - 1]
    return filled

"""Evidence of decoded pixels, in a format whose errors are measured, not known. Pure.

The middle of each enlarged sprite pixel tells most: resizing and thinned-out color blur
its border. What least squares leave unexplained there gives the size of the errors.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.images.restoration.forward_model import (
    CELLS,
    FROM_CODES,
    SIDE,
    TO_CODES,
    Evidence,
    Floats,
    Indices,
    Samples,
    drawn,
    enlargement,
    kernels,
    to_rgb,
)

WEBP_QUALITIES = (80, 75, 90, 85, 95, 70, 60)
"""what people save with, most usual first"""
MAX_SAVED_PX = 640
FIRST_IS_ENOUGH = 0.5
"""odds of others up to which a sprite that is saved to the very same picture needs no comparing
with them: two sprites hardly ever give the same file"""
ENOUGH_ROWS = 120
"""of pixels, and as many columns, to measure the size of errors by"""
USUAL_Q_IDX, COARSEST_Q_IDX = 32, 255
"""`base_q_idx` of AVIFs of quality 90, for which the errors below hold, and the greatest"""
CORRELATION = 3.0
"""how much larger the errors of a cell's mean are than independent ones of pixels give"""
_LIMITED = np.array([219 / 255, 224 / 255, 224 / 255])
"""video range, which WebP stores: luma from 16 to 235, differences from 16 to 240"""
_BLACK_LIMITED = 16 - 128 * (1 - _LIMITED[0])


@dataclass(frozen=True)
class _Errors:
    """Standard deviations in codes, chosen so that benchmarks/renditions.py finds the confidence
    right, or too low.
    """

    cell_px: float
    """for sprite pixels of at least that size; larger for smaller ones"""
    cell_sd: tuple[float, float, float]
    level_sd: tuple[float, float, float]
    slip_sd: tuple[float, float]


_ERRORS = {
    "WEBP": _Errors(16, (0.3, 0.3, 0.3), (0.4, 0.4, 0.4), (0.8, 0.9)),
    "AVIF": _Errors(14, (0.15, 0.3, 0.3), (0.3, 0.5, 0.7), (0.3, 0.45)),
}
_USUAL_DEVIATION = {"WEBP": (0.8, 0.6)}
"""of the colors of a picture from the palette, root mean square over colors, in codes of
luma and chroma; more tells of a low quality, which the pixels within cells do not show"""
_OTHER_ERRORS = _Errors(14, (0.3, 0.3, 0.3), (0.5, 0.5, 0.5), (0.8, 0.9))


class RasterRendition:
    doubtful_odds = 0.01

    def __init__(
        self,
        image: Image.Image,
        data: bytes,
        *,
        was_transparent: bool = False,
        q_idx: int | None = None,
    ) -> None:
        """Args:
        image: square, in RGB.
        data: of the file that it was read from; empty if that held another picture.
        q_idx: how coarsely an AVIF was quantized, 0 to 255; None in other formats.
        was_transparent: it has been laid onto a background here.
        """
        self._name = image.format or ""
        self._data = data
        self._pixels: NDArray[np.uint8] = np.asarray(image)
        self._side = image.width
        rows = _rows(self._side)
        self._matrix = TO_CODES * _LIMITED[:, None] if self._is_limited() else TO_CODES
        samples = self._pixels[rows].astype(np.float32)
        samples -= 128
        self._luma: Samples = (samples @ TO_CODES[0].astype(np.float32))[:, rows]
        usual = [kernels(self._side)[0]] if _is_large(self._side) else kernels(self._side)
        self._kernel = max(usual, key=self._explained) if len(usual) > 1 else usual[0]
        inverse = _solver(self._side, self._kernel).inverse
        down = (inverse @ samples.reshape(len(rows), -1)).reshape(SIDE, self._side, 3)
        self._solved: Samples = np.moveaxis(inverse @ down[:, rows], -1, 0)
        """RGB − 128 of the likeliest sprite, (3, 24, 24)"""
        known = _ERRORS.get(self._name, _OTHER_ERRORS)
        self._coarseness = max(1.0, known.cell_px * SIDE / self._side) ** 2
        self._roughness = 1.0
        # Color at half the resolution suffers most, and soonest.
        self._chroma_slips = max(1.0, known.cell_px * 1.33 * SIDE / self._side) ** 3
        if q_idx is not None:
            # As far as 100, steps grow nearly in proportion to this (AV1 specification, 7.12.2);
            # errors grow more slowly, because more coefficients come to nothing.
            self._coarseness *= max(1.0, (q_idx + 7) / (USUAL_Q_IDX + 7)) ** 0.8
        if was_transparent:
            self._coarseness *= 1.2
            self._chroma_slips *= 3

    def estimate(self) -> Samples:
        codes = np.moveaxis(self._solved, 0, -1).reshape(CELLS, 3) @ self._matrix.T
        return codes.astype(np.float32)

    def evidence(self) -> Evidence:
        some = _inside_rows(self._side)
        some = some[:: 1 + len(some) // ENOUGH_ROWS]
        mix = enlargement(self._side, self._kernel)[some]
        pixels = np.moveaxis(self._pixels[some][:, some], -1, 0).astype(np.float32) - 128
        left = (pixels - mix @ self._solved @ mix.T).reshape(3, -1)
        variance = (self._matrix @ (left @ left.T / left.shape[1]) * self._matrix).sum(axis=1)
        sharpening = _solver(self._side, self._kernel).sharpening
        known, scale = _ERRORS.get(self._name), self._coarseness * self._roughness
        if known is None:
            # A lossless file of we know not what: with the errors of its last lossy one, if any.
            known = _OTHER_ERRORS
            scale *= float(np.sqrt(variance[0]).clip(0.2, 1))
        cell_variance = (CORRELATION * sharpening) ** 2 * variance + (
            scale * np.array(known.cell_sd)
        ) ** 2
        precision = 1 / np.array([cell_variance[0], *[cell_variance[1:].max()] * 2])
        luma, chroma = (np.full(CELLS, p, np.float32) for p in precision[:2])
        return Evidence(
            luma,
            chroma,
            (self.estimate() * precision).astype(np.float32),
            tuple(scale * sd for sd in known.level_sd),
            (scale * known.slip_sd[0], self._chroma_slips * scale * known.slip_sd[1]),
        )

    def corrected(self, rgb: Floats) -> Evidence | None:
        """More doubtful evidence, where colors lie farther from the palette than usual."""
        limits = _USUAL_DEVIATION.get(self._name)
        flat = rgb.reshape(CELLS, 3)
        _, first, which = np.unique(flat @ (65536, 256, 1), return_index=True, return_inverse=True)
        if limits is None or len(first) < 3:
            return None
        off = self.estimate() - self.codes(flat)
        member = which == np.arange(len(first))[:, None]
        means = member @ off / member.sum(axis=1, keepdims=True)
        squares = (means[which[0] != np.arange(len(first))] ** 2).mean(axis=0)
        rms = np.sqrt([squares[0], squares[1:].mean()])
        roughness = float((rms / limits).max()) ** 4
        if roughness <= self._roughness:
            return None
        self._roughness = roughness
        return self.evidence()

    def oddity(self, rgb: Floats) -> float:
        inside = _inside_rows(self._side)
        mix = enlargement(self._side, self._kernel)[inside]
        sprite = ((rgb - 128) @ TO_CODES[0]).astype(np.float32)
        of_looked_at = np.searchsorted(_rows(self._side), inside)
        left = self._luma[of_looked_at][:, of_looked_at] - mix @ sprite @ mix.T
        cell = inside * SIDE // self._side
        starts = np.searchsorted(cell, np.arange(SIDE))
        sums = np.add.reduceat(np.add.reduceat(left * left, starts, axis=0), starts, axis=1)
        pixels = np.diff(np.append(starts, len(cell)))
        return float(np.sqrt((sums / pixels / pixels[:, None]).max()))

    def only_match(self, rgbs: Sequence[Floats], odds: float) -> int | None:
        if self._name != "WEBP" or self._side > MAX_SAVED_PX or not self._data:
            return None  # for others it has not been needed, for larger ones it takes long
        for quality in WEBP_QUALITIES:
            for kernel in kernels(self._side):
                first = self._differing(rgbs[0], kernel, quality)
                if first is None:
                    break  # the size tells another quality, whatever the filter
                if first > 0.1:
                    continue  # all over, not just where sprites differ: another filter
                if first == 0 and odds < FIRST_IS_ENOUGH:
                    return 0
                others = [self._differing(rgb, kernel, quality) for rgb in rgbs[1:]]
                same = [i for i, part in enumerate([first, *others]) if part == 0]
                if same:
                    return same[0] if len(same) == 1 else None
        return None

    def _differing(self, rgb: Floats, kernel: str, quality: int) -> float | None:
        """The part of the samples that this sprite, saved so, gives another value; None if its
        file is of quite another size.
        """
        file = io.BytesIO()
        drawn(rgb, self._side, kernel).save(file, "WEBP", quality=quality)
        if abs(file.tell() - len(self._data)) > 100 + 0.05 * len(self._data):
            return None
        if file.getvalue() == self._data:
            return 0.0
        with Image.open(file) as saved:
            return float((np.asarray(saved.convert("RGB")) != self._pixels).mean())

    def codes(self, rgb: Floats) -> Floats:
        codes: Floats = (rgb - 128) @ self._matrix.T
        if self._is_limited():
            codes[..., 0] = np.rint(codes[..., 0] + _BLACK_LIMITED) - _BLACK_LIMITED
            codes[..., 1:] = np.rint(codes[..., 1:])
        return codes

    def rgb(self, codes: Floats) -> Floats:
        return to_rgb(codes, FROM_CODES / (_LIMITED if self._is_limited() else 1))

    def _is_limited(self) -> bool:
        return self._name == "WEBP"

    def _explained(self, kernel: str) -> float:
        """How much of the luma's sum of squares sprites seen through that filter explain."""
        solver = _solver(self._side, kernel)
        solved = solver.inverse @ self._luma @ solver.inverse.T
        return float(np.vdot(solved, solver.normal @ solved @ solver.normal))


def _is_large(side: int) -> bool:
    """Whether what a filter does at the borders of cells need not be looked at."""
    return side / SIDE > 13


@lru_cache(32)
def _to_border_px(side: int) -> Floats:
    """How far the middle of each pixel row is from the border of its cell: (side,)"""
    cell_px = side / SIDE
    place = (np.arange(side) + 0.5) / cell_px % 1
    distance: Floats = np.minimum(place, 1 - place) * cell_px
    return distance


@lru_cache(32)
def _rows(side: int) -> Indices:
    """The pixel rows, and columns, that are looked at."""
    if not _is_large(side):
        return np.arange(side)
    return np.flatnonzero(_to_border_px(side) > 4)[:: max(1, side // 400)]


@lru_cache(32)
def _inside_rows(side: int) -> Indices:
    """Those that are not near the border of a cell."""
    rows = _rows(side)
    return rows[_to_border_px(side)[rows] > min(4.0, 0.3 * side / SIDE)]


@dataclass(frozen=True)
class _Solver:
    """Weighted least squares along one axis."""

    inverse: Samples
    """(24, rows)"""
    normal: Samples
    """(24, 24)"""
    sharpening: float
    """the standard deviation of a solved pixel, for independent errors of 1"""


@lru_cache(32)
def _solver(side: int, kernel: str) -> _Solver:
    weight = np.where(np.isin(_rows(side), _inside_rows(side)), 1, 0.03)
    mix = enlargement(side, kernel)[_rows(side)].astype(np.float64)
    normal = mix.T * weight @ mix
    covariance = np.linalg.inv(normal)
    inverse = covariance @ mix.T * weight
    sharpening = float(np.diag(covariance).mean())
    return _Solver(inverse.astype(np.float32), normal.astype(np.float32), sharpening)

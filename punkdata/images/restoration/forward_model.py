"""What a saved picture of a sprite still tells of it: lossy pixels as linear evidence. Pure.

A picture is taken for a 24x24 sprite enlarged to 336x336 by repeating pixels, perhaps
resized once more by one of the usual filters, then compressed. Up to the compression every
sample is a known mix of a few sprite pixels, so in each color plane the picture is
`rows @ sprite @ cols.T` plus errors. Weighing these by their size gives *evidence* for the
576 unknown pixels: weighted least squares, kept as normal equations. jpeg.py knows the size
of the errors from the file's quantization steps, raster.py measures it.

Colors are written in *codes*: float (…, 3) of luma − 128, blue and red difference, as
ITU-T T.871 (JFIF) defines them, in the steps of 1 in 255 that the codec stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Samples: TypeAlias = NDArray[np.floating[Any]]
"""float32 in large arrays, where half the bytes are half the time"""

SIDE = 24
CELLS = SIDE * SIDE
ORIGINAL_PX = 336
"""the side of the enlargement that galleries and image hosts start from"""

FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}

TO_CODES: Floats = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
FROM_CODES: Floats = np.linalg.inv(TO_CODES).astype(np.float64)


@dataclass(frozen=True)
class Evidence:
    """log-likelihood of a sprite s in codes = −½ sᵀ·precision·s + pull·s, summed over planes."""

    luma: Samples
    """precision of luma: (576, 576), or its diagonal (576,) if pixels' errors are independent"""
    chroma: Samples
    """the same of each color difference"""
    pull: Samples
    """(576, 3)"""
    level_sd: tuple[float, ...]
    """how far, in codes, all pixels of one color may be off together (rounding)"""
    slip_sd: tuple[float, float]
    """how far, in codes of luma and chroma, the codec now and then slips in one small patch"""

    def spread(self, member: Samples) -> Samples:
        """What one step of the common level of each of n sets of pixels, given as (n, 576) of 0
        and 1, adds to precision @ sprite: (3, n, 576).
        """
        planes = self.luma, self.chroma
        luma, chroma = (member * p if p.ndim == 1 else member @ p for p in planes)
        return np.stack([luma, chroma, chroma])

    def diagonal(self) -> Samples:
        """The precision of each pixel while all others are known: (576, 3)."""
        planes = self.luma, self.chroma
        luma, chroma = (p if p.ndim == 1 else np.diagonal(p) for p in planes)
        return np.stack([luma, chroma, chroma], axis=1)


class Rendition(Protocol):
    """A picture, decoded as far as its evidence needs. `rgb` is float (24, 24, 3), 0 to 255."""

    doubtful_odds: float
    """of other answers, from which `only_match` is worth its time"""

    def estimate(self) -> Samples:
        """The likeliest sprite if any colors were possible: codes (576, 3)."""

    def evidence(self) -> Evidence:
        """What the picture tells by itself."""

    def corrected(self, rgb: Floats) -> Evidence | None:
        """The same when the sprite is nearly `rgb`: with what is not linear (clipping at black
        and white, rounding) computed for that one, and believed less where the picture fits
        it worse than it should. None: there is nothing to correct.
        """

    def oddity(self, rgb: Floats) -> float:
        """How badly the worst patch of the picture fits this sprite: 1 to 3 when it is one."""

    def only_match(self, rgbs: Sequence[Floats], odds: float) -> int | None:
        """Which of these sprites alone fits the picture, when each is drawn and compared with
        it as a whole. None: none does, or more than one, or that cannot be told.

        Args:
            odds: of all others together, against the first.
        """

    def codes(self, rgb: Floats) -> Floats:
        """The codes in which this picture's format stores flat areas of colors (…, 3)."""

    def rgb(self, codes: Floats) -> Floats:
        """The inverse, 0 to 255, not rounded."""


@lru_cache(64)
def enlargement(side: int, kernel: str) -> Samples:
    """How much of each sprite row is in each picture row: (side, 24)."""
    unit = np.repeat(np.eye(SIDE, dtype=np.float32), ORIGINAL_PX // SIDE, axis=0)
    return np.asarray(Image.fromarray(unit).resize((SIDE, side), FILTERS[kernel]))


def drawn(rgb: Floats, side: int, kernel: str) -> Image.Image:
    """The sprite enlarged and resized. Pillow filters along rows first and rounds in between, so
    doing that before rows are repeated gives the same picture in half the time.
    """
    image = Image.fromarray(np.rint(rgb).clip(0, 255).astype(np.uint8))
    image = image.resize((ORIGINAL_PX, SIDE), Image.Resampling.NEAREST)
    image = image.resize((side, SIDE), FILTERS[kernel])
    image = image.resize((side, ORIGINAL_PX), Image.Resampling.NEAREST)
    return image.resize((side, side), FILTERS[kernel])


def drawn_planes(planes: Floats, side: int, kernel: str) -> Samples:
    """As `drawn`, of color planes (n, 24, 24) of 0 to 255: float32 (n, side, side) of whole
    numbers. Faster, and hardly ever one off, because Pillow's filters have few digits.
    """
    mix = enlargement(side, kernel)
    across = np.rint(planes.astype(np.float32)).clip(0, 255) @ mix.T
    np.clip(np.rint(across, out=across), 0, 255, out=across)
    down: Samples = mix @ across
    return np.clip(np.rint(down, out=down), 0, 255, out=down)


def kernels(side: int) -> list[str]:
    """The filters that may have made a picture of that side."""
    return ["nearest"] if side == ORIGINAL_PX else list(FILTERS)


def to_rgb(codes: Floats, inverse: Floats) -> Floats:
    """0 to 255, of codes (…, 3), by the inverse (3, 3) of what made them."""
    rgb: Floats = np.clip(codes @ inverse.T + 128, 0, 255)
    return rgb

"""Forward model: how a sprite becomes an image, and the likelihood that an image gives it.

README.md explains the method. Colors are in YCbCr: float (..., 3) of luma - 128, Cb and Cr as ITU-T
T.871 (JFIF) defines them, in units of one 8-bit step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.sprite import SIDE_PX

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Samples: TypeAlias = NDArray[np.floating[Any]]
"""Floating-point samples; float32 in large arrays, which halves the computing time."""

NUM_PIXELS = SIDE_PX * SIDE_PX
UPSCALED_PX = 336  # Side of the nearest-neighbor enlargement that galleries start from.
FILTERS = [
    *(Resampling.LANCZOS, Resampling.BICUBIC, Resampling.BILINEAR),
    *(Resampling.HAMMING, Resampling.BOX, Resampling.NEAREST),
]
RGB_TO_YCBCR: Floats = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
YCBCR_TO_RGB: Floats = np.linalg.inv(RGB_TO_YCBCR).astype(np.float64)


def candidate_filters(side: int) -> list[Resampling]:
    """Return the filters that may have produced an image of this side."""
    return [Resampling.NEAREST] if side == UPSCALED_PX else FILTERS


@lru_cache(64)
def resize_matrix(side: int, resampling: Resampling) -> Samples:
    """Return the weight of each sprite row in each row of an image: float32 (side, 24)."""
    unit = np.repeat(np.eye(SIDE_PX, dtype=np.float32), UPSCALED_PX // SIDE_PX, axis=0)
    return np.asarray(Image.fromarray(unit).resize((SIDE_PX, side), resampling))


def render(rgb: Floats, side: int, resampling: Resampling) -> Image.Image:
    """Return the sprite enlarged to 336x336 and resized to `side`, exactly as Pillow does it.

    Pillow filters along the rows, rounds, and then filters along the columns. Filtering the 24 rows
    before they are repeated therefore gives the same image in half the time.
    """
    image = Image.fromarray(np.rint(rgb).clip(0, 255).astype(np.uint8))
    image = image.resize((UPSCALED_PX, SIDE_PX), Resampling.NEAREST)
    image = image.resize((side, SIDE_PX), resampling)
    image = image.resize((side, UPSCALED_PX), Resampling.NEAREST)
    return image.resize((side, side), resampling)


def render_planes(planes: Floats, side: int, resampling: Resampling) -> Samples:
    """Return color planes (n, 24, 24) as `render` enlarges them: float32 (n, side, side), 0 to 255.

    This is faster than `render`, but few samples differ by one: Pillow's weights are fixed-point.
    """
    matrix = resize_matrix(side, resampling)
    across = np.rint(planes.astype(np.float32)).clip(0, 255) @ matrix.T
    np.clip(np.rint(across, out=across), 0, 255, out=across)
    down: Samples = matrix @ across
    return np.clip(np.rint(down, out=down), 0, 255, out=down)


@dataclass(frozen=True)
class GaussianLikelihood:
    """Log-likelihood of a sprite s in YCbCr, in information form.

    log p(image | s) = -1/2 sᵀ · precision · s + information · s + constant, summed over planes.

    The precision matrices of luma and of each chroma plane are (576, 576), or only their diagonals
    (576,) if errors are independent; `information` is (576, 3). `color_offset_sd` is the standard
    deviation, per plane, of the rounding error that all pixels of one color share, and
    `outlier_sd` the size, in luma and chroma, of the codec's occasional errors in one small patch.
    """

    luma_precision: Samples
    chroma_precision: Samples
    information: Samples
    color_offset_sd: tuple[float, ...]
    outlier_sd: tuple[float, float]

    def apply_precision(self, membership: Samples) -> Samples:
        """Return by how much precision @ s grows when all pixels of a set grow by 1: (3, n, 576).

        `membership` (n, 576) is 1 for the pixels of each of n sets, otherwise 0.
        """
        planes = self.luma_precision, self.chroma_precision
        luma, chroma = (membership * p if p.ndim == 1 else membership @ p for p in planes)
        return np.stack([luma, chroma, chroma])

    def conditional_precision(self) -> Samples:
        """Return the precision of each pixel given all others, the matrices' diagonal: (576, 3)."""
        planes = self.luma_precision, self.chroma_precision
        luma, chroma = (p if p.ndim == 1 else np.diagonal(p) for p in planes)
        return np.stack([luma, chroma, chroma], axis=1)


class Observation(Protocol):
    """An observed image, which gives the likelihood of every sprite.

    `JpegObservation` derives the size of the errors from the file's quantization tables,
    `PixelObservation` measures it. `rgb` is a candidate sprite, float (24, 24, 3), 0 to 255.
    `rerender_odds` are the odds of the alternatives above which `find_unique_match` is called.
    """

    rerender_odds: float

    def least_squares_estimate(self) -> Samples:
        """Return the most likely sprite in arbitrary colors, YCbCr (576, 3)."""

    def likelihood(self) -> GaussianLikelihood:
        """Return the likelihood from the image alone."""

    def likelihood_near(self, rgb: Floats) -> GaussianLikelihood | None:
        """Return the likelihood for sprites near `rgb`, or None if it needs no correction.

        The nonlinear steps (clipping at black and white, rounding) are computed for `rgb`, and
        the precision is reduced if the image fits `rgb` worse than expected.
        """

    def worst_block_residual(self, rgb: Floats) -> float:
        """Return the root mean square residual of the block that fits `rgb` worst.

        A true sprite gives 1 to 3; detail that is not in the sprite gives more.
        """

    def find_unique_match(self, candidates: Sequence[Floats], odds: float, /) -> int | None:
        """Compare renderings of candidates with the image, and return the index of the only match.

        `odds` are those of all other candidates against the first. Returns None if several match.
        """

    def to_ycbcr(self, rgb: Floats) -> Floats:
        """Return YCbCr values (..., 3) as this image's format stores flat areas of RGB colors."""

    def to_rgb(self, ycbcr: Floats) -> Floats:
        """Return RGB colors (..., 3) from 0 to 255, without rounding; inverts `to_ycbcr`."""

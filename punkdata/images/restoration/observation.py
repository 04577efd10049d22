"""Observed images, and the Gaussian likelihood of a sprite's 576 pixels that they give.

Weighting the samples of an image by the size of their errors gives a Gaussian likelihood of the
sprite's pixels, that is, weighted least squares in normal equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from punkdata.images.restoration.forward_model import Floats, Samples


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
    `PixelObservation` measures it. In all methods `rgb` is a candidate sprite, float (24, 24, 3)
    from 0 to 255.
    """

    rerender_odds: float
    """Odds of the alternatives above which `restore` calls `find_unique_match`."""

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

        The candidates are the most probable sprite and its alternatives; `odds` are those of all
        alternatives against the first. The result is None if no candidate or several match.
        """

    def to_ycbcr(self, rgb: Floats) -> Floats:
        """Return YCbCr values (..., 3) as this image's format stores flat areas of RGB colors."""

    def to_rgb(self, ycbcr: Floats) -> Floats:
        """Return RGB colors (..., 3) from 0 to 255, without rounding; inverts `to_ycbcr`."""

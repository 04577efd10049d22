"""Local search for the most probable sprite given a likelihood: maximum a posteriori (MAP).

README.md explains the prior over assignments of palette colors to pixels. The pixels of one color
share an unknown Gaussian offset, the rounding of the codec, and the free color of the background is
fitted together with these offsets. Energies are negative log-probabilities.
"""

from math import lgamma

import numpy as np
from numpy.typing import NDArray

from punkdata.images.background import KNOWN_BACKGROUNDS, composite_palette
from punkdata.images.palette import PALETTE
from punkdata.images.restoration.forward_model import (
    NUM_PIXELS,
    Floats,
    GaussianLikelihood,
    Indices,
    Observation,
    Samples,
)
from punkdata.images.sprite import SIDE_PX

MAX_STEPS = 80
PARALLEL_STEPS = 6  # Number of initial steps that change several pixels at once.
CONCENTRATION = 2.0 / len(PALETTE)
"""Dirichlet concentration of each color: its weight in addition to its number of pixels."""
_LOG_GAMMA = np.array([lgamma(n + CONCENTRATION) for n in range(NUM_PIXELS + 1)], np.float32)
_CORNERS = [0, SIDE_PX - 1, NUM_PIXELS - SIDE_PX, NUM_PIXELS - 1]
_PIXELS = np.arange(NUM_PIXELS)
_MIN_GAIN = np.float32(-1e-3)  # Energy change, negative, that a change must reach to be made.
_CLIPPED_LEVEL = 120  # YCbCr value beyond which a decoder may have clipped the color.
_CLIPPED_VARIANCE = np.float32(4)


class MapSearch:
    """State of the search: the color of each pixel, and the energy of changing it.

    `colors` are the palette indices of the candidate colors, the first of which is 0, the
    background; `ycbcr` and `offsets` (colors, 3) are their values and shared offsets. `indices`
    (576,) is the candidate of each pixel, `counts` (colors,) its number of pixels, and `used` are
    the n candidates that have any; `membership` (n, 576) is 1 for their pixels. `levels` (576, 3)
    are the resulting values of the pixels, and `gradient` (576, 3) that of the energy. `excluded`
    are palette indices too close to the background. After convergence, `pixel_energies` (576,
    colors) and `color_energies` (n, colors) are those of recoloring one pixel, or all pixels of a
    used color.
    """

    pixel_energies: Samples
    color_energies: Samples

    def __init__(self, observation: Observation, likelihood: GaussianLikelihood) -> None:
        self.observation = observation
        self.likelihood: GaussianLikelihood = likelihood
        self.precision: Samples = likelihood.conditional_precision()
        estimate, weight = observation.least_squares_estimate(), self.precision
        self.background: Samples = estimate[_CORNERS].mean(axis=0)
        self.colors: Indices = np.arange(len(PALETTE))
        self.ycbcr: Samples = self._composite_colors()
        # Most colors are far from everything that the image shows, and are dropped at once.
        distances = quadratic_energies(np.ones(3, np.float32), estimate, self.ycbcr).min(axis=0)
        reach = 20 + 10 / np.sqrt(weight.min())
        is_candidate = distances < reach**2 / 2
        # The image does not distinguish these colors from the background.
        self.excluded: Indices = self.find_background_like()
        is_candidate[self.excluded] = False
        is_candidate[0] = True
        self.colors = np.flatnonzero(is_candidate)
        self.ycbcr = self.ycbcr[self.colors]
        self.offsets: Samples = np.zeros_like(self.ycbcr)
        self.indices: Indices = quadratic_energies(weight, estimate, self.ycbcr).argmin(axis=1)
        self.converged: bool = False

    def sprite_rgb(self, indices: Indices) -> Floats:
        """Return the sprite of an assignment over the background, (24, 24, 3), 0 to 255."""
        rgb = composite_palette(self.background_rgb())[self.colors]
        return rgb[indices].reshape(SIDE_PX, SIDE_PX, 3)

    def run(self, likelihood: GaussianLikelihood) -> None:
        """Lower the energy until no single change lowers it further, or for `MAX_STEPS` steps."""
        self.likelihood = likelihood
        self.precision = likelihood.conditional_precision()
        self.converged = False
        self._assign(self.indices)
        is_fitted = self._fit_offsets()
        for step in range(MAX_STEPS):
            pixel_energies = self._pixel_change_energies()
            best = pixel_energies.argmin(axis=1)
            gain = pixel_energies[_PIXELS, best].reshape(SIDE_PX, SIDE_PX)
            if gain.min() < _MIN_GAIN:
                chosen = _choose_pixels(gain, in_parallel=step < PARALLEL_STEPS)
                self._assign(np.where(chosen.reshape(-1), best, self.indices))
                is_fitted = False
            elif not is_fitted:
                is_fitted = self._fit_offsets()
            else:
                color_energies = self._color_change_energies()
                if color_energies.min() > _MIN_GAIN:
                    self.pixel_energies, self.color_energies = pixel_energies, color_energies
                    self.converged = True
                    return
                row, new = np.unravel_index(color_energies.argmin(), color_energies.shape)
                self._assign(np.where(self.indices == self.used[row], new, self.indices))
                is_fitted = False

    def find_background_like(self) -> Indices:
        """Return the indices of colors that one pixel cannot distinguish from the background."""
        offset_variance = np.square(self.likelihood.color_offset_sd).astype(np.float32)
        variance = offset_variance + np.float32(0.25) + (1 / self.precision).max(axis=0)
        distances = ((self.ycbcr - self.background) ** 2 / (2 * variance)).sum(axis=1)
        return np.flatnonzero(distances < 4)[1:]

    def background_rgb(self) -> Floats:
        """Return the background as integers from 0 to 255, snapped to a known background nearby."""
        rgb = np.rint(self.observation.to_rgb(self.background.astype(np.float64)))
        near = (known for known in KNOWN_BACKGROUNDS if np.abs(rgb - known).max() <= 2)
        return np.array(next(near, rgb), np.float64)

    # -- state that follows from the assignment --------------------------------------------

    def _assign(self, indices: Indices) -> None:
        self.indices = indices
        self.counts: NDArray[np.intp] = np.bincount(indices, minlength=len(self.colors))
        self.used: Indices = np.flatnonzero(self.counts)
        self.membership: NDArray[np.float32] = (indices == self.used[:, None]).astype(np.float32)
        self.pixel_precision: Samples = self.likelihood.apply_precision(self.membership)
        self.used_precision: Samples = self.pixel_precision @ self.membership.T
        levels = self.ycbcr + self.offsets
        self.levels: Samples = levels[indices]
        self.gradient: Samples = (
            self._apply_precision(levels[self.used]) - self.likelihood.information
        )

    def _apply_precision(self, levels: Samples) -> Samples:
        """Return precision @ s (576, 3) of a sprite whose used colors have the levels (n, 3)."""
        product: Samples = (levels.T[:, None] @ self.pixel_precision)[:, 0].T
        return product

    def _composite_colors(self) -> Samples:
        """Return the candidate colors over the background, in YCbCr: (colors, 3)."""
        rgb = self.observation.to_rgb(self.background.astype(np.float64))
        composite = composite_palette(rgb)[self.colors]
        ycbcr = self.observation.to_ycbcr(composite).astype(np.float32)
        ycbcr[0] = self.background
        return ycbcr

    def _fit_offsets(self) -> bool:
        """Fit the background and the offsets by one Newton step. Returns True if they converged."""
        # Decoders clip colors beyond black, white and the most saturated ones.
        is_clipped: NDArray[np.bool_] = np.abs(self.ycbcr).max(axis=1) > _CLIPPED_LEVEL
        usual = np.square(self.likelihood.color_offset_sd).astype(np.float32)
        self.offset_variance: Samples = np.where(is_clipped[:, None], _CLIPPED_VARIANCE, usual)
        groups = np.flatnonzero(~is_clipped), np.flatnonzero(is_clipped)
        self.variance_groups: list[NDArray[np.intp]] = [colors for colors in groups if len(colors)]
        previous = (self.ycbcr + self.offsets)[self.used]
        prior_precision = 1 / self.offset_variance[self.used]
        prior_precision[self.used == 0] = 0  # The background has no prior.
        slope = self.membership @ self.gradient
        gradient = slope + prior_precision * self.offsets[self.used]
        identity = np.eye(len(prior_precision), dtype=np.float32)
        precision = self.used_precision + identity * prior_precision.T[:, None]
        step: Samples = -np.linalg.solve(precision, gradient.T[..., None])[..., 0].T
        if self.used[0] == 0:
            self.background = self.background + step[0]
            self.ycbcr = self._composite_colors()
        fitted = self.offsets[self.used] + step
        self.offsets[:] = 0
        self.offsets[self.used[self.used > 0]] = fitted[self.used > 0]
        levels = self.ycbcr + self.offsets
        self.levels = levels[self.indices]
        change = levels[self.used] - previous
        self.gradient += self._apply_precision(change)
        # A new background also changes the half-transparent colors, which the step ignores.
        return bool(np.abs(change - step).max() < 0.05)

    # -- energies of changes ---------------------------------------------------------------

    def _pixel_change_energies(self) -> Samples:
        """Return the energies of giving one pixel another color: (576, colors)."""
        target = self.levels - self.gradient / self.precision
        log_prior = np.log(self.counts + CONCENTRATION).astype(np.float32)
        log_own_prior = np.log(self.counts[self.indices] - 1 + CONCENTRATION).astype(np.float32)
        energies = self._free_offset_energies(1 / self.precision, target, log_prior)
        # The offset of a used color is known, unless this pixel is the only one of its color.
        single = np.flatnonzero(self.counts[self.indices] == 1)
        single_energies = energies[single, self.indices[single]]
        levels = (self.ycbcr + self.offsets)[self.used]
        energies[:, self.used] = quadratic_energies(
            self.precision, target, levels, log_prior[self.used]
        )
        energies[single, self.indices[single]] = single_energies
        current = energies[_PIXELS, self.indices] + log_prior[self.indices]
        energies += (log_own_prior - current)[:, None]
        energies[_PIXELS, self.indices] = 0
        return energies

    def _free_offset_energies(
        self, variance: Samples, target: Samples, log_prior: Samples
    ) -> Samples:
        """Return `quadratic_energies` of all colors, minimized over their offsets."""
        energies = np.empty((len(target), len(self.ycbcr)), np.float32)
        for colors in self.variance_groups:
            precision = 1 / (variance + self.offset_variance[colors[0]])
            energies[:, colors] = quadratic_energies(
                precision, target, self.ycbcr[colors], log_prior[colors]
            )
        return energies

    def _color_change_energies(self) -> Samples:
        """Return the energies of giving all pixels of a used color another color, (n, colors)."""
        slope = self.membership @ self.gradient
        precision = np.diagonal(self.used_precision, axis1=1, axis2=2).T
        levels = (self.ycbcr + self.offsets)[self.used]
        target = levels - slope / precision
        no_prior = np.zeros(len(self.colors), np.float32)
        energies = self._free_offset_energies(1 / precision, target, no_prior)
        rows = np.arange(len(self.used))
        current = energies[rows, self.used]
        energies[:, self.used] = quadratic_energies(precision, target, levels)
        # Merging two used colors changes the prior of both.
        n, m = self.counts[self.used][:, None], self.counts[self.used]
        merged = _LOG_GAMMA[(n + m).clip(max=NUM_PIXELS)]
        energies[:, self.used] += _LOG_GAMMA[n] + _LOG_GAMMA[m] - _LOG_GAMMA[0] - merged
        energies -= current[:, None]
        energies[rows, self.used] = 0
        energies[self.used == 0] = np.inf  # The background is never replaced.
        energies[self.used == 0, 0] = 0
        return energies


def _choose_pixels(gain: Samples, *, in_parallel: bool) -> NDArray[np.bool_]:
    """Return which pixels to change in one step: (24, 24).

    In parallel, the best pixel of each 5x5 neighborhood is changed, since distant pixels hardly
    interact through the likelihood. Otherwise only the best one is, because of the prior.
    """
    limit: NDArray[np.floating] | np.floating = gain.min()
    if in_parallel:
        padded = np.pad(gain, 2, constant_values=np.inf)
        neighborhoods = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
        limit = np.minimum(neighborhoods.min(axis=(2, 3)), _MIN_GAIN)
    chosen: NDArray[np.bool_] = gain <= limit
    return chosen


def quadratic_energies(
    precision: Samples, target: Samples, levels: Samples, log_prior: Samples | float = 0
) -> Samples:
    """Return 1/2 Σ precision · (levels - target)² - log_prior, as a matrix product.

    `target` is (n, 3), as is `precision` unless it is the same for all, `levels` (m, 3), and
    `log_prior` (m,); the result is float32 (n, m).
    """
    left = np.empty((len(target), 8), np.float32)
    left[:, :3] = precision / 2
    left[:, 3:6] = -precision * target
    left[:, 6] = (precision * target * target).sum(axis=1) / 2
    left[:, 7] = -1
    right = np.empty((8, len(levels)), np.float32)
    right[:3] = (levels * levels).T
    right[3:6] = levels.T
    right[6] = 1
    right[7] = log_prior
    energies: Samples = left @ right
    return energies

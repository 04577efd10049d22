"""The likeliest sprite for some evidence, by changing one thing after another. Pure.

Every pixel gets one of the 222 colors or the background. What the evidence leaves open is
decided by context within the same picture, not by knowledge of any other: a color that is
used already is likelier than a new one, in the measure of a Dirichlet process with few
colors (Antoniak 1974, "Mixtures of Dirichlet processes"), and pixels of one color share
an unknown offset, the codec's rounding. The search changes one pixel, or all pixels of one
color, as long as that makes the whole likelier.
"""

from __future__ import annotations

from math import lgamma

import numpy as np
from numpy.typing import NDArray

from punkdata.images.background import KNOWN_BACKGROUNDS, painted
from punkdata.images.palette import PALETTE
from punkdata.images.restoration.forward_model import (
    CELLS,
    SIDE,
    Evidence,
    Floats,
    Indices,
    Rendition,
    Samples,
)

MAX_STEPS = 80
STEPS_AT_ONCE = 6

NEW = 2.0 / len(PALETTE)
"""the weight of a color not yet used, beside the number of pixels of one that is"""
_LOG_GAMMA = np.array([lgamma(n + NEW) for n in range(CELLS + 1)], np.float32)
_CORNERS = [0, SIDE - 1, CELLS - SIDE, CELLS - 1]
_ALL = np.arange(CELLS)
_ENOUGH = np.float32(-1e-3)
"""a change that gains less energy is not worth making"""


class Search:
    """A color for each pixel, and the energy (minus log-probability) of changing that.

    Attributes:
        indices: (576,), the color of each pixel, by its position in `colors`.
        colors: those of the palette that are in question; 0, the background, is the first.
        behind: those of the palette that are not, being too near the background.
        codes, offsets: of each color in question, (colors, 3).
        counts: how many pixels have each of them, (colors,).
        used: the colors that any pixel has, (n,).
        member: which pixels have each used color, 0 or 1, (n, 576).
        between: the precision between the used colors, (3, n, n).
        gradient: of the energy by each pixel's codes, (576, 3).
        level_variance: how far each color may be off, (colors, 3).
        changes: once settled, energies of giving one pixel another color (576, colors),
            and all pixels of a used one (n, colors).
        settled: whether the search came to its end.
    """

    def __init__(self, rendition: Rendition, evidence: Evidence) -> None:
        self.rendition = rendition
        self.evidence, self.precision = evidence, evidence.diagonal()
        estimate, weight = rendition.estimate(), self.precision
        self.background: Samples = estimate[_CORNERS].mean(axis=0)
        self.colors: Indices = np.arange(len(PALETTE))
        self.codes: Samples = self._painted()
        # Most colors are far from all that the picture shows, and need no second look.
        apart = squares(np.ones_like(estimate), estimate, self.codes).min(axis=0)
        reach = 20 + 10 / np.sqrt(weight.min())
        is_in_question = apart < reach**2 / 2
        # To choose between these and the background would be to guess.
        self.behind: Indices = self.hidden()
        is_in_question[self.behind] = False
        is_in_question[0] = True
        self.colors = np.flatnonzero(is_in_question)
        self.codes = self.codes[self.colors]
        self.offsets = np.zeros_like(self.codes)
        self.indices: Indices = squares(weight, estimate, self.codes).argmin(axis=1)
        self.settled = False

    def picture(self, indices: Indices) -> Floats:
        """float (24, 24, 3), 0 to 255"""
        rgb = painted(self.background_rgb())[self.colors]
        return rgb[indices].reshape(SIDE, SIDE, 3)

    def settle(self, evidence: Evidence) -> None:
        """Change what is worth changing, until nothing is."""
        self.evidence = evidence
        self.precision = evidence.diagonal()
        self.settled = False
        self._recolor(self.indices)
        is_fitted = self._fit_levels()
        for step in range(MAX_STEPS):
            pixels = self._pixel_changes()
            best = pixels.argmin(axis=1)
            gain = pixels[_ALL, best].reshape(SIDE, SIDE)
            if gain.min() < _ENOUGH:
                # At first all at once that are the best in their neighborhood of 5x5; then
                # one by one, because distant pixels still compete for colors.
                frame = np.pad(gain, 2, constant_values=np.inf)
                around = np.lib.stride_tricks.sliding_window_view(frame, (5, 5))
                limit = np.minimum(around.min(axis=(2, 3)), _ENOUGH)
                chosen = gain <= (limit if step < STEPS_AT_ONCE else gain.min())
                self._recolor(np.where(chosen.reshape(-1), best, self.indices))
                is_fitted = False
            elif not is_fitted:
                is_fitted = self._fit_levels()
            else:
                colors = self._color_changes()
                if colors.min() > _ENOUGH:
                    self.changes = pixels, colors
                    self.settled = True
                    return
                at, to = np.unravel_index(colors.argmin(), colors.shape)
                self._recolor(np.where(self.indices == self.used[at], to, self.indices))
                is_fitted = False

    def hidden(self) -> Indices:
        """The palette's colors that one pixel alone would not tell from the background."""
        usual = np.square(self.evidence.level_sd).astype(np.float32)
        variance = usual + np.float32(0.25) + (1 / self.precision).max(axis=0)
        apart = ((self.codes - self.background) ** 2 / (2 * variance)).sum(axis=1)
        return np.flatnonzero(apart < 4)[1:]

    def background_rgb(self) -> Floats:
        """Whole numbers, 0 to 255; a well-known background if this is next to it."""
        rgb = np.rint(self.rendition.rgb(self.background.astype(np.float64)))
        for known in KNOWN_BACKGROUNDS:
            if np.abs(rgb - known).max() <= 2:
                return np.array(known, np.float64)
        return rgb

    # -- what follows from the colors ----------------------------------------------------

    def _recolor(self, indices: Indices) -> None:
        self.indices = indices
        self.counts = np.bincount(indices, minlength=len(self.colors))
        self.used: Indices = np.flatnonzero(self.counts)
        self.member = (indices == self.used[:, None]).astype(np.float32)
        self.spread: Samples = self.evidence.spread(self.member)
        self.between: Samples = self.spread @ self.member.T
        levels = self.codes + self.offsets
        self.levels = levels[indices]
        self.gradient = self._pulled(levels[self.used]) - self.evidence.pull

    def _pulled(self, levels: Samples) -> Samples:
        """precision @ sprite (576, 3), for the levels of the colors used (n, 3)"""
        pulled: Samples = (levels.T[:, None] @ self.spread)[:, 0].T
        return pulled

    def _painted(self) -> Samples:
        """The codes of the colors in question over the background: (colors, 3)"""
        rgb = self.rendition.rgb(self.background.astype(np.float64))
        codes = self.rendition.codes(painted(rgb)[self.colors]).astype(np.float32)
        codes[0] = self.background
        return codes

    def _fit_levels(self) -> bool:
        """Fit the background and the offsets; whether once was enough."""
        # Decoders clip what lies beyond black, white and the purest colors.
        is_extreme: NDArray[np.bool_] = np.abs(self.codes).max(axis=1) > 120
        usual = np.square(self.evidence.level_sd).astype(np.float32)
        self.level_variance: Samples = np.where(is_extreme[:, None], np.float32(4), usual)
        kinds = np.flatnonzero(~is_extreme), np.flatnonzero(is_extreme)
        self.kinds = [colors for colors in kinds if len(colors)]
        slope, before = self.member @ self.gradient, (self.codes + self.offsets)[self.used]
        held = np.where(self.used[:, None] == 0, np.float32(0), 1 / self.level_variance[self.used])
        pull = slope + held * self.offsets[self.used]
        precision = self.between + np.eye(len(held), dtype=np.float32) * held.T[:, None]
        step: Samples = -np.linalg.solve(precision, pull.T[..., None])[..., 0].T
        if self.used[0] == 0:
            self.background = self.background + step[0]
            self.codes = self._painted()
        fitted = self.offsets[self.used] + step
        self.offsets[:] = 0
        self.offsets[self.used[self.used > 0]] = fitted[self.used > 0]
        levels = self.codes + self.offsets
        self.levels = levels[self.indices]
        change = levels[self.used] - before
        self.gradient += self._pulled(change)
        # What shines through half-transparent colors makes steps of its own.
        return bool(np.abs(change - step).max() < 0.05)

    # -- energies of changes ----------------------------------------------------------------

    def _pixel_changes(self) -> Samples:
        """Of giving one pixel another color: (576, colors)."""
        wanted = self.levels - self.gradient / self.precision
        often = np.log(self.counts + NEW).astype(np.float32)
        own = np.log(self.counts[self.indices] - 1 + NEW).astype(np.float32)
        # A color that no other pixel has still has its offset free.
        energies = self._loose_squares(1 / self.precision, wanted, own, often)
        alone = np.flatnonzero(self.counts[self.indices] == 1)
        free = energies[alone, self.indices[alone]]
        levels = (self.codes + self.offsets)[self.used]
        energies[:, self.used] = squares(self.precision, wanted, levels, own, often[self.used])
        energies[alone, self.indices[alone]] = free
        here = energies[_ALL, self.indices] - own + often[self.indices]
        energies -= here[:, None]
        energies[_ALL, self.indices] = 0
        return energies

    def _loose_squares(
        self,
        variance: Samples,
        wanted: Samples,
        more: Samples | float = 0,
        less: Samples | float = 0,
    ) -> Samples:
        """`_squares` of all colors, when their offsets are free too."""
        energies = np.empty((len(wanted), len(self.codes)), np.float32)
        less = np.broadcast_to(np.asarray(less, np.float32), len(self.codes))
        for colors in self.kinds:
            precision = 1 / (variance + self.level_variance[colors[0]])
            codes = self.codes[colors]
            energies[:, colors] = squares(precision, wanted, codes, more, less[colors])
        return energies

    def _color_changes(self) -> Samples:
        """Of giving all pixels of a used color another one: (used, colors)."""
        slope = self.member @ self.gradient
        precision = np.diagonal(self.between, axis1=1, axis2=2).T
        levels = (self.codes + self.offsets)[self.used]
        wanted = levels - slope / precision
        energies = self._loose_squares(1 / precision, wanted)
        rows = np.arange(len(self.used))
        here = energies[rows, self.used]
        energies[:, self.used] = squares(precision, wanted, levels)
        n, m = self.counts[self.used][:, None], self.counts[self.used]
        together = _LOG_GAMMA[(n + m).clip(max=CELLS)]
        energies[:, self.used] += _LOG_GAMMA[n] + _LOG_GAMMA[m] - _LOG_GAMMA[0] - together
        energies -= here[:, None]
        energies[rows, self.used] = 0
        energies[self.used == 0] = np.inf  # the background stays
        energies[self.used == 0, 0] = 0
        return energies


def squares(
    precision: Samples,
    wanted: Samples,
    levels: Samples,
    more: Samples | float = 0,
    less: Samples | float = 0,
) -> Samples:
    """½ Σ precision · (levels − wanted)² + more − less, in one product of matrices.

    Args:
        precision, wanted: (n, 3)
        levels: (m, 3)
        more: (n,)
        less: (m,)

    Returns:
        (n, m)
    """
    left = np.empty((len(wanted), 8), np.float32)
    left[:, :3] = precision / 2
    left[:, 3:6] = -precision * wanted
    left[:, 6] = (precision * wanted * wanted).sum(axis=1) / 2 + more
    left[:, 7] = -1
    right = np.empty((8, len(levels)), np.float32)
    right[:3] = (levels * levels).T
    right[3:6] = levels.T
    right[6] = 1
    right[7] = less
    squares: Samples = left @ right
    return squares

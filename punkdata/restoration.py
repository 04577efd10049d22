"""From evidence to the one sprite that it speaks for, and how surely. Pure.

Every pixel gets one of the 222 colours or the background. What the evidence leaves open is
decided by context within the same picture, not by knowledge of any other: a colour that is
used already is likelier than a new one, in the measure of a Dirichlet process with few
colours (Antoniak 1974, "Mixtures of Dirichlet processes"), and pixels of one colour share
an unknown offset, the codec's rounding. The search changes one pixel, or all pixels of one
colour, as long as that makes the whole likelier.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from punkdata.palette import PALETTE
from punkdata.rendition import CELLS, SIDE, Evidence, Floats, Indices, Rendition, Samples

KNOWN_BACKGROUNDS = ((0x63, 0x85, 0x96), (0x95, 0x55, 0x4F), (0x8E, 0x6F, 0xB6))
"""what stands behind punks that are not for sale, for sale, and bid for"""
MAX_ROUNDS = 5
MAX_STEPS = 80
STEPS_AT_ONCE = 6
MAX_OTHERS = 5

SLIPS = 0.3
"""how often codecs slip in a patch of `PATCH` pixels, by `Evidence.slip_sd` codes"""
PATCH = 3

_COLOURS = len(PALETTE)
_HALF = PALETTE[:, 3] == 128
_RGB = PALETTE[:, :3].astype(np.float64)
_NEW = 2.0 / _COLOURS
"""the weight of a colour not yet used, beside the number of pixels of one that is"""
_LOG_GAMMA = np.array([lgamma(n + _NEW) for n in range(CELLS + 1)], np.float32)
_CORNERS = [0, SIDE - 1, CELLS - SIDE, CELLS - 1]
_ALL = np.arange(CELLS)
_LIKELY, _POSSIBLE = 7, 14
"""energies up to which other answers are looked at, and counted"""
_ENOUGH = np.float32(-1e-3)
"""a change that gains less energy is not worth making"""


@dataclass(frozen=True)
class Restoration:
    indices: Indices
    """(576,): the colour of each pixel in `PALETTE`"""
    background: Floats
    """RGB, whole numbers 0 to 255"""
    odds: float
    """of all other answers together, against this one; inf where the search came to no end"""
    strangeness: float
    """of the colours found, how far the worst lies from the palette, in standard errors"""
    hidden: Indices
    """the palette's colours that could not be told from the background"""


def restore(rendition: Rendition) -> Restoration:
    evidence = rendition.evidence()
    search = _Search(rendition, evidence)
    for turn in range(MAX_ROUNDS):
        before = search.indices
        corrected = rendition.corrected(search.picture(before))
        if corrected is not None:
            evidence = corrected
        elif turn > 0:
            break
        search.settle(evidence)
        if (search.indices == before).all():
            break
    return search.result()


def painted(background: Floats) -> Floats:
    """The palette over a background: float (222, 3) of float (3,), 0 to 255."""
    rgb = _RGB.copy()
    rgb[_HALF] = (rgb[_HALF] * 128 + background * 127) / 255
    rgb[0] = background
    return rgb


class _Search:
    """A colour for each pixel, and the energy (minus log-probability) of changing that."""

    def __init__(self, rendition: Rendition, evidence: Evidence) -> None:
        self.rendition = rendition
        self.evidence, self.precision = evidence, evidence.diagonal()
        estimate, weight = rendition.estimate(), self.precision
        self.background: Samples = estimate[_CORNERS].mean(axis=0)
        self.colours: Indices = np.arange(len(PALETTE))
        """of the palette, those in question; by their position here all others below go"""
        self.codes: Samples = self._painted()
        # Most colours are far from all that the picture shows, and need no second look.
        apart = _squares(np.ones_like(estimate), estimate, self.codes).min(axis=0)
        reach = 20 + 10 / np.sqrt(weight.min())
        is_in_question = apart < reach**2 / 2
        # To choose between these and the background would be to guess.
        self.behind: Indices = self._hidden()
        is_in_question[self.behind] = False
        is_in_question[0] = True
        self.colours = np.flatnonzero(is_in_question)
        self.codes = self.codes[self.colours]
        self.offsets = np.zeros_like(self.codes)
        self.indices: Indices = _squares(weight, estimate, self.codes).argmin(axis=1)
        self.settled = False

    def picture(self, indices: Indices) -> Floats:
        """float (24, 24, 3), 0 to 255"""
        rgb = painted(self._background_rgb())[self.colours]
        return rgb[indices].reshape(SIDE, SIDE, 3)

    def settle(self, evidence: Evidence) -> None:
        """Change what is worth changing, until nothing is."""
        self.evidence = evidence
        self.precision = evidence.diagonal()
        self.settled = False
        self._recolour(self.indices)
        is_fitted = self._fit_levels()
        for step in range(MAX_STEPS):
            pixels = self._pixel_changes()
            best = pixels.argmin(axis=1)
            gain = pixels[_ALL, best].reshape(SIDE, SIDE)
            if gain.min() < _ENOUGH:
                # At first all at once that are the best in their neighbourhood of 5x5; then
                # one by one, because distant pixels still compete for colours.
                frame = np.pad(gain, 2, constant_values=np.inf)
                around = np.lib.stride_tricks.sliding_window_view(frame, (5, 5))
                limit = np.minimum(around.min(axis=(2, 3)), _ENOUGH)
                chosen = gain <= (limit if step < STEPS_AT_ONCE else gain.min())
                self._recolour(np.where(chosen.reshape(-1), best, self.indices))
                is_fitted = False
            elif not is_fitted:
                is_fitted = self._fit_levels()
            else:
                colours = self._colour_changes()
                if colours.min() > _ENOUGH:
                    self.changes = pixels, colours
                    self.settled = True
                    return
                at, to = np.unravel_index(colours.argmin(), colours.shape)
                self._recolour(np.where(self.indices == self.used[at], to, self.indices))
                is_fitted = False

    def result(self) -> Restoration:
        slope = self.member @ self.gradient
        variance = 1 / np.diagonal(self.between, axis1=1, axis2=2).T
        off = self.offsets[self.used] - slope * variance
        off[self.used == 0] = 0
        deviations = np.sqrt((off**2 / (variance + self.level_variance[self.used])).sum(axis=1))
        indices, odds = self.indices, np.inf
        if self.settled:
            odds, others = self._others()
            answers, rest = [indices], odds
            while others and rest > self.rendition.doubtful_odds:
                their_odds, other = others.pop(0)
                answers, rest = [*answers, other], max(0.0, rest - their_odds)
            if len(answers) > 1:
                match = self.rendition.only_match([self.picture(a) for a in answers], odds)
                if match is not None:
                    indices, odds = answers[match], rest
        return Restoration(
            self.colours[indices],
            self._background_rgb(),
            odds,
            float(deviations.max()),
            np.union1d(self.behind, self.colours[self._hidden()]),
        )

    def _hidden(self) -> Indices:
        """The palette's colours that one pixel alone would not tell from the background."""
        usual = np.square(self.evidence.level_sd).astype(np.float32)
        variance = usual + np.float32(0.25) + (1 / self.precision).max(axis=0)
        apart = ((self.codes - self.background) ** 2 / (2 * variance)).sum(axis=1)
        return np.flatnonzero(apart < 4)[1:]

    def _background_rgb(self) -> Floats:
        """Whole numbers, 0 to 255; a well-known background if this is next to it."""
        rgb = np.rint(self.rendition.rgb(self.background.astype(np.float64)))
        for known in KNOWN_BACKGROUNDS:
            if np.abs(rgb - known).max() <= 2:
                return np.array(known, np.float64)
        return rgb

    # -- what follows from the colours ----------------------------------------------------

    def _recolour(self, indices: Indices) -> None:
        self.indices = indices
        self.counts = np.bincount(indices, minlength=len(self.colours))
        self.used: Indices = np.flatnonzero(self.counts)
        self.member = (indices == self.used[:, None]).astype(np.float32)
        self.spread: Samples = self.evidence.spread(self.member)
        self.between: Samples = self.spread @ self.member.T
        """the precision between the colours used: (3, n, n)"""
        levels = self.codes + self.offsets
        self.levels = levels[indices]
        self.gradient = self._pulled(levels[self.used]) - self.evidence.pull

    def _pulled(self, levels: Samples) -> Samples:
        """precision @ sprite (576, 3), for the levels of the colours used (n, 3)"""
        pulled: Samples = (levels.T[:, None] @ self.spread)[:, 0].T
        return pulled

    def _painted(self) -> Samples:
        """The codes of the colours in question over the background: (colours, 3)"""
        rgb = self.rendition.rgb(self.background.astype(np.float64))
        codes = self.rendition.codes(painted(rgb)[self.colours]).astype(np.float32)
        codes[0] = self.background
        return codes

    def _fit_levels(self) -> bool:
        """Fit the background and the offsets; whether once was enough."""
        # Decoders clip what lies beyond black, white and the purest colours.
        is_extreme: NDArray[np.bool_] = np.abs(self.codes).max(axis=1) > 120
        usual = np.square(self.evidence.level_sd).astype(np.float32)
        self.level_variance: Samples = np.where(is_extreme[:, None], np.float32(4), usual)
        kinds = np.flatnonzero(~is_extreme), np.flatnonzero(is_extreme)
        self.kinds = [colours for colours in kinds if len(colours)]
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
        # What shines through half-transparent colours makes steps of its own.
        return bool(np.abs(change - step).max() < 0.05)

    # -- energies of changes ----------------------------------------------------------------

    def _pixel_changes(self) -> Samples:
        """Of giving one pixel another colour: (576, colours)."""
        wanted = self.levels - self.gradient / self.precision
        often = np.log(self.counts + _NEW).astype(np.float32)
        own = np.log(self.counts[self.indices] - 1 + _NEW).astype(np.float32)
        # A colour that no other pixel has still has its offset free.
        energies = self._loose_squares(1 / self.precision, wanted, own, often)
        alone = np.flatnonzero(self.counts[self.indices] == 1)
        free = energies[alone, self.indices[alone]]
        levels = (self.codes + self.offsets)[self.used]
        energies[:, self.used] = _squares(self.precision, wanted, levels, own, often[self.used])
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
        """`_squares` of all colours, when their offsets are free too."""
        energies = np.empty((len(wanted), len(self.codes)), np.float32)
        less = np.broadcast_to(np.asarray(less, np.float32), len(self.codes))
        for colours in self.kinds:
            precision = 1 / (variance + self.level_variance[colours[0]])
            squares = _squares(precision, wanted, self.codes[colours], more, less[colours])
            energies[:, colours] = squares
        return energies

    def _colour_changes(self) -> Samples:
        """Of giving all pixels of a used colour another one: (used, colours)."""
        slope = self.member @ self.gradient
        precision = np.diagonal(self.between, axis1=1, axis2=2).T
        levels = (self.codes + self.offsets)[self.used]
        wanted = levels - slope / precision
        energies = self._loose_squares(1 / precision, wanted)
        rows = np.arange(len(self.used))
        here = energies[rows, self.used]
        energies[:, self.used] = _squares(precision, wanted, levels)
        n, m = self.counts[self.used][:, None], self.counts[self.used]
        together = _LOG_GAMMA[(n + m).clip(max=CELLS)]
        energies[:, self.used] += _LOG_GAMMA[n] + _LOG_GAMMA[m] - _LOG_GAMMA[0] - together
        energies -= here[:, None]
        energies[rows, self.used] = 0
        energies[self.used == 0] = np.inf  # the background stays
        energies[self.used == 0, 0] = 0
        return energies

    def _others(self) -> tuple[float, list[tuple[float, Indices]]]:
        """The summed odds of other answers, and the likeliest of these with theirs."""
        pixels, colours = self.changes
        pixels[_ALL, self.indices] = np.inf
        pixels[self.counts[self.indices] == 1] = np.inf  # these are whole colours
        colours[np.arange(len(self.used)), self.used] = np.inf
        self._allow_slips(pixels, colours)
        hidden = self._hidden()  # whether these are background is for others to say
        pixels[np.ix_(self.indices == 0, hidden)] = np.inf
        pixels[np.isin(self.indices, hidden), 0] = np.inf
        colours[np.isin(self.used, hidden), 0] = np.inf
        found: list[tuple[float, Indices]] = []
        for at, to in np.argwhere(colours < _LIKELY):
            odds = float(np.exp(-colours[at, to]))
            found.append((odds, np.where(self.indices == self.used[at], to, self.indices)))
        for at, to in np.argwhere(pixels < _LIKELY)[: 10 * MAX_OTHERS]:
            found.append((float(np.exp(-pixels[at, to])), np.where(at == _ALL, to, self.indices)))
        found.sort(key=lambda pair: -pair[0])
        energies = np.concatenate([pixels[pixels < _POSSIBLE], colours[colours < _POSSIBLE]])
        return float(np.exp(-energies).sum()), found[:MAX_OTHERS]

    def _allow_slips(self, pixels: Samples, colours: Samples) -> None:
        """Lower the energies of changes, beside what the evidence says, to those of a slip of the
        codec in one patch.
        """
        luma, chroma = self.evidence.slip_sd
        precision = np.array([1 / luma**2, 1 / chroma**2, 1 / chroma**2], np.float32)
        here = self.codes[self.used]
        gaps = _squares(np.broadcast_to(precision, here.shape), here, self.codes)
        slips = gaps.clip(min=0) - np.float32(np.log(SLIPS))
        for at, to in np.argwhere(slips < _POSSIBLE):
            colour = self.used[at]
            if colour in (0, to):
                continue
            n = self.counts[colour]
            slip = slips[at, to] * max(1, n / PATCH)
            colours[at, to] = min(colours[at, to], slip)
            if n > 1:
                members = np.flatnonzero(self.indices == colour)
                prior = np.log((n - 1 + _NEW) / (self.counts[to] + _NEW))
                slip = slips[at, to] + max(0, prior)
                pixels[members, to] = np.minimum(pixels[members, to], slip)


def _squares(
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

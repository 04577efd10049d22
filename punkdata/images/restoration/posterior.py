"""The most probable sprite of an observed image, and the odds of similar sprites against it."""

from dataclasses import dataclass

import numpy as np

from punkdata.images.restoration.forward_model import (
    NUM_PIXELS,
    Floats,
    Indices,
    Observation,
    Samples,
)
from punkdata.images.restoration.map_search import CONCENTRATION, MapSearch, quadratic_energies
from punkdata.images.sprite import SIDE_PX

MAX_ROUNDS = 5  # Maximum number of searches, each with a likelihood corrected near the last result.
MAX_ALTERNATIVES = 5  # Maximum number of sprites whose renderings are compared with the image.
OUTLIER_RATE = 0.3  # Prior odds of an error of size `outlier_sd` in one patch of sprite pixels.
OUTLIER_PATCH_PX = 3  # Number of sprite pixels that one outlier affects.

_PIXELS = np.arange(NUM_PIXELS)
_LIKELY_ENERGY = 7  # Maximum energy of alternatives that are examined one by one.
_POSSIBLE_ENERGY = 14  # Maximum energy of alternatives that count in the odds.


@dataclass(frozen=True)
class Restoration:
    """The palette indices (24, 24) of a restored sprite, and its RGB background, 0 to 255.

    `alternative_odds` are the odds of all alternatives against it, inf if the search did not
    converge. `max_color_deviation` is the largest deviation of a color from the palette, in
    standard errors. `background_like` are the palette indices of the colors that cannot be
    distinguished from the background.
    """

    indices: Indices
    background: Floats
    alternative_odds: float
    max_color_deviation: float
    background_like: Indices


def restore(observation: Observation) -> Restoration:
    """Return the most probable sprite of an observed image, with the odds of alternatives."""
    likelihood = observation.likelihood()
    search = MapSearch(observation, likelihood)
    for round_ in range(MAX_ROUNDS):
        previous = search.indices
        corrected = observation.likelihood_near(search.sprite_rgb(previous))
        if corrected is not None:
            likelihood = corrected
        elif round_ > 0:
            break
        search.run(likelihood)
        if (search.indices == previous).all():
            break
    return _summarize(observation, search)


def _summarize(observation: Observation, search: MapSearch) -> Restoration:
    """Compute the deviations and the odds, and compare renderings where the odds are high."""
    indices, odds = search.indices, np.inf
    if search.converged:
        odds, alternatives = _find_alternatives(search)
        candidates, remaining = [indices], odds
        while alternatives and remaining > observation.rerender_odds:
            alternative_odds, alternative = alternatives.pop(0)
            candidates.append(alternative)
            remaining = max(0.0, remaining - alternative_odds)
        if len(candidates) > 1:
            match = observation.find_unique_match([search.sprite_rgb(c) for c in candidates], odds)
            if match is not None:
                indices, odds = candidates[match], remaining
    return Restoration(
        search.colors[indices].reshape(SIDE_PX, SIDE_PX),
        search.background_rgb(),
        odds,
        _max_color_deviation(search),
        np.union1d(search.excluded, search.colors[search.find_background_like()]),
    )


def _max_color_deviation(search: MapSearch) -> float:
    """Return the largest deviation of a used color from the palette, in standard errors."""
    slope = search.membership @ search.gradient
    variance = 1 / np.diagonal(search.used_precision, axis1=1, axis2=2).T
    deviation = search.offsets[search.used] - slope * variance
    deviation[search.used == 0] = 0
    squared = deviation**2 / (variance + search.offset_variance[search.used])
    return float(np.sqrt(squared.sum(axis=1)).max())


def _find_alternatives(search: MapSearch) -> tuple[float, list[tuple[float, Indices]]]:
    """Return the summed odds of all alternatives, and the most probable ones with their odds."""
    pixels, colors = search.pixel_energies, search.color_energies
    pixels[_PIXELS, search.indices] = np.inf
    # Changing the only pixel of a color is also a change of that color; count it once.
    pixels[search.counts[search.indices] == 1] = np.inf
    colors[np.arange(len(search.used)), search.used] = np.inf
    _allow_outliers(search, pixels, colors)
    # `background_like` reports confusions with the background; they are not alternatives here.
    background_like = search.find_background_like()
    pixels[np.ix_(search.indices == 0, background_like)] = np.inf
    pixels[np.isin(search.indices, background_like), 0] = np.inf
    colors[np.isin(search.used, background_like), 0] = np.inf
    alternatives: list[tuple[float, Indices]] = []
    for row, new in np.argwhere(colors < _LIKELY_ENERGY):
        changed = np.where(search.indices == search.used[row], new, search.indices)
        alternatives.append((float(np.exp(-colors[row, new])), changed))
    for pixel, new in np.argwhere(pixels < _LIKELY_ENERGY)[: 10 * MAX_ALTERNATIVES]:
        changed = np.where(pixel == _PIXELS, new, search.indices)
        alternatives.append((float(np.exp(-pixels[pixel, new])), changed))
    alternatives.sort(key=lambda pair: -pair[0])
    energies = np.concatenate([e[e < _POSSIBLE_ENERGY] for e in (pixels, colors)])
    return float(np.exp(-energies).sum()), alternatives[:MAX_ALTERNATIVES]


def _allow_outliers(search: MapSearch, pixels: Samples, colors: Samples) -> None:
    """Lower, in place, the energies of changes that a codec's large error in a patch can explain.

    The Gaussian likelihood underestimates how often such errors occur.
    """
    luma, chroma = search.likelihood.outlier_sd
    precision = np.array([1 / luma**2, 1 / chroma**2, 1 / chroma**2], np.float32)
    distances = quadratic_energies(precision, search.ycbcr[search.used], search.ycbcr)
    outliers = distances.clip(min=0) - np.float32(np.log(OUTLIER_RATE))
    for row, new in np.argwhere(outliers < _POSSIBLE_ENERGY):
        color = search.used[row]
        if color in (0, new):
            continue
        n = search.counts[color]
        energy = outliers[row, new] * max(1, n / OUTLIER_PATCH_PX)
        colors[row, new] = min(colors[row, new], energy)
        if n > 1:
            members = np.flatnonzero(search.indices == color)
            prior = np.log((n - 1 + CONCENTRATION) / (search.counts[new] + CONCENTRATION))
            energy = outliers[row, new] + max(0, prior)
            pixels[members, new] = np.minimum(pixels[members, new], energy)

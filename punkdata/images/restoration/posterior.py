"""From evidence to the one sprite that it speaks for, and how surely. Pure.

The likeliest sprite is searched for (search.py); then all that differ from it in one pixel
or one color are weighed against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from punkdata.images.restoration.forward_model import CELLS, Floats, Indices, Rendition, Samples
from punkdata.images.restoration.map_search import NEW, Search, squares

MAX_ROUNDS = 5
MAX_OTHERS = 5

SLIPS = 0.3
"""how often codecs slip in a patch of `PATCH` pixels, by `Evidence.slip_sd` codes"""
PATCH = 3

_ALL = np.arange(CELLS)
_LIKELY, _POSSIBLE = 7, 14
"""energies up to which other answers are looked at, and counted"""


@dataclass(frozen=True)
class Restoration:
    indices: Indices
    """(576,): the color of each pixel in `PALETTE`"""
    background: Floats
    """RGB, whole numbers 0 to 255"""
    odds: float
    """of all other answers together, against this one; inf where the search came to no end"""
    strangeness: float
    """of the colors found, how far the worst lies from the palette, in standard errors"""
    hidden: Indices
    """the palette's colors that could not be told from the background"""


def restore(rendition: Rendition) -> Restoration:
    evidence = rendition.evidence()
    search = Search(rendition, evidence)
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
    return _result(rendition, search)


def _result(rendition: Rendition, search: Search) -> Restoration:
    slope = search.member @ search.gradient
    variance = 1 / np.diagonal(search.between, axis1=1, axis2=2).T
    off = search.offsets[search.used] - slope * variance
    off[search.used == 0] = 0
    deviations = np.sqrt((off**2 / (variance + search.level_variance[search.used])).sum(axis=1))
    indices, odds = search.indices, np.inf
    if search.settled:
        odds, others = _others(search)
        answers, rest = [indices], odds
        while others and rest > rendition.doubtful_odds:
            their_odds, other = others.pop(0)
            answers, rest = [*answers, other], max(0.0, rest - their_odds)
        if len(answers) > 1:
            match = rendition.only_match([search.picture(a) for a in answers], odds)
            if match is not None:
                indices, odds = answers[match], rest
    return Restoration(
        search.colors[indices],
        search.background_rgb(),
        odds,
        float(deviations.max()),
        np.union1d(search.behind, search.colors[search.hidden()]),
    )


def _others(search: Search) -> tuple[float, list[tuple[float, Indices]]]:
    """The summed odds of other answers, and the likeliest of these with theirs."""
    pixels, colors = search.changes
    pixels[_ALL, search.indices] = np.inf
    pixels[search.counts[search.indices] == 1] = np.inf  # these are whole colors
    colors[np.arange(len(search.used)), search.used] = np.inf
    _allow_slips(search, pixels, colors)
    hidden = search.hidden()  # whether these are background is for others to say
    pixels[np.ix_(search.indices == 0, hidden)] = np.inf
    pixels[np.isin(search.indices, hidden), 0] = np.inf
    colors[np.isin(search.used, hidden), 0] = np.inf
    found: list[tuple[float, Indices]] = []
    for at, to in np.argwhere(colors < _LIKELY):
        odds = float(np.exp(-colors[at, to]))
        found.append((odds, np.where(search.indices == search.used[at], to, search.indices)))
    for at, to in np.argwhere(pixels < _LIKELY)[: 10 * MAX_OTHERS]:
        found.append((float(np.exp(-pixels[at, to])), np.where(at == _ALL, to, search.indices)))
    found.sort(key=lambda pair: -pair[0])
    energies = np.concatenate([pixels[pixels < _POSSIBLE], colors[colors < _POSSIBLE]])
    return float(np.exp(-energies).sum()), found[:MAX_OTHERS]


def _allow_slips(search: Search, pixels: Samples, colors: Samples) -> None:
    """Lower the energies of changes, beside what the evidence says, to those of a slip of the
    codec in one patch.
    """
    luma, chroma = search.evidence.slip_sd
    precision = np.array([1 / luma**2, 1 / chroma**2, 1 / chroma**2], np.float32)
    here = search.codes[search.used]
    gaps = squares(np.broadcast_to(precision, here.shape), here, search.codes)
    slips = gaps.clip(min=0) - np.float32(np.log(SLIPS))
    for at, to in np.argwhere(slips < _POSSIBLE):
        color = search.used[at]
        if color in (0, to):
            continue
        n = search.counts[color]
        slip = slips[at, to] * max(1, n / PATCH)
        colors[at, to] = min(colors[at, to], slip)
        if n > 1:
            members = np.flatnonzero(search.indices == color)
            prior = np.log((n - 1 + NEW) / (search.counts[to] + NEW))
            slip = slips[at, to] + max(0, prior)
            pixels[members, to] = np.minimum(pixels[members, to], slip)

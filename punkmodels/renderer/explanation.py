"""The punk that a picture shows, found by drawing it: the search, and the proof.

No classifier is needed: the search starts from the likeliest bare head. The result is a proof only
if the drawing agrees with the picture everywhere, and if no similar outfit's drawing does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.images.background import composite_palette
from punkdata.images.palette import PALETTE
from punkmodels.renderer.outfit_search import (
    BASES,
    FEMALE,
    HOPELESS_PIXELS,
    MAX_COST,
    Floats,
    Outfit,
    accessory_changes,
    base_changes,
    climb,
    exchanges,
    load_pair_table,
)

MIN_SD = 0.35  # of a color, because colors are rounded
SURE_DEVIATIONS = 5.0  # deviation of a color, in standard deviations, that is no coincidence
ROUNDING = 0.6  # error of a color that is rounded once
SAFE_DISTANCE = 4.0  # of two colors, in one channel, that cannot be confused
MIN_COST_OF_RIVALS = 30.0  # difference of the costs of the best outfit and of any other one
MIN_GAIN, MAX_GAIN, MAX_OFFSET = 0.7, 1.4, 45.0  # of a slight change of colors
MAX_GAIN_RATIO = 1.3  # of two channels
GUESS_SD = 2.0  # smallest error of a color after a guessed change of colors
CHANGED_SD = 1.0  # smallest error of a color after a fitted change of colors
CLIPPED_OFFSETS = (0, -8, -16, -24, -32)
MAX_MISFIT = 10.0  # of a color that a guessed change explains
NUM_FITS = 3  # fits of a change of colors, each to the best drawing so far
MAX_BASE_SHARE = 0.95  # cost of the best bare head, relative to that of drawing nothing
NUM_CHANGES = 3  # hypotheses about a change of colors that are examined
_NECKS = tuple((23 * 24 + (8 if base.type == FEMALE else 6), 23 * 24 + 9) for base in BASES)
"""Indices of a pixel of the outline and of the skin of the neck, for each base."""


@dataclass(frozen=True)
class ColorChange:
    """What was done to the colors of a picture: gain and offset of each channel, float (3,)."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def is_slight(self) -> bool:
        gain, offset = self.gain, self.offset
        is_balanced = gain.max() <= MAX_GAIN_RATIO * gain.min()
        in_range = gain.min() >= MIN_GAIN and gain.max() <= MAX_GAIN
        return bool(is_balanced and in_range and np.abs(offset).max() <= MAX_OFFSET)


UNCHANGED = ColorChange(np.ones(3), np.zeros(3))


@dataclass(frozen=True)
class Observation:
    """The observed colors, (576, 3), the background, (3,), and the error's standard deviation."""

    colors: NDArray[np.float64]
    background: NDArray[np.float64]
    sd: float


def residuals(seen: Observation, change: ColorChange) -> NDArray[np.float64]:
    """Return by how much each pair's color differs from the observed one, (P, 3), if not rounded.

    The colors of all pairs are changed, and half-transparent ones mixed with the background.
    """
    table = load_pair_table()
    rgba = PALETTE[table.colors].astype(float)
    alpha = rgba[:, 3:] / 255
    opaque = (rgba[:, :3] * change.gain + change.offset).clip(0, 255)
    expected = alpha * opaque + (1 - alpha) * seen.background
    difference: NDArray[np.float64] = np.abs(seen.colors[table.positions] - expected)
    difference[rgba[:, 3] == 128] -= ROUNDING
    return difference.clip(min=0)


def explain(seen: Observation) -> tuple[Outfit, ColorChange] | None:
    """Return the only outfit whose drawing is what the picture shows, or None."""
    table = load_pair_table()
    bases = table.draw(list(BASES))
    limit = 3 + SURE_DEVIATIONS * seen.sd
    is_unchanged = any(
        np.abs(seen.colors[list(neck)] - PALETTE[table.colors[drawn]][list(neck), :3]).max()
        <= limit
        for neck, drawn in zip(_NECKS, bases.T, strict=True)
    )
    if is_unchanged:
        costs = _to_costs(residuals(seen, UNCHANGED), seen.sd)
        totals = costs @ bases
        if totals.min() < MAX_BASE_SHARE * _blank_cost(seen):
            outfit, _ = climb(BASES[int(totals.argmin())], costs)
            if _is_proven(outfit, seen, UNCHANGED):
                return outfit, UNCHANGED
    guesses = (_explain_changed(seen, change, bases) for change in _guess_changes(seen, bases))
    found = [result for result in guesses if result]
    # In different changed colors, different punks can look the same.
    return found[0] if len({outfit.labels for outfit, _ in found}) == 1 else None


def _explain_changed(
    seen: Observation, change: ColorChange, bases: NDArray[np.bool_]
) -> tuple[Outfit, ColorChange] | None:
    """Return the outfit that the picture shows in other colors, beginning with a guess of them."""
    sd = max(seen.sd, GUESS_SD)
    costs = _to_costs(residuals(seen, change), sd)
    totals = costs @ bases
    if totals.min() > MAX_BASE_SHARE * _blank_cost(seen):
        return None
    outfit = BASES[int(totals.argmin())]
    for _ in range(NUM_FITS):
        outfit, cost = climb(outfit, costs)
        change = _fit_change(seen, outfit, change)
        if cost > HOPELESS_PIXELS * MAX_COST or not change.is_slight:
            return None
        costs = _to_costs(residuals(seen, change), max(seen.sd, CHANGED_SD))
    return (outfit, change) if _is_proven(outfit, seen, change) else None


def _blank_cost(seen: Observation) -> float:
    """Return the cost of drawing nothing on the background."""
    differs = np.abs(seen.colors - seen.background).max(axis=1) > 3 + SURE_DEVIATIONS * seen.sd
    return float(MAX_COST * differs.sum())


def _to_costs(difference: NDArray[np.float64], sd: float) -> Floats:
    costs: Floats = ((difference / max(sd, MIN_SD)) ** 2).sum(axis=1).astype(np.float32)
    return costs.clip(max=MAX_COST)


def _guess_changes(seen: Observation, bases: NDArray[np.bool_]) -> list[ColorChange]:
    """Return the likeliest slight changes of colors, from the outline and the skin of the neck."""
    table = load_pair_table()
    changes: list[tuple[float, int, ColorChange]] = []
    for i, (outline, skin) in enumerate(_NECKS):
        skin_color = PALETTE[table.colors[bases[:, i]]][skin, :3].astype(float)
        darkest = seen.colors[outline]
        # Higher contrast can have clipped the outline at black.
        steps = CLIPPED_OFFSETS if darkest.max() < 1 + seen.sd else (0,)
        for step in steps:
            change = ColorChange((seen.colors[skin] - darkest - step) / skin_color, darkest + step)
            if change.is_slight:
                costs = _to_costs(residuals(seen, change), max(seen.sd, GUESS_SD))
                changes.append((float(costs @ bases[:, i]), len(changes), change))
    return [change for _, _, change in sorted(changes)[:NUM_CHANGES]]


def _fit_change(seen: Observation, outfit: Outfit, guess: ColorChange) -> ColorChange:
    """Return the change of colors, by least squares, that makes a drawing most similar.

    Colors that the guess does not explain, or moves out of the range, are left out.
    """
    table = load_pair_table()
    drawn = table.draw([outfit])[:, 0]
    rgba = PALETTE[table.colors[drawn]].astype(float)
    alpha = rgba[:, 3:] / 255
    visible = seen.colors[table.positions[drawn]] - (1 - alpha) * seen.background
    colors = visible / np.maximum(
        alpha, 0.5
    )  # Without the background behind half-transparent ones.
    expected = rgba[:, :3] * guess.gain + guess.offset
    is_explained = (np.abs(expected - colors) < MAX_MISFIT + 3 * seen.sd) & (alpha > 0)
    is_explained &= (expected >= 0) & (expected <= 255)
    gain, offset = guess.gain.copy(), guess.offset.copy()
    for c, usable in enumerate(is_explained.T):
        x, which, count = np.unique(rgba[usable, c], return_inverse=True, return_counts=True)
        if len(x) > 1:
            y = np.bincount(which, colors[usable, c]) / count
            # Rounding changes all pixels of a color equally, noise does not.
            weight = 1 / np.sqrt(1 / 12 + seen.sd**2 / count)
            gain[c], offset[c] = np.polyfit(x, y, 1, w=weight)
    return ColorChange(gain, offset)


def _is_ambiguous(background: NDArray[np.float64]) -> bool:
    """Return whether two colors of punks look similar on a background, or one like it."""
    colors = composite_palette(background)
    mixed = np.flatnonzero(PALETTE[:, 3] < 255)  # The others differ anyway.
    distances = np.abs(colors[mixed, None] - colors).max(axis=2)
    distances[np.arange(len(mixed)), mixed] = np.inf
    return bool(distances.min() < SAFE_DISTANCE)


def _is_proven(outfit: Outfit, seen: Observation, change: ColorChange) -> bool:
    """Return whether a drawing is what the picture shows, and that of no similar outfit is."""
    table = load_pair_table()
    difference = residuals(seen, change)
    limit = ROUNDING * (1 if change is UNCHANGED else 2) + SURE_DEVIATIONS * seen.sd
    if difference[table.draw([outfit])[:, 0]].max() > limit:
        return False
    if change is UNCHANGED and seen.sd == 0 and not _is_ambiguous(seen.background):
        return True
    others = accessory_changes(outfit) + base_changes(outfit) + exchanges(outfit)
    rivals = [other for other in others if other.labels != outfit.labels]
    drawn = table.draw([outfit, *rivals])
    totals = ((difference / max(seen.sd, MIN_SD)) ** 2).sum(axis=1) @ drawn
    looks_different = (drawn[:, 1:] != drawn[:, :1]).any(axis=0)
    return not (looks_different & (totals[1:] - totals[0] < MIN_COST_OF_RIVALS)).any()

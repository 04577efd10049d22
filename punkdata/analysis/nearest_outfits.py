"""The legal punk that is nearest to a sprite.

For each base, a hill climb starts without accessories, and repeatedly fills, changes or empties the
one slot that reduces the number of wrong pixels most. It stops where no single change helps, so the
distance that it finds is an upper bound. In practice it is hardly ever too large: for random legal
outfits of the real layers with up to 60 random pixels, it finds no larger distance than that to the
outfit they were made from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.outfits import (
    NO_ACCESSORY,
    NUM_PIXELS,
    NUM_SLOTS,
    Compositor,
    Integers,
    Sprites,
)
from punkdata.traits import MAX_ACCESSORIES

BATCH_SIZE = 500  # sprites that climb at the same time, which limits the memory
IMPOSSIBLE = NUM_PIXELS + 1  # wrong pixels of an outfit that is not legal


@dataclass(frozen=True)
class NearestOutfits:
    """Legal outfits near N sprites.

    `distance_px`, int64 (N,), is the number of pixels in which a sprite differs from its outfit; 0
    if the sprite is legal, and IMPOSSIBLE if no outfit was found. `base` (N,) and `slots` (N, 9)
    are the outfits, as in `Compositor`.
    """

    distance_px: NDArray[np.int64]
    base: Integers
    slots: Integers


def find_nearest_outfits(
    compositor: Compositor, sprites: Sprites, max_distance_px: int = NUM_PIXELS
) -> NearestOutfits:
    """Find legal outfits that draw sprites, uint8 (N, 576), with the fewest wrong pixels.

    A pixel that the layers do not determine is wrong in any color. An accessory is added only where
    it reduces the number of wrong pixels. Equal sprites are searched for once; 10,000 different
    ones take 10 to 20 seconds. Sprites that are farther from all legal ones than `max_distance_px`
    take less time.
    """
    distinct, row_of = np.unique(sprites, axis=0, return_inverse=True)
    rows, num_bases = np.arange(len(distinct)), len(compositor.types)
    # No outfit of a base can be nearer than the number of pixels in impossible colors.
    bounds = np.empty((len(distinct), num_bases), np.intp)
    for base in range(num_bases):
        is_possible = compositor.possible_colors(base)[np.arange(NUM_PIXELS), distinct]
        bounds[:, base] = NUM_PIXELS - np.count_nonzero(is_possible, axis=1)
    order = bounds.argsort(axis=1, kind="stable")
    found = _Outfits(len(distinct), max_distance_px)
    # Try the most promising base of each sprite first. In most cases, it rules out all others.
    for tried in order.T:
        is_open = bounds[rows, tried] < found.distance
        for base in range(num_bases):
            todo = np.flatnonzero(is_open & (tried == base))
            for start in range(0, len(todo), BATCH_SIZE):
                batch = todo[start : start + BATCH_SIZE]
                distance, slots = _climb(compositor, base, distinct[batch])
                found.improve(batch, distance, base, slots)
    found.distance[found.distance > max_distance_px] = IMPOSSIBLE
    return NearestOutfits(found.distance[row_of], found.base[row_of], found.slots[row_of])


class _Outfits:
    """The best outfits so far; where there is none, `distance` is the first one that is too far."""

    def __init__(self, count: int, max_distance_px: int) -> None:
        self.distance: Integers = np.full(count, max_distance_px + 1, np.intp)
        self.base: Integers = np.zeros(count, np.intp)
        self.slots: Integers = np.full((count, NUM_SLOTS), NO_ACCESSORY, np.intp)

    def improve(self, rows: Integers, distance: Integers, base: int, slots: Integers) -> None:
        """Replace the outfits in these rows that are farther than the new ones."""
        is_better = distance < self.distance[rows]
        better = rows[is_better]
        self.distance[better], self.slots[better] = distance[is_better], slots[is_better]
        self.base[better] = base


def _climb(compositor: Compositor, base: int, sprites: Sprites) -> tuple[Integers, Integers]:
    """Return the distances (n,) and slots (n, 9) of outfits of one base."""
    slots = np.full((len(sprites), NUM_SLOTS), NO_ACCESSORY, np.intp)
    bare = compositor.draw(np.array([base]), slots[:1])
    distance = np.count_nonzero(bare != sprites, axis=1)
    rows = np.arange(len(sprites))
    while len(rows):
        changed, best_distance = _best_changes(compositor, base, sprites[rows], slots[rows])
        is_better = best_distance < distance[rows]
        rows = rows[is_better]
        distance[rows], slots[rows] = best_distance[is_better], changed[is_better]
    return distance, slots


def _best_changes(
    compositor: Compositor, base: int, sprites: Sprites, slots: Integers
) -> tuple[Integers, Integers]:
    """Return outfits after the best change of a single slot (n, 9), and their distances (n,)."""
    best, best_distance = slots.copy(), np.full(len(slots), IMPOSSIBLE, np.intp)
    bases = np.full(len(slots), base)

    def consider(changed: Integers, distance: Integers) -> None:
        is_better = distance < best_distance
        best[is_better], best_distance[is_better] = changed[is_better], distance[is_better]

    for slot, accessories in enumerate(compositor.allowed(base)):
        changed = slots.copy()
        changed[:, slot] = NO_ACCESSORY
        is_wrong = compositor.draw(bases, changed) != sprites
        without = np.count_nonzero(is_wrong, axis=1)
        consider(changed, without)
        is_full = np.count_nonzero(changed < NO_ACCESSORY, axis=1) == MAX_ACCESSORIES
        for accessory in accessories:
            changed[:, slot] = accessory
            # Only the pixels of this accessory need to be drawn again.
            pixels = compositor.changed_pixels(base, accessory)
            drawn = compositor.draw(bases, changed, pixels)
            num_wrong = np.count_nonzero(drawn != sprites[:, pixels], axis=1)
            distance = without + num_wrong - np.count_nonzero(is_wrong[:, pixels], axis=1)
            distance[is_full] = IMPOSSIBLE
            consider(changed, distance)
    return best, best_distance

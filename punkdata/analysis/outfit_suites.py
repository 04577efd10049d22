"""Suites of outfits that no punk has, with the exact sprites, to test models that draw labels.

The punks of the test split are an easy test: most of their combinations of accessories also occur
in training. These suites sample legal combinations evenly instead. Their truth is drawn from the
layers that all punks of the collection show; outfits are left out if the layers do not determine
every pixel, or if one of the accessories is not visible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.outfits import (
    NO_ACCESSORY,
    NUM_PIXELS,
    NUM_SLOTS,
    SLOT_IDS,
    UNKNOWN,
    Compositor,
    Integers,
    Sprites,
)
from punkdata.traits import ACCESSORY_IDS, LABELS, MAX_ACCESSORIES, TYPE_IDS

SUITE_NAMES: dict[str, str] = {
    "new_sets": "new sets",
    "unmet_pairs": "unmet pairs",
    "many_accessories": "six and more",
    "unusual_types": "unusual types",
    "foreign_types": "foreign types",
}
"""Names of the suites in tables."""
USUAL_SUITES = ("new_sets", "unmet_pairs", "many_accessories", "unusual_types")
HELD_OUT_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (first, second)
    for first, second in json.loads(
        resources.files("punkdata").joinpath("data/held_out_pairs.json").read_bytes()
    )
)
"""Pairs of accessories that no training of a classifier may show, neither on real punks nor on
composed ones: every second of the 106 pairs that no punk has, although a punk could have both."""
UNUSUAL_TYPES = ("Alien", "Ape", "Zombie")
MANY = 6  # accessories
MAX_BATCHES = 20  # of candidates, after which a suite may have fewer outfits than requested
SLOT_OF: Integers = np.zeros(NO_ACCESSORY, np.intp)
for _slot, _accessories in enumerate(SLOT_IDS):
    SLOT_OF[list(_accessories)] = _slot

Sampler = Callable[[np.random.Generator, int], tuple[Integers, Integers]]
"""Returns the base (n,) and the slots (n, 9) of random outfits."""


@dataclass(frozen=True)
class OutfitSuite:
    """Outfits, all different: labels, bool (n, 92), and palette indices, uint8 (n, 576)."""

    labels: NDArray[np.bool_]
    sprites: Sprites


def sample_outfit_suites(
    sprites: Sprites,
    labels: NDArray[np.bool_],
    is_train: NDArray[np.bool_],
    count: int = 1000,
    seed: int = 0,
    pairs: Collection[tuple[str, str]] | None = None,
    names: Collection[str] = USUAL_SUITES,
) -> dict[str, OutfitSuite]:
    """Sample outfits with label sets that no punk of the collection has.

    - `new_sets`: types and skin tones are as frequent as among real punks. Each slot is filled
      independently, as often as punks of the type fill it, with any accessory equally often.
    - `unmet_pairs`: the same, with one of `pairs`, each equally often; by default those that no
      training punk has.
    - `many_accessories`: the same, with six or seven accessories in slots chosen evenly.
    - `unusual_types`: as `new_sets`, but only zombies, apes and aliens, equally often.
    - `foreign_types`: the same, with an accessory that no training punk of the type has.

    `sprites` are all punks as palette indices, uint8 (N, 576), `labels` are bool (N, 92), and
    `is_train` bool (N,) names the punks of the training split. `names` are the suites to sample.
    The result depends only on the arguments. A suite has fewer than `count` outfits, or none, if
    too few are found, as in a collection of few punks. There are no suites at all if the layers do
    not explain all punks.
    """
    layers = recover_layers(sprites, labels)
    if not layers.is_exact.all():
        return {}
    compositor = Compositor(layers)
    source = _OutfitSource(compositor, sprites, labels, is_train, pairs)
    samplers: dict[str, Sampler] = {
        "new_sets": source.sample_natural,
        "unmet_pairs": source.sample_unmet_pairs,
        "many_accessories": source.sample_many_accessories,
        "unusual_types": partial(source.sample_natural, types=UNUSUAL_TYPES),
        "foreign_types": source.sample_foreign_types,
    }
    filters = _Filter(compositor, {row.tobytes() for row in labels})
    rng = np.random.default_rng(seed)
    suites = {name: _collect(samplers[name], filters, count, rng) for name in names}
    return {name: suite for name, suite in suites.items() if len(suite.labels)}


class _OutfitSource:
    """Samples random outfits with the frequencies of real punks."""

    def __init__(
        self,
        compositor: Compositor,
        sprites: Sprites,
        labels: NDArray[np.bool_],
        is_train: NDArray[np.bool_],
        pairs: Collection[tuple[str, str]] | None,
    ) -> None:
        self.compositor = compositor
        base, slots = compositor.encode(labels, sprites)
        counts = np.bincount(base, minlength=len(compositor.types))
        self.frequencies: NDArray[np.float64] = counts / len(base)
        self.allowed = compositor.allowed_matrix()
        is_filled = slots < NO_ACCESSORY
        types = compositor.types
        self.fill_rates = np.stack([is_filled[types[base] == t].mean(axis=0) for t in types])
        worn = np.zeros((len(slots), NO_ACCESSORY + 1), bool)
        np.put_along_axis(worn, slots, values=True, axis=1)
        self.is_unmet = worn[is_train].T.astype(int) @ worn[is_train] == 0
        if pairs is not None:
            ids = [(ACCESSORY_IDS[first], ACCESSORY_IDS[second]) for first, second in pairs]
            self.is_unmet[:] = False
            for first, second in ids:
                self.is_unmet[[first, second], [second, first]] = True
        train_types = types[base[is_train]]
        self.is_foreign = np.stack([~worn[is_train][train_types == t].any(axis=0) for t in types])

    def sample_natural(
        self, rng: np.random.Generator, count: int, types: tuple[str, ...] | None = None
    ) -> tuple[Integers, Integers]:
        """Sample bases as often as they occur, or types equally often, and fill slots."""
        weights = self.frequencies
        if types:
            is_type = np.isin(self.compositor.types, [TYPE_IDS[name] for name in types])
            weights = is_type.astype(np.float64)
        base = rng.choice(len(weights), count, p=weights / weights.sum())
        slots = np.full((count, NUM_SLOTS), NO_ACCESSORY, np.intp)
        for slot in range(NUM_SLOTS):
            slots[:, slot] = self._sample_slot(rng, base, slot)
        return base, slots

    def sample_unmet_pairs(self, rng: np.random.Generator, count: int) -> tuple[Integers, Integers]:
        """Sample outfits, and add an unmet pair of accessories."""
        base, slots = self.sample_natural(rng, count)
        has_pair = np.zeros(count, bool)
        for b in np.unique(base):
            can = self.allowed[b, :NO_ACCESSORY]
            is_pair = self.is_unmet[:NO_ACCESSORY, :NO_ACCESSORY] & can & can[:, None]
            pairs = np.argwhere(np.triu(is_pair & (SLOT_OF[:, None] != SLOT_OF)))
            rows = np.flatnonzero(base == b)
            if len(pairs):
                pair = pairs[rng.integers(len(pairs), size=len(rows))]
                slots[rows[:, None], SLOT_OF[pair]] = pair
                has_pair[rows] = True
        return base[has_pair], slots[has_pair]

    def sample_many_accessories(
        self, rng: np.random.Generator, count: int
    ) -> tuple[Integers, Integers]:
        """Sample outfits with six or seven accessories."""
        base, slots = self.sample_natural(rng, count)
        for slot in range(NUM_SLOTS):
            slots[:, slot] = self._sample_slot(rng, base, slot, is_filled=True)
        # Empty random slots until six or seven are filled.
        priority = np.where(slots < NO_ACCESSORY, rng.random(slots.shape), 1)
        num_kept = rng.integers(MANY, MAX_ACCESSORIES + 1, size=(count, 1))
        slots[priority.argsort(axis=1).argsort(axis=1) >= num_kept] = NO_ACCESSORY
        has_many = np.count_nonzero(slots < NO_ACCESSORY, axis=1) >= MANY
        return base[has_many], slots[has_many]

    def sample_foreign_types(
        self, rng: np.random.Generator, count: int
    ) -> tuple[Integers, Integers]:
        """Sample zombies, apes and aliens with an accessory that none of them has in training."""
        base, slots = self.sample_natural(rng, count, types=UNUSUAL_TYPES)
        is_foreign = self.is_foreign[base[:, None], slots] & (slots < NO_ACCESSORY)
        has_foreign = is_foreign.any(axis=1)
        return base[has_foreign], slots[has_foreign]

    def _sample_slot(
        self, rng: np.random.Generator, base: Integers, slot: int, *, is_filled: bool = False
    ) -> Integers:
        """Fill a slot of each base, as often as its type does or, if possible, always."""
        options = np.array(SLOT_IDS[slot])
        is_allowed = self.allowed[base][:, options]
        chosen = np.where(is_allowed, rng.random(is_allowed.shape), -1).argmax(axis=1)
        can_fill = is_allowed.any(axis=1)
        if not is_filled:
            can_fill &= rng.random(len(base)) < self.fill_rates[base, slot]
        accessories: Integers = np.where(can_fill, options[chosen], NO_ACCESSORY)
        return accessories


class _Filter:
    """Decides which outfits are legal, new, visible, and determined by the layers."""

    def __init__(self, compositor: Compositor, known_sets: set[bytes]) -> None:
        self.compositor, self.known_sets = compositor, known_sets
        self.is_ambiguous = np.zeros(
            (len(compositor.types), NO_ACCESSORY + 1, NO_ACCESSORY + 1), bool
        )
        for base in range(len(compositor.types)):
            self.is_ambiguous[base, :-1, :-1] = compositor.find_ambiguous_pairs(base)

    def accepts(self, base: Integers, slots: Integers) -> NDArray[np.bool_]:
        """Return which outfits pass, bool (n,)."""
        drawn = self.compositor.draw(base, slots)
        is_good = (np.count_nonzero(slots < NO_ACCESSORY, axis=1) <= MAX_ACCESSORIES) & (
            drawn != UNKNOWN
        ).all(axis=1)
        pairs = slots[:, :, None], slots[:, None, :]
        is_good &= ~self.is_ambiguous[base[:, None, None], *pairs].any(axis=(1, 2))
        for slot in range(NUM_SLOTS):
            bare = slots.copy()
            bare[:, slot] = NO_ACCESSORY
            without = self.compositor.draw(base, bare)
            is_visible = ((without != drawn) & (without != UNKNOWN)).any(axis=1)
            is_good &= is_visible | (slots[:, slot] == NO_ACCESSORY)
        labels = self.compositor.labels(base, slots)
        is_new = np.array([row.tobytes() not in self.known_sets for row in labels], bool)
        accepted: NDArray[np.bool_] = is_good & is_new
        return accepted


def _collect(
    sampler: Sampler, filters: _Filter, count: int, rng: np.random.Generator
) -> OutfitSuite:
    """Sample outfits until there are enough that pass the filters and differ from each other."""
    compositor = filters.compositor
    found: dict[bytes, tuple[NDArray[np.bool_], Sprites]] = {}
    for _ in range(MAX_BATCHES):
        base, slots = sampler(rng, 2 * count)
        is_good = filters.accepts(base, slots)
        base, slots = base[is_good], slots[is_good]
        sprites, labels = compositor.draw(base, slots), compositor.labels(base, slots)
        for row, sprite in zip(labels, sprites, strict=True):
            found.setdefault(sprite.tobytes(), (row, sprite))
        if len(found) >= count:
            break
    chosen = list(found.values())[:count]
    return OutfitSuite(
        np.array([labels for labels, _ in chosen], bool).reshape(-1, len(LABELS)),
        np.array([sprite for _, sprite in chosen], np.uint8).reshape(-1, NUM_PIXELS),
    )

"""Synthetic punks whose pixels follow from their labels: random layers over a few bases."""

from __future__ import annotations

import itertools

import numpy as np

from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.traits import ACCESSORY_IDS, ACCESSORY_SLOTS, LABELS, TYPES, allowed_accessories

NUM_PIXELS = 576
SKINS = {"Male": (40, 41), "Female": (40, 42), "Alien": (43,)}
"""Palette indices of the skins of each type."""


class LayeredPunks:
    """Random sprites of two accessories in most slots, and a random z-order for each body."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.slots = {name: self._choose_accessories(name) for name in SKINS}
        self.worn = sorted({a for slots in self.slots.values() for slot in slots for a in slot})
        self.sprites = np.full((2, len(ACCESSORY_IDS), NUM_PIXELS), -1)
        self.z_order = [self.rng.permutation(self.worn) for _ in range(2)]
        for body in range(2):
            for color, accessory in enumerate(self.worn):
                start, width = self.rng.integers(0, 480), self.rng.integers(10, 60)
                self.sprites[body, accessory, start : start + width] = 60 + color

    @staticmethod
    def _choose_accessories(punk_type: str) -> list[list[int]]:
        allowed = allowed_accessories(punk_type)
        slots = [[ACCESSORY_IDS[a] for a in slot if a in allowed][:2] for slot in ACCESSORY_SLOTS]
        return [slot for slot in slots if slot]

    def find_disjoint_pair(self) -> tuple[int, int]:
        """Return two accessories of Males, from different slots, that have no pixel in common."""
        for slot, other in itertools.combinations(self.slots["Male"], 2):
            for pair in itertools.product(slot, other):
                if not (self.sprites[:, pair] >= 0).all(axis=1).any():
                    return pair
        raise AssertionError("all sprites overlap; choose another seed")

    def draw(self, punk_type: str, skin: int, accessories: set[int]) -> np.ndarray:
        """Return palette indices, uint8 (576,)."""
        body, pixels = int(punk_type == "Female"), np.full(NUM_PIXELS, skin + 10)
        for accessory in self.z_order[body]:
            if accessory in accessories:
                is_covered = self.sprites[body, accessory] >= 0
                pixels[is_covered] = self.sprites[body, accessory][is_covered]
        pixels[SKIN_PIXEL] = skin
        return pixels.astype(np.uint8)

    def generate(self, count: int, worn: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
        """Return legal punks: images, uint8 (count, 576), and labels, bool (count, 92).

        `worn` is the probability that a slot is filled.
        """
        images = np.zeros((count, NUM_PIXELS), np.uint8)
        labels = np.zeros((count, len(LABELS)), bool)
        for row in range(count):
            punk_type = list(SKINS)[self.rng.integers(len(SKINS))]
            filled = [slot for slot in self.slots[punk_type] if self.rng.random() < worn]
            accessories = {int(self.rng.choice(slot)) for slot in filled[:7]}
            images[row] = self.draw(punk_type, self.rng.choice(SKINS[punk_type]), accessories)
            labels[row, TYPES.index(punk_type)] = True
            labels[row, [len(TYPES) + a for a in accessories]] = True
        return images, labels

"""Outfits: what a punk can wear in one skin tone, drawn from recovered sprite layers.

An outfit is one of the bases of the layers (a type, and for humans a skin tone) and at most one
accessory in each of the nine slots. It determines every pixel of a sprite. An outfit is legal if
the type can have all accessories and there are at most seven, see `punkdata.traits.check_traits`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.layers import SKIN_PIXEL, UNKNOWN_COLOR, Layers
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX
from punkdata.traits import (
    ACCESSORIES,
    ACCESSORY_IDS,
    ACCESSORY_SLOTS,
    LABELS,
    TYPE_IDS,
    TYPES,
    allowed_accessories,
)

NUM_PIXELS = SIDE_PX**2
NUM_SLOTS = len(ACCESSORY_SLOTS)
NO_ACCESSORY = len(ACCESSORIES)
"""Entry of an empty slot."""
UNKNOWN = 255
"""Color of a pixel that no punk shows, and hence the layers do not determine."""
SLOT_IDS: tuple[tuple[int, ...], ...] = tuple(
    tuple(ACCESSORY_IDS[name] for name in slot) for slot in ACCESSORY_SLOTS
)
"""Indices of the accessories in each slot."""

Integers = NDArray[np.intp]
Sprites = NDArray[np.uint8]


class Compositor:
    """Draws many outfits at a time, from lookup tables of the layers.

    `types` (B,) has the type of each base, as an index of TYPES, and `skins` (B,) the palette index
    of its skin at `punkdata.analysis.layers.SKIN_PIXEL`, or UNKNOWN_COLOR for bases other than
    humans. Slots are accessories, indices of ACCESSORIES or NO_ACCESSORY, (N, 9). Sprites are
    palette indices, uint8 (N, 576).
    """

    def __init__(self, layers: Layers) -> None:
        bodies = (layers.male, layers.female)
        bases = [base for body in bodies for base in body.bases]
        self.types: Integers = np.array([punk_type for punk_type, _ in bases], np.intp)
        self.skins: Integers = np.array([skin for _, skin in bases], np.intp)
        self._is_female = (self.types == TYPE_IDS["Female"]).astype(np.intp)
        self._base_colors = np.full((len(bases), NUM_PIXELS), UNKNOWN, np.uint8)
        # The color of each body, accessory and pixel over each color below it; most change nothing.
        self._tables = np.empty((len(bodies), NO_ACCESSORY + 1, NUM_PIXELS, 256), np.uint8)
        self._tables[:] = np.arange(256, dtype=np.uint8)
        self._z_rank = np.full((len(bodies), NO_ACCESSORY + 1), -1)
        self._is_above = np.stack([body.is_above for body in bodies])
        pixels: list[list[list[int]]] = [[[] for _ in ACCESSORIES] for _ in bodies]
        first_base = 0
        for i, body in enumerate(bodies):
            rows = slice(first_base, first_base + len(body.bases))
            first_base = rows.stop
            self._z_rank[i, list(body.z_order)] = np.arange(len(body.z_order))
            for pixel, stack in enumerate(body.pixels):
                self._base_colors[rows, pixel] = np.array(stack.base_colors) % 256
                for accessory, overlay in stack.overlays.items():
                    table = self._tables[i, accessory, pixel]
                    table[:] = stack.opaque_color(accessory) % 256
                    for below, color in overlay.items():
                        table[below % 256] = color % 256
                    pixels[i][accessory].append(pixel)
        self._pixels = [[np.array(own, np.intp) for own in body] for body in pixels]

    def draw(self, base: Integers, slots: Integers, pixels: Integers | None = None) -> Sprites:
        """Draw outfits of these bases (N,), at all pixels or at the given ones.

        Returns palette indices, uint8 (N, number of pixels); UNKNOWN where the layers do not
        determine the color. Accessories outside the rules are drawn, too.
        """
        pixels = np.arange(NUM_PIXELS) if pixels is None else pixels
        tables, colors = self._tables.reshape(-1), self._base_colors[base[:, None], pixels]
        body = self._is_female[base] * (NO_ACCESSORY + 1)
        for accessories in self._stacks(base, slots):
            layer = (body + accessories)[:, None]
            colors = tables.take((layer * NUM_PIXELS + pixels) * 256 + colors)
        return colors

    def owners(self, base: Integers, slots: Integers) -> Integers:
        """Return the topmost accessory whose sprite covers each pixel, (N, 576).

        It is NO_ACCESSORY where there is none, also if the sprite has the color of what is below.
        """
        covers = np.zeros((len(self._pixels), NO_ACCESSORY + 1, NUM_PIXELS), bool)
        for body, accessories in enumerate(self._pixels):
            for accessory, pixels in enumerate(accessories):
                covers[body, accessory, pixels] = True
        owners = np.full((len(base), NUM_PIXELS), NO_ACCESSORY)
        for accessories in self._stacks(base, slots):
            is_covered = covers[self._is_female[base], accessories]
            owners = np.where(is_covered, accessories[:, None], owners)
        return owners

    def _stacks(self, base: Integers, slots: Integers) -> Integers:
        """Return the accessories of outfits from the bottom to the top, (number of layers, N).

        Outfits with fewer accessories than others begin with NO_ACCESSORY.
        """
        order = self._z_rank[self._is_female[base][:, None], slots].argsort(axis=1)
        num_layers = np.count_nonzero(slots < NO_ACCESSORY, axis=1).max(initial=0)
        stacks: Integers = np.take_along_axis(slots, order, axis=1).T[NUM_SLOTS - num_layers :]
        return stacks

    def find_ambiguous_pairs(self, base: int) -> NDArray[np.bool_]:
        """Return which accessories overlap on a base in unknown z-order, bool (87, 87).

        Pairs are left out whose order makes no difference to any pixel.
        """
        body, rank = self._is_female[base], self._z_rank[self._is_female[base]]
        is_known = self._is_above[body] | self._is_above[body].T
        ambiguous: NDArray[np.bool_] = np.zeros_like(is_known)
        for lower, upper in np.argwhere(~is_known & (rank[:-1, None] < rank[:-1])):
            own = self._pixels[body]
            pixels = np.intersect1d(own[lower], own[upper])
            tables = self._tables[body][[lower, upper]]
            below = self._base_colors[base, pixels]
            above = [tables[i, pixels, tables[1 - i, pixels, below]] for i in (0, 1)]
            ambiguous[[lower, upper], [upper, lower]] = (above[0] != above[1]).any()
        return ambiguous

    def changed_pixels(self, base: int, accessory: int) -> Integers:
        """Return the pixels that an accessory changes on the body of a base, in any outfit."""
        pixels: Integers = self._pixels[self._is_female[base]][accessory]
        return pixels

    def allowed(self, base: int) -> list[list[int]]:
        """Return the accessories in each slot that the type of a base can have."""
        names = allowed_accessories(TYPES[self.types[base]])
        return [[a for a in slot if ACCESSORIES[a] in names] for slot in SLOT_IDS]

    def allowed_matrix(self) -> NDArray[np.bool_]:
        """Return which accessories, or none, each base can have, bool (B, 88)."""
        matrix = np.zeros((len(self.types), NO_ACCESSORY + 1), bool)
        for base in range(len(self.types)):
            matrix[base, [a for slot in self.allowed(base) for a in slot] + [NO_ACCESSORY]] = True
        return matrix

    def possible_colors(self, base: int) -> NDArray[np.bool_]:
        """Return the colors that allowed accessories can give each pixel, bool (576, 222).

        They are a superset of those of all legal outfits.
        """
        possible = np.zeros((NUM_PIXELS, 256), bool)
        possible[np.arange(NUM_PIXELS), self._base_colors[base]] = True
        body = self._is_female[base]
        allowed = [accessory for slot in self.allowed(base) for accessory in slot]
        for accessory in sorted(allowed, key=lambda a: self._z_rank[body, a]):
            own = self._pixels[body][accessory]
            rows, below = np.nonzero(possible[own])
            possible[own[rows], self._tables[body, accessory, own[rows], below]] = True
        return possible[:, : len(PALETTE)]

    def labels(self, base: Integers, slots: Integers) -> NDArray[np.bool_]:
        """Return the label vectors of outfits, bool (N, 92)."""
        labels = np.zeros((len(slots), len(LABELS) + 1), bool)
        labels[np.arange(len(slots)), self.types[base]] = True
        labels[np.arange(len(slots))[:, None], len(TYPES) + slots] = True
        return labels[:, :-1]

    def encode(self, labels: NDArray[np.bool_], sprites: Sprites) -> tuple[Integers, Integers]:
        """Return base (N,) and slots (N, 9) of label sets, bool (N, 92), that are legal.

        `sprites` (N, 576) show the skin. If there is no base of that type and skin, it is -1.
        """
        types, skins = labels[:, : len(TYPES)].argmax(axis=1), sprites[:, SKIN_PIXEL]
        is_base = (self.types == types[:, None]) & np.isin(self.skins, UNKNOWN_COLOR)
        is_base |= (self.types == types[:, None]) & (self.skins == skins[:, None])
        base = np.where(is_base.any(axis=1), is_base.argmax(axis=1), -1)
        slots = np.full((len(labels), NUM_SLOTS), NO_ACCESSORY, np.intp)
        for slot, accessories in enumerate(SLOT_IDS):
            worn = labels[:, [len(TYPES) + a for a in accessories]]
            found = np.array(accessories)[worn.argmax(axis=1)]
            slots[:, slot] = np.where(worn.any(axis=1), found, NO_ACCESSORY)
        return base, slots

"""How punks are drawn: which accessory paints which pixel, and which lies above which. Pure.

An image is a stack: one of 11 bases (men and women of four skins, zombies, apes, aliens),
and on it the sprites of the accessories, in one order for men and one for women. All of it
follows from images and labels alone:

1. Two punks that differ in one accessory only show the pixels that it changes.
2. Where two accessories meet in a pixel, its color tells which of them is above.
3. From the lowest upwards, each shows what it makes of the colors beneath it: mostly one
   color of its own, but the shadow of a beard depends on the skin.

Rendering all punks anew tests what was found. With it one can ask of any punk whether an
accessory changes a single pixel, or is *hidden*; where that takes a color that no punk shows,
it stays undecided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.traits import ACCESSORIES, TYPE_IDS, TYPES

Bools = NDArray[np.bool_]
Colors = NDArray[np.integer]
"""positions in the palette"""

UNKNOWN_COLOR = -1
SKIN_PIXEL = 23 * 24 + 9
"""on the neck, row 23 and column 9, which no accessory covers: it tells a human's skin"""
_HUMAN = [TYPE_IDS["Male"], TYPE_IDS["Female"]]


@dataclass(frozen=True)
class Pixel:
    """What may be seen in one pixel of all men, or of all women."""

    bases: tuple[int, ...]
    """the color of each base; UNKNOWN where no punk shows it bare"""
    accessories: tuple[int, ...]
    """those that change it, from the lowest to the highest"""
    paint: dict[int, dict[int, int]]
    """accessory -> color beneath -> color that it makes of that"""

    def color(self, base: int, worn: Sequence[int]) -> int:
        """Of a punk with that base that wears these of `accessories`, from the lowest; UNKNOWN
        where no punk tells.
        """
        color = self.bases[base]
        for accessory in worn:
            paint = self.paint[accessory]
            if color in paint:
                color = paint[color]
            else:
                # What looks alike over two colors is taken for opaque.
                own = set(paint.values())
                color = own.pop() if len(own) == 1 and len(paint) > 1 else UNKNOWN_COLOR
        return color


@dataclass(frozen=True)
class Layers:
    """What `recover` finds."""

    reconstructed: Colors
    """(N, 576): every punk drawn anew from the layers"""
    hidden: Bools
    """(N, 87): accessories that a punk has, and that change none of its pixels"""
    undecidable: Bools
    """(N, 87): such of which some pixel does not tell, or of which not all can be left out"""
    pixels: tuple[tuple[Pixel, ...], tuple[Pixel, ...]]
    """of men (with zombies, apes, aliens) and of women: 576 each, or none where there is nobody"""
    z_orders: tuple[tuple[int, ...], tuple[int, ...]]
    """their accessories from the lowest to the highest"""
    bases: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
    """of each body, in the order of `Pixel.bases`: its type, and its skin as `SKIN_PIXEL` has it;
    UNKNOWN of zombies, apes and aliens"""

    def render(self, punk_type: int, skin: int, accessories: Sequence[int]) -> Colors:
        """int16 (576,): a punk of that type and skin with these accessories; UNKNOWN where no punk
        tells.

        Args:
            skin: a color; UNKNOWN of zombies, apes and aliens.

        Raises:
            ValueError: there is no such base.
        """
        which = int(punk_type == TYPE_IDS["Female"])
        base = self.bases[which].index((punk_type, skin))
        worn = set(accessories)
        return np.array(
            [p.color(base, [a for a in p.accessories if a in worn]) for p in self.pixels[which]],
            np.int16,
        )


def recover_layers(
    indices: Colors,
    labels: Bools,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Layers:
    """The layers of a collection, from its images and labels.

    Args:
        indices: integer (N, 576), the color of each pixel.
        labels: bool (N, 92), in the order of `LABELS`.
        report: called with the number of pixels done, and of all.

    Raises:
        DataError: the punks contradict each other, so that no order of layers fits them.
    """
    types, worn = labels[:, : len(TYPES)].argmax(axis=1), labels[:, len(TYPES) :]
    skin = np.where(np.isin(types, _HUMAN), indices[:, SKIN_PIXEL], UNKNOWN_COLOR)
    reconstructed = np.full(indices.shape, UNKNOWN_COLOR, np.int16)
    hidden, undecidable = worn.copy(), np.zeros_like(worn)
    pixels, z_orders, bases = [], [], []
    for which, is_female in enumerate((False, True)):
        rows = np.flatnonzero((types == TYPE_IDS["Female"]) == is_female)
        known, base = np.unique(
            np.stack([types[rows], skin[rows]], axis=1), axis=0, return_inverse=True
        )
        body = _Body(indices[rows].astype(np.int16), worn[rows], base)
        found = []
        for at in range(indices.shape[1]) if len(rows) else ():
            pixel, seen, is_shown, is_open = body.solve(at)
            found.append(pixel)
            reconstructed[rows, at] = seen
            hidden[rows] &= ~is_shown
            undecidable[rows] |= is_open
            report(which * indices.shape[1] + at + 1, 2 * indices.shape[1])
        # Of two that are each hidden, one may be so only because of the other.
        certain = hidden[rows] & ~undecidable[rows]
        for i in np.flatnonzero(certain.sum(axis=1) > 1):
            left = worn[rows[i]] & ~certain[i]
            without = [p.color(int(base[i]), [a for a in p.accessories if left[a]]) for p in found]
            undecidable[rows[i]] |= certain[i] & (without != body.indices[i]).any()
        pixels.append(tuple(found))
        z_orders.append(body.order)
        bases.append(tuple((int(kind), int(color)) for kind, color in known))
    undecidable &= hidden
    return Layers(
        reconstructed,
        hidden & ~undecidable,
        undecidable,
        (pixels[0], pixels[1]),
        (z_orders[0], z_orders[1]),
        (bases[0], bases[1]),
    )


class _Body:
    """Men, or women: punks whose accessories have the same sprites.

    Args:
        indices: (n, 576).
        worn: (n, 87).
        base: (n,), a number for each type and skin.
    """

    def __init__(self, indices: Colors, worn: Bools, base: NDArray[np.intp]) -> None:
        self.indices, self.worn, self.base = indices, worn, base
        self.touches = np.zeros((len(ACCESSORIES), indices.shape[1]), bool)
        """(87, 576): whether an accessory changes a pixel of any punk"""
        pairs = self._pairs()
        for with_it, without, accessory in pairs:
            self.touches[accessory] |= indices[with_it] != indices[without]
        self.order = self._order(pairs)

    def _pairs(self) -> list[tuple[int, int, int]]:
        """Punks that differ in one accessory only: with it, without it, and which."""
        sets = [frozenset(np.flatnonzero(row).tolist()) for row in self.worn]
        known = {(b, s): i for i, (b, s) in enumerate(zip(self.base.tolist(), sets, strict=True))}
        return [
            (i, known[b, s - {a}], a)
            for (b, s), i in known.items()
            for a in s
            if (b, s - {a}) in known
        ]

    def _order(self, pairs: list[tuple[int, int, int]]) -> tuple[int, ...]:
        """Of all accessories worn, from the lowest; those that never meet come as they like.

        Raises:
            DataError: there is none.
        """
        counts: defaultdict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for with_it, without, accessory in pairs:
            changed = np.flatnonzero(self.indices[with_it] != self.indices[without])
            for at in changed.tolist():
                counts[accessory, at][int(self.indices[with_it, at])] += 1
        own = {key: count.most_common(1)[0][0] for key, count in counts.items()}
        worn = np.flatnonzero(self.worn.any(axis=0)).tolist()
        beneath: dict[int, set[int]] = {accessory: set() for accessory in worn}
        for row, seen in zip(self.worn, self.indices, strict=True):
            mine = np.flatnonzero(row)
            for at in np.flatnonzero(self.touches[mine].sum(axis=0) == 2).tolist():
                one, two = mine[self.touches[mine, at]].tolist()
                colors = own[one, at], own[two, at]
                if colors[0] != colors[1] and seen[at] in colors:
                    top, low = (one, two) if seen[at] == colors[0] else (two, one)
                    beneath[top].add(low)
        try:
            return tuple(TopologicalSorter(beneath).static_order())
        except CycleError as error:
            names = " over ".join(ACCESSORIES[a] for a in error.args[1])
            raise DataError(f"no order of layers fits these punks: {names}") from None

    def solve(self, at: int) -> tuple[Pixel, Colors, Bools, Bools]:
        """One pixel: how it is painted; and of all punks its color (n,), which accessories change
        it (n, 87), and of which that cannot be told (n, 87).
        """
        touching, codes, first, which = self._kinds(at)
        width = len(touching)
        kinds = [
            (int(code) >> width, tuple(a for i, a in enumerate(touching) if code >> i & 1))
            for code in codes
        ]
        seen = self.indices[first, at].tolist()
        bases = [UNKNOWN_COLOR] * (int(self.base.max()) + 1)
        pixel = Pixel((), touching, {accessory: {} for accessory in touching})
        for (base, worn), color in zip(kinds, seen, strict=True):
            if not worn:
                bases[base] = color
        pixel = Pixel(tuple(bases), touching, pixel.paint)
        # The fewer lie on each other, the surer is what lies beneath the highest.
        for i in sorted(range(len(kinds)), key=lambda i: len(kinds[i][1])) * 2:
            base, worn = kinds[i]
            if worn and pixel.color(base, worn) != seen[i]:
                beneath = pixel.color(base, worn[:-1])
                if beneath != UNKNOWN_COLOR or not pixel.paint[worn[-1]]:
                    pixel.paint[worn[-1]].setdefault(beneath, seen[i])
        colors = np.array([pixel.color(*kind) for kind in kinds], np.int16)
        is_shown = np.zeros((len(kinds), len(ACCESSORIES)), bool)
        is_open = np.zeros_like(is_shown)
        for i, (base, worn) in enumerate(kinds):
            for accessory in worn:
                without = pixel.color(base, tuple(a for a in worn if a != accessory))
                is_shown[i, accessory] = without not in (UNKNOWN_COLOR, seen[i])
                is_open[i, accessory] = without == UNKNOWN_COLOR
        return pixel, colors[which], is_shown[which], is_open[which]

    def _kinds(
        self, at: int
    ) -> tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
        """The accessories that touch a pixel, and the kinds of punks that differ in base or in
        these: a code for each, the first punk of each, and the kind of every punk.

        Some change a pixel on few bases only (black glasses over black eyes do not show, over
        red ones they do), which no pair may tell. They are added as long as that explains more.
        """
        while True:
            touching = tuple(a for a in self.order if self.touches[a, at])
            bits = self.worn[:, touching] @ (1 << np.arange(len(touching)))
            codes, first, which = np.unique(
                (self.base << len(touching)) + bits, return_index=True, return_inverse=True
            )
            colors = self.indices[:, at]
            others = _spread(which, colors)
            left = {
                a: _spread(which * 2 + self.worn[:, a], colors)
                for a in self.order
                if others and not self.touches[a, at]
            }
            best = min(left, key=left.__getitem__, default=None)
            if best is None or left[best] >= others:
                return touching, codes, first, which
            self.touches[best, at] = True


def _spread(kinds: NDArray[np.intp], colors: Colors) -> int:
    """How many punks have another color than most of their kind."""
    pairs, counts = np.unique(kinds * 1000 + colors, return_counts=True)
    starts = np.flatnonzero(np.diff(pairs // 1000, prepend=-1))
    return int(counts.sum() - np.maximum.reduceat(counts, starts).sum())

"""Sprite layers of the CryptoPunks and their z-order, recovered from images and labels alone.

An image is a stack of layers. At the bottom is one of 11 bases (male and female in four skin
tones, zombie, ape, alien); the sprites of the accessories are composited over it in a fixed
z-order, one for each of the male and the female body. The layers follow from the data:

1. Two punks that differ in a single accessory differ in exactly the pixels that it changes.
2. Where two accessories overlap, the color of the pixel shows which of them is above the other.
3. Going up in z-order, the images show which color each accessory produces over each color below
   it. Most sprites are opaque; the shadow of a beard depends on the skin below it.

Comparing every punk, rendered from the recovered layers, with the original checks the result. The
layers then answer whether an accessory of a punk changes any pixel or is *occluded*. If the answer
depends on a color that no punk shows, the case is *undecidable*.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkdata.traits import ACCESSORIES, TYPE_IDS, TYPES

BoolArray = NDArray[np.bool_]
ColorIndices = NDArray[np.integer]

UNKNOWN_COLOR = -1  # Palette index of a color that no punk shows.
SKIN_PIXEL = 23 * 24 + 9  # On a human's neck (row 23, column 9), where no accessory covers it.


@dataclass(frozen=True)
class PixelStack:
    """The layers at one pixel position, for all punks that share a body.

    `base_colors` has the color of each base; UNKNOWN_COLOR if every punk with that base has an
    accessory here. `overlays` maps each accessory that changes this pixel, from the bottom to the
    top, to the resulting color for each color below it.
    """

    base_colors: list[int]
    overlays: dict[int, dict[int, int]]

    def composite(self, base: int, present: Collection[int]) -> int:
        """Return the color of a base with these accessories; UNKNOWN_COLOR if no punk shows it."""
        color = self.base_colors[base]
        for accessory, overlay in self.overlays.items():
            if accessory not in present:
                continue
            color = overlay[color] if color in overlay else self.opaque_color(accessory)
        return color

    def opaque_color(self, accessory: int) -> int:
        """Return the color of an accessory over any other; UNKNOWN_COLOR if it depends on that.

        An accessory with the same result over two or more colors is assumed to be opaque.
        """
        results = set(self.overlays[accessory].values())
        return results.pop() if len(results) == 1 < len(self.overlays[accessory]) else UNKNOWN_COLOR


@dataclass(frozen=True)
class BodyLayers:
    """The layers of one body: male (which zombies, apes and aliens share) or female.

    `pixels` has a stack for each of the 576 pixels, or none if no punk has this body. `z_order`
    lists the accessories from the bottom to the top; `is_above`, bool (87, 87), is True where punks
    show that the first accessory is above the second, directly or through others. `bases` has the
    type of each base, as an index of TYPES, and the color of its skin; UNKNOWN_COLOR for zombies,
    apes and aliens.
    """

    pixels: list[PixelStack]
    z_order: tuple[int, ...]
    is_above: BoolArray
    bases: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layers:
    """Recovered layers of a collection, and what they imply for each of its N punks.

    `is_exact`, bool (N,), is True where the layers reconstruct the image. `occluded`, bool (N, 87),
    is True where a punk has an accessory that changes none of its pixels, and `undecidable` where
    the images do not determine that. This includes accessories that are each occluded, but cannot
    all be removed at once.
    """

    male: BodyLayers
    female: BodyLayers
    is_exact: BoolArray
    occluded: BoolArray
    undecidable: BoolArray


def recover_layers(
    indices: ColorIndices,
    labels: BoolArray,
    progress: Progress = lambda done, total: None,
    *,
    only_exact: bool = False,
) -> Layers:
    """Recover the layers of a collection from its images, (N, 576), and labels, bool (N, 92).

    Raises DataError if no z-order is consistent with the images, and with `only_exact` also if the
    layers do not reconstruct all images, as soon as that is known.
    """
    num_pixels = indices.shape[1]
    types, has_accessory = labels[:, : len(TYPES)].argmax(axis=1), labels[:, len(TYPES) :]
    is_human = np.isin(types, [TYPE_IDS["Male"], TYPE_IDS["Female"]])
    skins = np.where(is_human, indices[:, SKIN_PIXEL].astype(int), UNKNOWN_COLOR)
    is_exact = np.empty(len(indices), bool)
    occluded, undecidable = np.empty_like(has_accessory), np.empty_like(has_accessory)
    bodies = []
    for body, is_female in enumerate((False, True)):
        rows = np.flatnonzero((types == TYPE_IDS["Female"]) == is_female)
        pairs = np.stack([types[rows], skins[rows]], axis=1)
        bases, base = np.unique(pairs, axis=0, return_inverse=True)
        solver = _BodySolver(indices[rows].astype(np.int16), has_accessory[rows], base)
        for pixel in range(num_pixels) if len(rows) else ():
            solver.solve_pixel(pixel)
            if only_exact and not solver.is_exact.all():
                raise DataError(f"no layers reconstruct pixel {pixel} of all punks")
            progress(body * num_pixels + pixel + 1, 2 * num_pixels)
        solver.find_joint_occlusion()
        is_exact[rows] = solver.is_exact
        occluded[rows] = solver.occluded & ~solver.undecidable
        undecidable[rows] = solver.occluded & solver.undecidable
        base_pairs = tuple((punk_type, skin) for punk_type, skin in bases.tolist())
        bodies.append(BodyLayers(solver.stacks, solver.z_order, solver.is_above, base_pairs))
    male, female = bodies
    return Layers(male, female, is_exact, occluded, undecidable)


class _BodySolver:
    """Layer recovery for the n punks of one body, whose accessories have the same sprites.

    `base` (n,) has the index of the base of each punk. `changes_pixel`, bool (87, 576), is True
    where an accessory changes a pixel of any punk. Solving a pixel adds its stack, and updates
    `is_exact` (n,), `occluded` and `undecidable` (n, 87); the last two may overlap.
    """

    def __init__(
        self, indices: ColorIndices, has_accessory: BoolArray, base: NDArray[np.intp]
    ) -> None:
        self.indices, self.has_accessory, self.base = indices, has_accessory, base
        self.changes_pixel = np.zeros((len(ACCESSORIES), indices.shape[1]), bool)
        self.is_above = np.zeros((len(ACCESSORIES), len(ACCESSORIES)), bool)
        self.z_order = self._find_z_order()
        self.stacks: list[PixelStack] = []
        self.is_exact = np.ones(len(indices), bool)
        self.occluded, self.undecidable = has_accessory.copy(), np.zeros_like(has_accessory)

    def _find_usual_colors(self) -> dict[tuple[int, int], int]:
        """Return the most common color of each accessory at each pixel that it changes.

        They follow from all pairs of punks that differ in a single accessory.
        """
        sets = [frozenset(np.flatnonzero(row).tolist()) for row in self.has_accessory]
        rows = {key: row for row, key in enumerate(zip(self.base.tolist(), sets, strict=True))}
        counts: defaultdict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for (base, accessories), row in rows.items():
            for accessory in accessories:
                without = rows.get((base, accessories - {accessory}))
                if without is not None:
                    changed = np.flatnonzero(self.indices[row] != self.indices[without])
                    self.changes_pixel[accessory, changed] = True
                    for pixel in changed.tolist():
                        counts[accessory, pixel][int(self.indices[row, pixel])] += 1
        return {key: count.most_common(1)[0][0] for key, count in counts.items()}

    def _find_z_order(self) -> tuple[int, ...]:
        """Return all accessories from the bottom to the top, and set `is_above`.

        Ties are broken arbitrarily.
        """
        usual_color = self._find_usual_colors()
        # Where exactly two accessories overlap, the visible color is that of the upper one.
        present = np.flatnonzero(self.has_accessory.any(axis=0)).tolist()
        below: dict[int, set[int]] = {accessory: set() for accessory in present}
        for row, image in zip(self.has_accessory, self.indices, strict=True):
            own = np.flatnonzero(row)
            for pixel in np.flatnonzero(self.changes_pixel[own].sum(axis=0) == 2).tolist():
                first, second = own[self.changes_pixel[own, pixel]].tolist()
                colors = usual_color[first, pixel], usual_color[second, pixel]
                if colors[0] != colors[1] and image[pixel] in colors:
                    is_first_on_top = image[pixel] == colors[0]
                    upper, lower = (first, second) if is_first_on_top else (second, first)
                    below[upper].add(lower)
        try:
            z_order = tuple(TopologicalSorter(below).static_order())
        except CycleError as error:
            names = " over ".join(ACCESSORIES[a] for a in error.args[1])
            raise DataError(f"no z-order of layers fits these punks: {names}") from None
        for upper in z_order:  # What is below `upper` is already complete.
            for lower in below[upper]:
                self.is_above[upper] |= self.is_above[lower]
                self.is_above[upper, lower] = True
        return z_order

    def solve_pixel(self, pixel: int) -> None:
        """Recover the layers at one pixel position, and what they imply for all punks."""
        accessories, codes, first_row, group_of = self._group_punks(pixel)
        groups = [
            (code >> len(accessories), [a for i, a in enumerate(accessories) if code >> i & 1])
            for code in codes.tolist()
        ]
        observed = self.indices[first_row, pixel].tolist()
        stack = self._build_stack(accessories, groups, observed)
        colors = np.array([stack.composite(*group) for group in groups], np.int16)
        is_visible = np.zeros((len(groups), len(ACCESSORIES)), bool)
        is_undecidable = np.zeros_like(is_visible)
        for i, (base, present) in enumerate(groups):
            for accessory in present:
                without = stack.composite(base, [a for a in present if a != accessory])
                is_visible[i, accessory] = without not in (UNKNOWN_COLOR, observed[i])
                is_undecidable[i, accessory] = without == UNKNOWN_COLOR
        self.stacks.append(stack)
        self.is_exact &= colors[group_of] == self.indices[:, pixel]
        self.occluded &= ~is_visible[group_of]
        self.undecidable |= is_undecidable[group_of]

    def _group_punks(
        self, pixel: int
    ) -> tuple[list[int], NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
        """Group the punks by base and by the accessories that change this pixel, in z-order.

        Some accessories change a pixel on few bases only (black glasses do not show over black
        eyes, but do over red ones), and possibly no pair of punks isolates them. They are added
        one by one, as long as an addition reduces the number of unexplained colors.

        Returns these accessories; a code for each group (the base in the high bits, one low bit per
        accessory); the first punk of each group; and the group of each punk.
        """
        colors = self.indices[:, pixel]
        while True:
            accessories = [a for a in self.z_order if self.changes_pixel[a, pixel]]
            bits = self.has_accessory[:, accessories] @ (1 << np.arange(len(accessories)))
            codes, first_row, group_of = np.unique(
                (self.base << len(accessories)) + bits, return_index=True, return_inverse=True
            )
            num_unexplained = _count_unexplained(group_of, colors)
            candidates = {
                a: _count_unexplained(group_of * 2 + self.has_accessory[:, a], colors)
                for a in self.z_order
                if num_unexplained and not self.changes_pixel[a, pixel]
            }
            best = min(candidates, key=candidates.__getitem__, default=None)
            if best is None or candidates[best] >= num_unexplained:
                return accessories, codes, first_row, group_of
            self.changes_pixel[best, pixel] = True

    def _build_stack(
        self, accessories: list[int], groups: list[tuple[int, list[int]]], observed: list[int]
    ) -> PixelStack:
        """Derive the base colors and overlays of a pixel from the color of each group of punks."""
        base_colors = [UNKNOWN_COLOR] * (int(self.base.max()) + 1)
        for (base, present), color in zip(groups, observed, strict=True):
            if not present:
                base_colors[base] = color
        stack = PixelStack(base_colors, {a: {} for a in accessories})
        # Start with the shallowest stacks: the fewer the layers, the more reliable is the color
        # below the topmost one. The second pass uses overlays that the first one found late.
        for i in sorted(range(len(groups)), key=lambda i: len(groups[i][1])) * 2:
            base, present = groups[i]
            if present and stack.composite(base, present) != observed[i]:
                below = stack.composite(base, present[:-1])
                if below != UNKNOWN_COLOR or not stack.overlays[present[-1]]:
                    stack.overlays[present[-1]].setdefault(below, observed[i])
        return stack

    def find_joint_occlusion(self) -> None:
        """Mark occluded accessories as undecidable that cannot all be removed at once.

        For example, each of two accessories may be occluded only because the other one is present.
        The images then do not determine which of them is visible.
        """
        occluded = self.occluded & ~self.undecidable
        for row in np.flatnonzero(occluded.sum(axis=1) > 1):
            remaining = set(np.flatnonzero(self.has_accessory[row] & ~occluded[row]).tolist())
            without = [stack.composite(self.base[row], remaining) for stack in self.stacks]
            if (without != self.indices[row]).any():
                self.undecidable[row] |= occluded[row]


def _count_unexplained(groups: NDArray[np.intp], colors: ColorIndices) -> int:
    """Return the number of punks whose color differs from the most common one of their group."""
    pairs, counts = np.unique(groups * 1000 + colors, return_counts=True)
    starts = np.flatnonzero(np.diff(pairs // 1000, prepend=-1))
    return int(counts.sum() - np.maximum.reduceat(counts, starts).sum())

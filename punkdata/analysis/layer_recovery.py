"""Recovery of the sprite layers and their z-order from images and labels alone.

The layers follow from the data:

1. Two punks that differ in a single accessory differ in exactly the pixels that it changes.
2. Where two accessories overlap, the color of the pixel shows which of them is above the other.
3. Going up in z-order, the images show which color each accessory produces over each color below
   it. Most sprites are opaque; the shadow of a beard depends on the skin below it.

Rendering every punk from the recovered layers and comparing it with the original checks the
result. The layers then answer whether an accessory of a punk changes any pixel or is *occluded*.
If the answer depends on a color that no punk shows, the case is *undecidable*.

This module performs no I/O.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.layers import (
    SKIN_PIXEL,
    UNKNOWN_COLOR,
    BoolArray,
    ColorIndices,
    Layers,
    PixelStack,
)
from punkdata.errors import DataError
from punkdata.traits import ACCESSORIES, TYPE_IDS, TYPES

_HUMAN_TYPE_IDS = [TYPE_IDS["Male"], TYPE_IDS["Female"]]


def recover_layers(
    indices: ColorIndices,
    labels: BoolArray,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Layers:
    """Recover the layers of a collection from its images and labels.

    Args:
        indices: Palette indices of the images, integer (N, 576).
        labels: bool (N, 92), in the order of `LABELS`.
        report: Progress callback, called with the number of finished pixels and the total.

    Raises:
        DataError: No z-order is consistent with the images.
    """
    types, has_accessory = labels[:, : len(TYPES)].argmax(axis=1), labels[:, len(TYPES) :]
    skins = np.where(np.isin(types, _HUMAN_TYPE_IDS), indices[:, SKIN_PIXEL], UNKNOWN_COLOR)
    num_pixels = indices.shape[1]
    reconstructed = np.full(indices.shape, UNKNOWN_COLOR, np.int16)
    occluded, undecidable = has_accessory.copy(), np.zeros_like(has_accessory)
    pixels, z_orders, bases = [], [], []
    for body, is_female in enumerate((False, True)):
        rows = np.flatnonzero((types == TYPE_IDS["Female"]) == is_female)
        body_bases, base = np.unique(
            np.stack([types[rows], skins[rows]], axis=1), axis=0, return_inverse=True
        )
        solver = _BodySolver(indices[rows].astype(np.int16), has_accessory[rows], base)
        stacks = []
        for pixel in range(num_pixels) if len(rows) else ():
            solution = solver.solve_pixel(pixel)
            stacks.append(solution.stack)
            reconstructed[rows, pixel] = solution.colors
            occluded[rows] &= ~solution.is_visible
            undecidable[rows] |= solution.is_undecidable
            report(body * num_pixels + pixel + 1, 2 * num_pixels)
        undecidable[rows] |= solver.find_joint_occlusion(
            stacks, occluded[rows] & ~undecidable[rows]
        )
        pixels.append(tuple(stacks))
        z_orders.append(solver.z_order)
        bases.append(tuple((int(punk_type), int(skin)) for punk_type, skin in body_bases))
    undecidable &= occluded
    return Layers(
        reconstructed,
        occluded & ~undecidable,
        undecidable,
        (pixels[0], pixels[1]),
        (z_orders[0], z_orders[1]),
        (bases[0], bases[1]),
    )


class _PixelSolution(NamedTuple):
    """Solution at one pixel position for the n punks of a body."""

    stack: PixelStack
    colors: ColorIndices
    """Reconstructed color of each punk, int16 (n,)."""
    is_visible: BoolArray
    """True where removing the accessory changes this pixel, bool (n, 87)."""
    is_undecidable: BoolArray
    """True where no punk shows the color of this pixel without the accessory, bool (n, 87)."""


class _BodySolver:
    """Layer recovery for the punks of one body, whose accessories have the same sprites.

    Args:
        indices: Palette indices of the images, int16 (n, 576).
        has_accessory: bool (n, 87).
        base: Index of the base (type and skin) of each punk, (n,).
    """

    def __init__(
        self, indices: ColorIndices, has_accessory: BoolArray, base: NDArray[np.intp]
    ) -> None:
        self.indices, self.has_accessory, self.base = indices, has_accessory, base
        self.changes_pixel = np.zeros((len(ACCESSORIES), indices.shape[1]), bool)
        """True where an accessory changes a pixel of any punk, bool (87, 576)."""
        pairs = self._single_accessory_pairs()
        for with_it, without_it, accessory in pairs:
            self.changes_pixel[accessory] |= indices[with_it] != indices[without_it]
        self.z_order = self._find_z_order(pairs)
        """All accessories of these punks, from the bottom to the top."""

    def _single_accessory_pairs(self) -> list[tuple[int, int, int]]:
        """Return all pairs of punks that differ in one accessory, as (with, without, accessory)."""
        sets = [frozenset(np.flatnonzero(row).tolist()) for row in self.has_accessory]
        rows = {(b, s): i for i, (b, s) in enumerate(zip(self.base.tolist(), sets, strict=True))}
        return [
            (row, rows[base, accessories - {accessory}], accessory)
            for (base, accessories), row in rows.items()
            for accessory in accessories
            if (base, accessories - {accessory}) in rows
        ]

    def _find_z_order(self, pairs: list[tuple[int, int, int]]) -> tuple[int, ...]:
        """Return all accessories from the bottom to the top; ties are broken arbitrarily.

        Raises:
            DataError: The overlaps form a cycle.
        """
        # The usual color of each accessory at each pixel, from the pairs that isolate it.
        counts: defaultdict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for with_it, without_it, accessory in pairs:
            changed = np.flatnonzero(self.indices[with_it] != self.indices[without_it])
            for pixel in changed.tolist():
                counts[accessory, pixel][int(self.indices[with_it, pixel])] += 1
        usual_color = {key: count.most_common(1)[0][0] for key, count in counts.items()}
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
            return tuple(TopologicalSorter(below).static_order())
        except CycleError as error:
            names = " over ".join(ACCESSORIES[a] for a in error.args[1])
            raise DataError(f"no z-order of layers fits these punks: {names}") from None

    def solve_pixel(self, pixel: int) -> _PixelSolution:
        """Recover the layers at one pixel position, and which accessories are visible there."""
        accessories, codes, first_row, group_of = self._group_punks(pixel)
        width = len(accessories)
        groups = [
            (int(code) >> width, tuple(a for i, a in enumerate(accessories) if code >> i & 1))
            for code in codes
        ]
        observed = self.indices[first_row, pixel].tolist()
        stack = self._build_stack(accessories, groups, observed)
        colors = np.array([stack.composite(*group) for group in groups], np.int16)
        is_visible = np.zeros((len(groups), len(ACCESSORIES)), bool)
        is_undecidable = np.zeros_like(is_visible)
        for i, (base, present) in enumerate(groups):
            for accessory in present:
                without = stack.composite(base, tuple(a for a in present if a != accessory))
                is_visible[i, accessory] = without not in (UNKNOWN_COLOR, observed[i])
                is_undecidable[i, accessory] = without == UNKNOWN_COLOR
        return _PixelSolution(
            stack, colors[group_of], is_visible[group_of], is_undecidable[group_of]
        )

    def _build_stack(
        self,
        accessories: tuple[int, ...],
        groups: list[tuple[int, tuple[int, ...]]],
        observed: list[int],
    ) -> PixelStack:
        """Derive the base colors and overlays of a pixel from the color of each group of punks."""
        base_colors = [UNKNOWN_COLOR] * (int(self.base.max()) + 1)
        for (base, present), color in zip(groups, observed, strict=True):
            if not present:
                base_colors[base] = color
        stack = PixelStack(tuple(base_colors), accessories, {a: {} for a in accessories})
        # Start with the shallowest stacks: the fewer the layers, the more reliable is the color
        # below the topmost one. The second pass uses overlays that the first one found late.
        for i in sorted(range(len(groups)), key=lambda i: len(groups[i][1])) * 2:
            base, present = groups[i]
            if present and stack.composite(base, present) != observed[i]:
                below = stack.composite(base, present[:-1])
                if below != UNKNOWN_COLOR or not stack.overlays[present[-1]]:
                    stack.overlays[present[-1]].setdefault(below, observed[i])
        return stack

    def _group_punks(
        self, pixel: int
    ) -> tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
        """Group the punks by base and by the accessories that change this pixel.

        Some accessories change a pixel on few bases only (black glasses do not show over black
        eyes, but do over red ones), and possibly no pair of punks isolates them. They are added
        one by one, as long as an addition reduces the number of unexplained colors.

        Returns:
            The accessories that change the pixel, in z-order; a code for each group (the base in
            the high bits, one low bit per accessory); the first punk of each group; and the group
            of each punk.
        """
        while True:
            accessories = tuple(a for a in self.z_order if self.changes_pixel[a, pixel])
            bits = self.has_accessory[:, accessories] @ (1 << np.arange(len(accessories)))
            codes, first_row, group_of = np.unique(
                (self.base << len(accessories)) + bits, return_index=True, return_inverse=True
            )
            colors = self.indices[:, pixel]
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

    def find_joint_occlusion(self, stacks: Sequence[PixelStack], occluded: BoolArray) -> BoolArray:
        """Return the occluded accessories that cannot all be removed from their punk at once.

        For example, each of two accessories may be occluded only because the other one is present.
        The images then do not determine which of them is visible.

        Args:
            stacks: The layers of all pixels.
            occluded: Accessories that can each be removed without changing a pixel, bool (n, 87).

        Returns:
            bool (n, 87).
        """
        undecidable = np.zeros_like(occluded)
        for row in np.flatnonzero(occluded.sum(axis=1) > 1):
            remaining = self.has_accessory[row] & ~occluded[row]
            without = [
                stack.composite(int(self.base[row]), [a for a in stack.accessories if remaining[a]])
                for stack in stacks
            ]
            if (without != self.indices[row]).any():
                undecidable[row] = occluded[row]
        return undecidable


def _count_unexplained(groups: NDArray[np.intp], colors: ColorIndices) -> int:
    """Return the number of punks whose color differs from the most common one of their group."""
    pairs, counts = np.unique(groups * 1000 + colors, return_counts=True)
    starts = np.flatnonzero(np.diff(pairs // 1000, prepend=-1))
    return int(counts.sum() - np.maximum.reduceat(counts, starts).sum())

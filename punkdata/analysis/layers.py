"""Sprite layers of the CryptoPunks and their z-order.

An image is a stack of layers. At the bottom is one of 11 bases (male and female in four skin
tones, zombie, ape, alien); the sprites of the accessories are composited over it in a fixed
z-order, one for the male body and one for the female body. `layer_recovery.py` derives the layers
from images and labels; this module renders punks from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.traits import TYPE_IDS

BoolArray = NDArray[np.bool_]
ColorIndices = NDArray[np.integer]
"""Colors as indices into the palette; UNKNOWN_COLOR where a color cannot be determined."""

UNKNOWN_COLOR = -1
"""Color index that marks a color that no punk shows."""
SKIN_PIXEL = 23 * 24 + 9
"""Flat index of the pixel that shows a human's skin tone: on the neck (row 23, column 9), where no
accessory covers it."""


@dataclass(frozen=True)
class PixelStack:
    """The layers at one pixel position, for all punks that share a body."""

    base_colors: tuple[int, ...]
    """Color of each base; UNKNOWN_COLOR if every punk with that base has an accessory here."""
    accessories: tuple[int, ...]
    """Accessories that change this pixel, in z-order from the bottom to the top."""
    overlays: dict[int, dict[int, int]]
    """Resulting color for each accessory and each color below it: {accessory: {below: result}}."""

    def composite(self, base: int, accessories: Sequence[int]) -> int:
        """Return the color of this pixel, or UNKNOWN_COLOR if no punk shows it.

        Args:
            base: Index into `base_colors`.
            accessories: A subset of `self.accessories`, in the same z-order.
        """
        color = self.base_colors[base]
        for accessory in accessories:
            overlay = self.overlays[accessory]
            if color in overlay:
                color = overlay[color]
            else:
                # A sprite with the same result over two or more colors is assumed to be opaque.
                results = set(overlay.values())
                is_opaque = len(results) == 1 and len(overlay) > 1
                color = results.pop() if is_opaque else UNKNOWN_COLOR
        return color


@dataclass(frozen=True)
class Layers:
    """Recovered layers of a collection, and what they imply for each of its punks.

    Attributes that are pairs belong to the two bodies: male (which zombies, apes and aliens
    share) and female.
    """

    reconstructed: ColorIndices
    """All punks rendered from the layers, int16 (N, 576)."""
    occluded: BoolArray
    """True where a punk has an accessory that changes none of its pixels, (N, 87)."""
    undecidable: BoolArray
    """True where the images do not determine whether an accessory is occluded, (N, 87). This
    includes accessories that are each occluded, but cannot all be removed at once."""
    pixels: tuple[tuple[PixelStack, ...], tuple[PixelStack, ...]]
    """The 576 pixel stacks of each body; empty if no punk has that body."""
    z_orders: tuple[tuple[int, ...], tuple[int, ...]]
    """Accessories of each body, from the bottom to the top."""
    bases: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
    """Bases of each body as (type, skin color at SKIN_PIXEL), in the order of
    `PixelStack.base_colors`. The skin color is UNKNOWN_COLOR for zombies, apes and aliens."""

    def render(self, punk_type: int, skin: int, accessories: Sequence[int]) -> ColorIndices:
        """Render a punk from its layers.

        Args:
            punk_type: Index into `TYPES`.
            skin: Palette index of the skin color; UNKNOWN_COLOR for zombies, apes and aliens.
            accessories: Indices into `ACCESSORIES`, in any order.

        Returns:
            int16 (576,) palette indices; UNKNOWN_COLOR for pixels that no punk shows.

        Raises:
            ValueError: No punk has this type and skin.
        """
        body = int(punk_type == TYPE_IDS["Female"])
        base = self.bases[body].index((punk_type, skin))
        selected = set(accessories)
        return np.array(
            [
                stack.composite(base, [a for a in stack.accessories if a in selected])
                for stack in self.pixels[body]
            ],
            np.int16,
        )

"""Sprite layers of training punks, which draw additional punks for the training of a renderer.

`recover_layers` finds, for each pixel, the z-order of the accessories and the color that each one
gives to each color below it. A sprite with one RGBA color per pixel explains all of these pairs:
composited "over" (Porter and Duff, 1984) what is below, it gives the observed colors. It then also
gives the colors of combinations that no training punk has, such as the shadow of a beard over a
skin that no training punk has below it.

Colors are float64 RGBA in [0, 1], premultiplied by alpha.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.layers import UNKNOWN_COLOR, BodyLayers, recover_layers
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX
from punkdata.traits import ACCESSORIES, TYPE_IDS, TYPES
from punkmodels.data.palette import NUM_PIXELS, SKIN_TONE_COLORS

TRANSPARENT = 0  # palette index

Colors = NDArray[np.float64]
Integers = NDArray[np.intp]


def premultiplied_palette() -> Colors:
    """Return the palette (222, 4)."""
    colors = PALETTE / 255
    colors[:, :3] *= colors[:, 3:]
    return colors


class SpriteFitter:
    """Sprites and bases of the punks of one body: female, or that of all others.

    `indices` are palette indices (n, 576), and `has_accessory` is bool (n, 87).
    """

    def __init__(
        self, body: BodyLayers, indices: NDArray[np.integer], has_accessory: NDArray[np.bool_]
    ) -> None:
        self.body, self.indices, self.has_accessory = body, indices, has_accessory
        self.palette: Colors = premultiplied_palette()
        self.sprites: Colors = np.zeros((len(ACCESSORIES), NUM_PIXELS, 4))
        for accessory in body.z_order:
            self._fit_sprite(accessory)
        for accessory in body.z_order:
            self._fill_holes(accessory)

    def _fit_sprite(self, accessory: int) -> None:
        """Choose the color of each pixel that an accessory changes."""
        pairs = {
            pixel: [
                (below, color)
                for below, color in stack.overlays[accessory].items()
                if UNKNOWN_COLOR not in (below, color)
            ]
            for pixel, stack in enumerate(self.body.pixels)
            if accessory in stack.overlays
        }
        translucent: list[Colors] = []
        # Start with the pixels over the most colors. They determine the translucent colors of a
        # sprite, which are then assumed elsewhere, where one pair alone would not determine them.
        for pixel in sorted(pairs, key=lambda pixel: -len(pairs[pixel])):
            if not pairs[pixel]:
                continue
            below, result = np.array(pairs[pixel]).T
            known = [color for color in translucent if self._explains(color, below, result)]
            if known and (len(below) == 1 or len(set(result.tolist())) > 1):
                self.sprites[accessory, pixel] = known[0]
            elif len(set(result.tolist())) == 1:
                self.sprites[accessory, pixel] = self.palette[result[0]]
            else:
                color = solve_over(self.palette[below], self.palette[result])
                self.sprites[accessory, pixel] = color
                translucent.append(color)

    def _explains(
        self, color: Colors, below: NDArray[np.integer], result: NDArray[np.integer]
    ) -> bool:
        """Return whether a color over those below gives exactly these results."""
        composite = color + (1 - color[3]) * self.palette[below]
        return bool((np.abs(composite - self.palette[result]) < 1.5 / 255).all())

    def _fill_holes(self, accessory: int) -> None:
        """Paint pixels inside a sprite whose color it may have by itself.

        A black pixel of a sprite over a face that is black there, too, changes no training punk. If
        the sprite covers all pixels around it, it is assumed to cover this one as well.
        """
        alpha = np.pad(self.sprites[accessory, :, 3].reshape(SIDE_PX, SIDE_PX), 1)
        around = [alpha[:-2, 1:-1], alpha[2:, 1:-1], alpha[1:-1, :-2], alpha[1:-1, 2:]]
        is_hole = (alpha[1:-1, 1:-1] == 0) & (np.min(around, axis=0) == 1)
        worn = self.has_accessory[:, accessory]
        above = self.body.z_order[self.body.z_order.index(accessory) + 1 :]
        for pixel in np.flatnonzero(is_hole):
            covers = [a for a in above if a in self.body.pixels[pixel].overlays]
            rows = worn & ~self.has_accessory[:, covers].any(axis=1)
            colors = set(self.indices[rows, pixel].tolist())
            if len(colors) == 1:
                self.sprites[accessory, pixel] = self.palette[colors.pop()]

    def find_bases(self) -> NDArray[np.intp]:
        """Return the colors of each base as palette indices (num_bases, 576).

        A pixel that accessories cover on all training punks with a base gets the color that this
        base has where the other bases have the same colors as here.
        """
        bases = np.array([stack.base_colors for stack in self.body.pixels], np.intp).T
        filled = bases.copy()
        for base, pixel in np.argwhere(bases == UNKNOWN_COLOR):
            others = np.delete(bases, base, axis=0)
            is_known = bases[base] != UNKNOWN_COLOR
            is_same = (others == others[:, pixel, None]).all(axis=0) & is_known
            counts = Counter(bases[base, is_same].tolist())
            filled[base, pixel] = counts.most_common(1)[0][0] if counts else TRANSPARENT
        return filled


def solve_over(below: Colors, result: Colors) -> Colors:
    """Return the premultiplied color (4,) that gives `result` (n, 4) over `below` (n, 4).

    It solves color + (1 - alpha) * below = result for color and alpha by least squares.
    """
    below_deviation, result_deviation = below - below.mean(axis=0), result - result.mean(axis=0)
    share = float((below_deviation * result_deviation).sum() / (below_deviation**2).sum())
    share = min(1.0, max(0.0, share))  # of what is below, which is 1 - alpha
    color: Colors = result.mean(axis=0) - share * below.mean(axis=0)
    color[3] = 1 - share
    return color


@dataclass
class SpriteLayers:
    """All layers of a collection.

    `bases`, (5, 5, 576, 4), has the base of each type and skin tone, where tone 0 is none.
    `sprites`, (2, 87, 576, 4), has the accessories on male bodies, which zombies, apes and aliens
    share, and on female ones; `z_order`, (2, 87), has their heights, or 0 for accessories that no
    punk with this body has.
    """

    bases: Colors
    sprites: Colors
    z_order: Integers

    def draw(self, labels: NDArray[np.bool_], skin_tones: Integers) -> NDArray[np.uint8]:
        """Draw punks with these labels (N, 92) and skin tones (N,), 0 to 4, each with one type.

        Where translucent sprites overlap, each layer is rounded to a color of the palette. Returns
        palette indices, uint8 (N, 576).
        """
        sprites: NDArray[np.uint8] = self._base_indices[
            labels[:, : len(TYPES)].argmax(axis=1), skin_tones
        ]
        is_female, is_worn = labels[:, TYPE_IDS["Female"]], labels[:, len(TYPES) :]
        for body, overlays in enumerate(self._overlays):
            for accessory, pixels, results in overlays:
                rows = np.flatnonzero(is_worn[:, accessory] & (is_female == bool(body)))
                changed = rows[:, None], pixels
                sprites[changed] = results[np.arange(len(pixels)), sprites[changed]]
        return sprites

    @cached_property
    def _base_indices(self) -> NDArray[np.uint8]:
        """The bases as palette indices, uint8 (5, 5, 576)."""
        return _nearest_colors(self.bases)

    @cached_property
    def _overlays(self) -> list[list[tuple[int, Integers, NDArray[np.uint8]]]]:
        """The accessories of each body from the bottom to the top, as lookup tables.

        Each has the pixels (n,) that it changes, and the color of each over each color of the
        palette, uint8 (n, 222).
        """
        palette, bodies = premultiplied_palette(), []
        for sprites, z_order in zip(self.sprites, self.z_order, strict=True):
            overlays = []
            for accessory in z_order.argsort()[np.count_nonzero(z_order == 0) :].tolist():
                pixels = np.flatnonzero(sprites[accessory].any(axis=1))
                colors = sprites[accessory, pixels, None]
                results = _nearest_colors(colors + (1 - colors[..., 3:]) * palette)
                overlays.append((accessory, pixels, results))
            bodies.append(overlays)
        return bodies


def _nearest_colors(colors: Colors) -> NDArray[np.uint8]:
    """Return the palette index nearest to each premultiplied color (..., 4), uint8 (...)."""
    # Compare each different color with the palette once, because there are few of them.
    packed = (colors * 255).round().astype(np.uint8).view(np.uint32)[..., 0]
    distinct, entries = np.unique(packed, return_inverse=True)
    rgba = distinct[:, None].view(np.uint8) / 255
    distances = ((rgba[:, None] - premultiplied_palette()) ** 2).sum(axis=2)
    nearest: NDArray[np.uint8] = distances.argmin(axis=1).astype(np.uint8)
    return nearest[entries].reshape(packed.shape)


def fit_layers(indices: NDArray[np.integer], labels: NDArray[np.bool_]) -> SpriteLayers:
    """Find the layers of punks from their palette indices (N, 576) and labels, bool (N, 92).

    Raises DataError if no z-order is consistent with the images.
    """
    recovered = recover_layers(indices, labels)
    layers = SpriteLayers(
        np.zeros((len(TYPES), 1 + len(SKIN_TONE_COLORS), NUM_PIXELS, 4)),
        np.zeros((2, len(ACCESSORIES), NUM_PIXELS, 4)),
        np.zeros((2, len(ACCESSORIES)), np.intp),
    )
    is_female, has_accessory = labels[:, TYPE_IDS["Female"]], labels[:, len(TYPES) :]
    for i, body in enumerate((recovered.male, recovered.female)):
        if body.bases:
            rows = is_female == bool(i)
            fitter = SpriteFitter(body, indices[rows], has_accessory[rows])
            layers.sprites[i] = fitter.sprites
            layers.z_order[i, list(body.z_order)] = 1 + np.arange(len(body.z_order))
            for (punk_type, skin), colors in zip(body.bases, fitter.find_bases(), strict=True):
                layers.bases[punk_type, _skin_tone(skin)] = fitter.palette[colors]
    return layers


def _skin_tone(color: int) -> int:
    """Return the skin tone of a palette index, 1 (darkest) to 4, or 0 if it is none."""
    rgba = tuple(PALETTE[color].tolist()) if color != UNKNOWN_COLOR else ()
    tones = [tone for tone, rgb in enumerate(SKIN_TONE_COLORS, 1) if rgba == (*rgb, 255)]
    return tones[0] if tones else 0

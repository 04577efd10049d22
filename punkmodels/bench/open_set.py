"""Sprites that differ from every punk that could exist, to be told from real punks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.outfits import NO_ACCESSORY, NUM_PIXELS, Compositor
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX

Sprites = NDArray[np.uint8]
"""Palette indices, uint8 (N, 576)."""
NUM_EACH = 500
"""Largest number of sprites of each kind."""
GENERATED_FILE = resources.files("punkmodels.bench").joinpath("generated.npz")


@cache
def load_generated() -> Sprites:
    """Return 500 sprites of the bundled VAE-GAN that no punk could be.

    They are fixed, because other versions of PyTorch could round a color differently.
    """
    with GENERATED_FILE.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        sprites: Sprites = arrays["sprites"]
        return sprites


def make_impossible(
    punks: Sprites, labels: NDArray[np.bool_], compositor: Compositor, seed: int
) -> dict[str, Sprites]:
    """Return sprites that no legal outfit draws, by what was done to punks (N, 576).

    `labels` are the visible ones, bool (N, 92).
    """
    kinds: dict[str, Callable[[np.random.Generator], Sprites]] = {
        "chimera": lambda rng: _make_chimeras(punks, rng),
        "generated": lambda _: load_generated(),
        "misplaced accessory": lambda rng: misplace(compositor, punks, labels, rng),
        "3 % of pixels": lambda rng: mix_pixels(punks, round(0.03 * NUM_PIXELS), rng),
        "one pixel": lambda rng: mix_pixels(punks, 1, rng),
        "one new color": lambda rng: recolor_pixel(punks, rng),
    }
    impossible = {}
    for number, (name, make) in enumerate(kinds.items()):
        sprites = make(np.random.default_rng([seed, number]))
        distance = find_nearest_outfits(compositor, sprites, 0).distance_px
        impossible[name] = sprites[distance > 0][:NUM_EACH]
    return impossible


def _make_chimeras(punks: Sprites, rng: np.random.Generator) -> Sprites:
    """Return the upper half of each punk above the lower half of another."""
    half = NUM_PIXELS // 2
    return np.concatenate([punks[:, :half], rng.permutation(punks)[:, half:]], axis=1)


def mix_pixels(punks: Sprites, count: int, rng: np.random.Generator) -> Sprites:
    """Replace pixels of each punk by those of another, first where the two differ."""
    other = rng.permutation(punks)
    order = (rng.random(punks.shape) + (punks == other)).argsort(axis=1)[:, :count]
    mixed, rows = punks.copy(), np.arange(len(punks))[:, None]
    mixed[rows, order] = other[rows, order]
    return mixed


def recolor_pixel(punks: Sprites, rng: np.random.Generator) -> Sprites:
    """Give one pixel of each punk another color of the palette."""
    edited, rows = punks.copy(), np.arange(len(punks))
    places = rng.integers(NUM_PIXELS, size=len(punks))
    steps = rng.integers(1, len(PALETTE), len(punks))
    edited[rows, places] = (edited[rows, places] + steps) % len(PALETTE)
    return edited


def misplace(
    compositor: Compositor, punks: Sprites, labels: NDArray[np.bool_], rng: np.random.Generator
) -> Sprites:
    """Move one accessory of each punk that has any by one pixel."""
    base, slots = compositor.encode(labels, punks)
    rows = np.flatnonzero((slots < NO_ACCESSORY).any(axis=1))
    base, slots = base[rows], slots[rows]
    slot = (rng.random(slots.shape) + (slots == NO_ACCESSORY)).argmin(axis=1)
    slots[np.arange(len(rows)), slot] = NO_ACCESSORY
    without = compositor.draw(base, slots)
    moves = rng.choice([-SIDE_PX, SIDE_PX, -1, 1], len(rows))
    for drawn, sprite, move in zip(without, punks[rows], moves, strict=True):
        own = np.flatnonzero(drawn != sprite)
        drawn[(own + move) % NUM_PIXELS] = sprite[own]
    return without

"""Search for the punk nearest to a sprite, among all legal ones that the bundled renderer draws.

The renderer draws each base bare, with each accessory alone, and with each two accessories that
overlap. `recover_layers` finds the sprite layers in these drawings as it does in real punks, and
`find_nearest_outfits` composes them much faster than the renderer draws. The layers exist only in
memory: no artwork is stored.
"""

import functools
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.outfits import NO_ACCESSORY, NUM_SLOTS, Compositor, Integers, Sprites
from punkdata.traits import ACCESSORIES, ACCESSORY_SLOTS, TYPES, allowed_accessories, encode_labels
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.renderer.names import HUMAN_TYPES
from punkmodels.renderer.network import encode_condition, load_bundled_renderer

Labels = NDArray[np.bool_]


def find_nearest_punks(indices: Sprites, max_distance_px: int) -> tuple[Labels, NDArray[np.bool_]]:
    """Find the punks with the fewest different pixels, and which of them are near enough.

    `indices` are palette indices, uint8 (N, 576). The search is a hill climb, which need not find
    the very nearest punk, see `punkdata.analysis.nearest_outfits`. The first call takes about two
    seconds more.

    Returns labels, bool (N, 92), without accessories that change no pixel, and whether at most
    `max_distance_px` pixels are different, bool (N,). If they are not, the labels mean nothing.
    """
    compositor = _draw_layers()
    found = find_nearest_outfits(compositor, indices, max_distance_px)
    slots = _remove_hidden(compositor, found.base, found.slots)
    return compositor.labels(found.base, slots), found.distance_px <= max_distance_px


def _remove_hidden(compositor: Compositor, base: Integers, slots: Integers) -> Integers:
    """Return slots, (N, 9), without the accessories that change no pixel.

    They are removed one after the other, because two of them can hide the same pixel.
    """
    slots = slots.copy()
    drawn = compositor.draw(base, slots)
    for slot in range(NUM_SLOTS):
        without = slots.copy()
        without[:, slot] = NO_ACCESSORY
        is_hidden = (compositor.draw(base, without) == drawn).all(axis=1)
        slots[is_hidden] = without[is_hidden]
    return slots


@functools.cache
def _draw_layers() -> Compositor:
    """Return the layers that the bundled renderer draws."""
    indices, labels = map(np.concatenate, zip(*map(_draw_type, TYPES), strict=True))
    return Compositor(recover_layers(indices, labels))


def _draw_type(name: str) -> tuple[Sprites, Labels]:
    """Draw punks of a type: bare, with each accessory, and with each two that overlap.

    Returns palette indices, uint8 (N, 576), and labels, bool (N, 92).
    """
    allowed = [a for a in ACCESSORIES if a in allowed_accessories(name)]
    skin_tones = range(1, 1 + len(SKIN_TONE_COLORS)) if name in HUMAN_TYPES else (0,)
    alone = [_draw(name, tone, [(), *((a,) for a in allowed)]) for tone in skin_tones]
    images = np.stack([drawn for drawn, _ in alone])
    changed = (images[:, 1:] != images[:, :1]).any(axis=0)
    slot_of = {a: slot for slot, names in enumerate(ACCESSORY_SLOTS) for a in names}
    pairs = [
        (i, j)
        for i, j in combinations(range(len(allowed)), 2)
        if slot_of[allowed[i]] != slot_of[allowed[j]] and (changed[i] & changed[j]).any()
    ]
    # A pair of opaque accessories looks the same on each skin tone.
    is_translucent = ((images[:, 1:] != images[:1, 1:]) & changed).any(axis=(0, 2))
    drawings = alone
    for tone in skin_tones:
        needed = [p for p in pairs if tone == skin_tones[0] or is_translucent[list(p)].any()]
        if needed:
            drawings.append(_draw(name, tone, [(allowed[i], allowed[j]) for i, j in needed]))
    indices, labels = map(np.concatenate, zip(*drawings, strict=True))
    return indices, labels


def _draw(name: str, skin_tone: int, outfits: Sequence[tuple[str, ...]]) -> tuple[Sprites, Labels]:
    """Draw outfits of a type and skin tone, 0 if it has none; see `_draw_type`."""
    labels = np.stack([encode_labels(name, outfit) for outfit in outfits]).astype(bool)
    skin_tones = torch.full((len(labels),), skin_tone)
    drawn = load_bundled_renderer()(encode_condition(torch.from_numpy(labels), skin_tones))
    return drawn.flatten(1).numpy(), labels

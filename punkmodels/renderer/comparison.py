"""Comparison of sprites with the punks that the bundled renderer draws from their labels."""

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import UsageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.traits import check_traits, decode_labels
from punkmodels.data.palette import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.renderer.nearest_punks import find_nearest_punks
from punkmodels.renderer.network import conditions_from_labels, load_bundled_renderer

Sprites = NDArray[np.uint8]
Labels = NDArray[np.bool_]
Mask = NDArray[np.bool_]
BATCH_SIZE = 500  # sprites that are compared at a time, which limits the memory
MAX_CORRECTED_PX = 72
"""Number of different pixels above which no punk explains a sprite: an eighth of all pixels."""


def correct_labels(sprites: Sprites, labels: Labels) -> tuple[Labels, Mask]:
    """Replace labels that do not draw a sprite by those of a punk that is nearer to it.

    `sprites` are RGBA, uint8 (N, 24, 24, 4), in any colors, and `labels` are bool (N, 92). Labels
    stay as they are unless the search finds a punk with fewer different pixels, and with at most
    MAX_CORRECTED_PX: a sprite that is farther from all punks may be one of another collection.
    Labels that no punk can have are replaced even if they draw the sprite, because the renderer has
    only guessed how they look.

    Returns the labels, and the pixels in which each sprite differs from the punk with its labels,
    bool (N, 24, 24), see `find_different_pixels`.
    """
    labels, different = labels.copy(), find_different_pixels(sprites, labels)
    is_legal = np.array([_can_exist(row) for row in labels])
    rows = np.flatnonzero(different.any(axis=(1, 2)) | ~is_legal)
    if len(rows):
        indices = palette_indices(sprites[rows]).reshape(len(rows), -1)
        nearest, is_near = find_nearest_punks(indices, MAX_CORRECTED_PX)
        rows, nearest = rows[is_near], nearest[is_near]
        other = find_different_pixels(sprites[rows], nearest)
        is_better = (_count(other) < _count(different[rows])) | ~is_legal[rows]
        rows = rows[is_better]
        labels[rows], different[rows] = nearest[is_better], other[is_better]
    return labels, different


def _can_exist(labels: Labels) -> bool:
    """Return whether a punk can have these labels, bool (92,)."""
    try:
        check_traits(*decode_labels(labels))
    except UsageError:
        return False
    return True


def find_different_pixels(sprites: Sprites, labels: Labels) -> Mask:
    """Return where sprites differ from the punks with these labels, bool (N, 24, 24).

    `sprites` are RGBA, uint8 (N, 24, 24, 4), in any colors; `labels` are bool (N, 92), also of
    punks that cannot exist. Punks are drawn in each of the four skin tones, of which the one with
    the fewest different pixels counts. Fully transparent pixels are equal in any color.
    """
    # In nearly all punks, the neck shows the best skin tone.
    skin_tones = detect_skin_tones(torch.from_numpy(palette_indices(sprites)))
    different = _compare(sprites, labels, skin_tones.clamp(min=1))
    rows = np.flatnonzero(different.any(axis=(1, 2)))
    for skin_tone in range(1, len(SKIN_TONE_COLORS) + 1):
        other = _compare(sprites[rows], labels[rows], torch.full((len(rows),), skin_tone))
        is_better = _count(other) < _count(different[rows])
        different[rows[is_better]] = other[is_better]
    return different


def _count(different: Mask) -> NDArray[np.intp]:
    """Return the number of different pixels of each sprite, (N,)."""
    count: NDArray[np.intp] = different.sum(axis=(1, 2))
    return count


def _compare(sprites: Sprites, labels: Labels, skin_tones: torch.Tensor) -> Mask:
    """Return where sprites differ from the punks with these labels and skin tones, 1 to 4."""
    different = np.zeros(sprites.shape[:3], bool)
    for start in range(0, len(sprites), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        conditions = conditions_from_labels(torch.from_numpy(labels[rows]), skin_tones[rows])
        drawn = PALETTE[load_bundled_renderer()(conditions).numpy()]
        visible = np.where(sprites[rows, ..., 3:] > 0, sprites[rows], 0)
        different[rows] = (drawn != visible).any(axis=-1)
    return different

"""Composed punks: random legal outfits, drawn from the sprite layers of the training split.

A renderer must draw combinations of traits of which real punks show few. Composed punks show each
accessory on every type and skin tone that can have it, together with any others. They are drawn
from the layers of the training punks alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.images.sprite import SIDE_PX
from punkdata.traits import ACCESSORY_SLOTS, LABELS, MAX_ACCESSORIES, TYPES, allowed_accessories
from punkmodels.data.palette import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.layers import Integers, fit_layers
from punkmodels.renderer.names import HUMAN_TYPES

NUM_COMPOSED = 50_000  # punks that are composed for a training
RARE_TYPES_SHARE = 0.5  # of outfits that have any type equally often
FILLED_SHARE = 0.5  # probability that a slot is filled
FEMALE = TYPES.index("Female")


@dataclass(frozen=True)
class ComposedPunks:
    """Images, uint8 (N, 24, 24), labels, float32 (N, 92), and skin tones, int64 (N,)."""

    images: torch.Tensor
    labels: torch.Tensor
    skin_tones: torch.Tensor


def compose_punks(
    train: SplitTensors, seed: int, count: int = NUM_COMPOSED
) -> ComposedPunks | None:
    """Draw random legal outfits of accessories that the punks of a split have.

    Returns None if the layers of the split do not draw each of its punks exactly.
    """
    images, labels = train.images.flatten(1).numpy(), train.labels.bool().numpy()
    try:
        layers = fit_layers(images, labels)
    except DataError:
        return None
    if not np.array_equal(layers.draw(labels, detect_skin_tones(train.images).numpy()), images):
        return None
    rng = np.random.default_rng(seed)
    outfits = sample_outfits(labels, count, rng)
    is_human = outfits[:, [TYPES.index(name) for name in HUMAN_TYPES]].any(axis=1)
    skin_tones = np.where(is_human, rng.integers(1, len(SKIN_TONE_COLORS) + 1, count), 0)
    drawn = torch.from_numpy(layers.draw(outfits, skin_tones)).view(count, SIDE_PX, SIDE_PX)
    return ComposedPunks(drawn, torch.from_numpy(outfits).float(), torch.from_numpy(skin_tones))


def sample_outfits(
    labels: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return random label sets, bool (count, 92), with types and accessories of `labels` (N, 92).

    Half of the outfits have types as often as `labels`, and half any type equally often. Each slot
    is filled with the same probability, with any accessory equally often that the type can have and
    that some punk with the same body (female, or any other) has.
    """
    types = labels[:, : len(TYPES)]
    frequencies = types.mean(axis=0)
    frequencies += RARE_TYPES_SHARE * (types.any(axis=0) / types.any(axis=0).sum() - frequencies)
    chosen: Integers = rng.choice(len(TYPES), count, p=frequencies)
    outfits = np.zeros((count, len(LABELS)), bool)
    outfits[np.arange(count), chosen] = True
    is_filled = rng.random((count, len(ACCESSORY_SLOTS))) < FILLED_SHARE
    # Empty random slots of outfits with too many accessories.
    priority = np.where(is_filled, rng.random(is_filled.shape), 1)
    is_filled &= priority.argsort(axis=1).argsort(axis=1) < MAX_ACCESSORIES
    for i, name in enumerate(TYPES):
        has_body = types[:, FEMALE] == (i == FEMALE)
        is_known = labels[has_body].any(axis=0)
        allowed = allowed_accessories(name)
        for slot, names in enumerate(ACCESSORY_SLOTS):
            columns = [LABELS.index(n) for n in names if n in allowed]
            columns = [column for column in columns if is_known[column]]
            rows = np.flatnonzero((chosen == i) & is_filled[:, slot])
            if columns:
                outfits[rows, rng.choice(columns, len(rows))] = True
    return outfits

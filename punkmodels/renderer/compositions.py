"""Composed punks: random legal outfits, drawn from the sprite layers of the training split.

A renderer must draw, and a classifier recognize, combinations of traits of which real punks show
few. Composed punks show each accessory on every type and skin tone that can have it, together with
any others. They are drawn from the layers of the training punks alone.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.images.sprite import SIDE_PX
from punkdata.traits import (
    ACCESSORY_SLOTS,
    LABELS,
    MAX_ACCESSORIES,
    TYPE_IDS,
    TYPES,
    allowed_accessories,
)
from punkmodels.data.palette import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.drawing import find_visible
from punkmodels.renderer.layers import Integers, SpriteLayers, fit_layers
from punkmodels.renderer.names import HUMAN_TYPES

NUM_COMPOSED = 50_000  # punks that are composed for a training
RARE_TYPES_SHARE = 0.5  # of outfits that have any type equally often
FILLED_SHARE = 0.5  # default probability that a slot is filled
FEMALE = TYPES.index("Female")


@dataclass(frozen=True)
class ComposedPunks:
    """Images, uint8 (N, 24, 24), labels, float32 (N, 92), and skin tones, int64 (N,)."""

    images: torch.Tensor
    labels: torch.Tensor
    skin_tones: torch.Tensor


class Composer:
    """Draws random legal outfits of accessories that the punks of a split have.

    `labels` are those of the split, bool (N, 92), and `layers` those that its punks show.
    """

    def __init__(self, layers: SpriteLayers, labels: NDArray[np.bool_]) -> None:
        self.layers, self.labels = layers, labels

    @classmethod
    def fit(cls, train: SplitTensors) -> "Composer | None":
        """Recover the layers of a split; None if they do not draw each of its punks exactly."""
        images, labels = train.images.flatten(1).numpy(), train.labels.bool().numpy()
        try:
            layers = fit_layers(images, labels)
        except DataError:
            return None
        drawn = layers.draw(labels, detect_skin_tones(train.images).numpy())
        return cls(layers, labels) if np.array_equal(drawn, images) else None

    def compose(
        self,
        count: int,
        rng: np.random.Generator,
        *,
        filled_share: float | Sequence[float] = FILLED_SHARE,
        excluded_pairs: Collection[tuple[str, str]] = (),
    ) -> ComposedPunks:
        """Draw random outfits, see `sample_outfits`.

        Of an excluded pair, one accessory is removed: the one that is in fewer of these pairs.
        """
        outfits = sample_outfits(self.labels, count, rng, filled_share)
        num_pairs = Counter(name for pair in excluded_pairs for name in pair)
        for pair in excluded_pairs:
            rarer, other = (LABELS.index(name) for name in sorted(pair, key=num_pairs.__getitem__))
            outfits[outfits[:, rarer] & outfits[:, other], rarer] = False
        is_human = outfits[:, [TYPE_IDS[name] for name in HUMAN_TYPES]].any(axis=1)
        tones = np.where(is_human, rng.integers(1, len(SKIN_TONE_COLORS) + 1, count), 0)
        labels, skin_tones = torch.from_numpy(outfits).float(), torch.from_numpy(tones)
        return ComposedPunks(self._draw(labels, skin_tones), labels, skin_tones)

    def find_visible(self, punks: ComposedPunks) -> torch.Tensor:
        """Return the labels of composed punks that at least one pixel shows, float32 (N, 92)."""
        return find_visible(
            punks.labels, lambda labels: self._draw(labels, punks.skin_tones)
        ).float()

    def _draw(self, labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        drawn = self.layers.draw(labels.bool().numpy(), skin_tones.numpy())
        return torch.from_numpy(drawn).view(-1, SIDE_PX, SIDE_PX)


def compose_punks(
    train: SplitTensors,
    seed: int,
    count: int = NUM_COMPOSED,
    excluded_pairs: Collection[tuple[str, str]] = (),
) -> ComposedPunks | None:
    """Draw random legal outfits of accessories that the punks of a split have.

    No outfit has one of the excluded pairs of accessories. Returns None if the layers of the split
    do not draw each of its punks exactly.
    """
    composer, rng = Composer.fit(train), np.random.default_rng(seed)
    return composer.compose(count, rng, excluded_pairs=excluded_pairs) if composer else None


def sample_outfits(
    labels: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
    filled_share: float | Sequence[float] = FILLED_SHARE,
) -> NDArray[np.bool_]:
    """Return random label sets, bool (count, 92), with types and accessories of `labels` (N, 92).

    Half of the outfits have types as often as `labels`, and half any type equally often. Each slot
    is filled with the probability `filled_share`, which may be one for each slot, with any
    accessory equally often that the type can have and that some punk with the same body (female, or
    any other) has.
    """
    types = labels[:, : len(TYPES)]
    frequencies = types.mean(axis=0)
    frequencies += RARE_TYPES_SHARE * (types.any(axis=0) / types.any(axis=0).sum() - frequencies)
    chosen: Integers = rng.choice(len(TYPES), count, p=frequencies)
    outfits = np.zeros((count, len(LABELS)), bool)
    outfits[np.arange(count), chosen] = True
    is_filled = rng.random((count, len(ACCESSORY_SLOTS))) < filled_share
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

"""Conditions of held-out punks, and the ground-truth sprites for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from punkdata.analysis.layers import SKIN_PIXEL, UNKNOWN_COLOR, recover_layers
from punkdata.images.palette import PALETTE
from punkdata.traits import TYPES
from punkmodels.data.skin_tones import SKIN_TONE_COLORS
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.conditioning import ConditionSpec
from punkmodels.gan.label_conditions import conditions_from_split


@dataclass(frozen=True)
class ConditionalTargets:
    """Conditions, and the ground-truth sprites for them; one row per condition."""

    labels: torch.Tensor
    """All labels of the ground-truth punks, bool (N, 92)."""
    visible: torch.Tensor
    """Labels of the ground-truth punks that change at least one pixel, bool (N, 92)."""
    images: torch.Tensor
    """Ground-truth sprites as palette indices, uint8 (N, 24, 24)."""
    variants: torch.Tensor
    """Sprites that count as correct, uint8 (N, K, 24, 24): the ground truth (K = 1), or, if the
    condition has no skin tone, the ground truth in each skin tone (K = 4)."""
    condition: torch.Tensor
    """Condition vectors, float32 (N, condition_dim)."""

    def take(self, rows: torch.Tensor) -> ConditionalTargets:
        """Return the targets of the given rows, int64 (M,)."""
        tensors = (self.labels, self.visible, self.images, self.variants, self.condition)
        return ConditionalTargets(*(tensor[rows] for tensor in tensors))


def build_targets(
    spec: ConditionSpec, all_punks: SplitTensors, held_out: list[SplitTensors]
) -> ConditionalTargets:
    """Return the targets of held-out punks.

    Args:
        spec: Layout of the generator's condition. Without a skin tone, the same punk in any skin
            tone counts as correct.
        all_punks: The whole collection, from which the sprite layers are recovered.
        held_out: The held-out splits.
    """
    labels = torch.cat([split.labels for split in held_out]).bool()
    images = torch.cat([split.images for split in held_out])
    return ConditionalTargets(
        labels,
        torch.cat([split.visible for split in held_out]).bool(),
        images,
        images[:, None] if spec.skin_tone else _render_all_tones(all_punks, images, labels),
        torch.cat([conditions_from_split(spec, split, len(split)) for split in held_out]),
    )


def find_seen(labels: torch.Tensor, train: SplitTensors) -> torch.Tensor:
    """Return for each label set, bool (N, 92), whether a training punk has it, as bool (N,)."""
    train_sets = {row.tobytes() for row in train.labels.bool().numpy()}
    return torch.tensor([row.tobytes() in train_sets for row in labels.numpy()])


def _render_all_tones(
    all_punks: SplitTensors, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return each punk in all four skin tones, uint8 (N, 4, 24, 24).

    The sprites are composed from the layers of all punks. A punk without a skin tone, such as a
    Zombie, is repeated unchanged; so is a punk in a skin tone that no punk of its type has.
    """
    flat = all_punks.images.flatten(1).numpy().astype(np.int16)
    layers = recover_layers(flat, all_punks.labels.bool().numpy())
    skin_colors = [PALETTE.tolist().index([*rgb, 255]) for rgb in SKIN_TONE_COLORS]
    known_bases = {base for body in layers.bodies for base in body.bases}
    rows = []
    for image, row in zip(images, labels.numpy(), strict=True):
        punk_type = int(row[: len(TYPES)].argmax())
        accessories = np.flatnonzero(row[len(TYPES) :]).tolist()
        own_color = int(image.flatten()[SKIN_PIXEL])
        variants = []
        for color in skin_colors:
            if color == own_color or (punk_type, color) not in known_bases:
                variants.append(image)
                continue
            rendered = layers.render(punk_type, color, accessories)
            rendered[rendered == UNKNOWN_COLOR] = 255  # Differs from all palette indices.
            variants.append(torch.from_numpy(rendered.astype(np.uint8)).view(image.shape))
        rows.append(torch.stack(variants))
    return torch.stack(rows)

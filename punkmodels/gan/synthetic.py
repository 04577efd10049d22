"""Drawn punks as further examples for a classifier, labeled by what the generator was asked for.

Type, accessories and tone determine a punk. So a generator that is asked for what training punks
have draws these again; here it is asked for what nobody in training has: a punk of training that
puts on one accessory more, each of them as often, the rarest too; or whose type is another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import UsageError
from punkdata.trait_rules import (
    ACCESSORY_KINDS,
    ACCESSORY_SLOTS,
    MAX_ACCESSORIES,
    allowed_accessories,
)
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.data.skin_tones import SKIN_TONE_COLORS
from punkmodels.data.splits import SplitTensors
from punkmodels.data.synthetic_examples import Examples
from punkmodels.gan.conditioning import conditions
from punkmodels.gan.config import load_generator, read_dcgan_config
from punkmodels.gan.generate import generate_sprites

HUMANS = ("Female", "Male")
TRIES = 50
"""times that a set which training has is drawn anew"""


def sample_new_label_sets(labels: torch.Tensor, count: int, seed: int) -> NDArray[np.bool_]:
    """Label sets that training has not, as far as chance finds them: bool (count, 92).

    Args:
        labels: (N, 92), of training.
    """
    rng = np.random.default_rng(seed)
    rows = labels.bool().numpy()
    kinds = len(TYPES)
    known = {row.tobytes() for row in rows}
    worn_by = {i: np.flatnonzero(rows[:, i]) for i in range(len(LABELS)) if rows[:, i].any()}
    others = {i: _same_place(i) for i in worn_by if i >= kinds}
    of_type = {kind: worn_by[kind] for kind in range(kinds) if kind in worn_by}
    can_wear = [_mask(allowed_accessories(name)) for name in TYPES]
    found = np.zeros((count, len(LABELS)), bool)
    for made in found:
        for _ in range(TRIES):
            label = int(rng.choice(list(worn_by)))
            if label < kinds:
                made[:] = rows[rng.integers(len(rows))] & can_wear[label]
                made[:kinds] = np.arange(kinds) == label
            else:
                # Of a type that wears it in training: what it looks like on others is not known.
                kind = int(rows[rng.choice(worn_by[label]), :kinds].argmax())
                made[:] = rows[rng.choice(of_type[kind])]
                made[others[label]] = False
                made[label] = True
            if made.tobytes() not in known and made[kinds:].sum() <= MAX_ACCESSORIES:
                break
    return found


def examples_from_config(
    config: ClassifierConfig, train: SplitTensors, device: torch.device
) -> Examples:
    """Generate the extra examples that a classifier's configuration requests.

    Raises:
        UsageError, DataError: see `draw_examples`.
    """
    return generate_labeled_examples(
        Path(config.augment_with or ""),
        train,
        round(len(train) * config.augment_fraction),
        config.seed,
        device,
        visible_only=config.visible_only,
    )


def generate_labeled_examples(
    generator: Path,
    part: SplitTensors,
    count: int,
    seed: int,
    device: torch.device,
    *,
    visible_only: bool,
) -> Examples:
    """Ask a generator for punks that training has not.

    Args:
        generator: a run of `train dcgan --conditional labels`, or its exported weights.
        part: what the classifier is trained on.
        visible_only: leave out of the labels what changes no pixel of the drawing: what the same
            noise gives without it is the same.

    Raises:
        UsageError: the generator cannot be asked for labels.
        DataError: it is damaged.
    """
    config = read_dcgan_config(generator).options
    if config.conditional != "labels":
        raise UsageError(
            "the generator of --augment-with cannot be asked for accessories",
            hint="take bundled-conditional, or train one with: punkmodels train dcgan "
            "--conditional labels --skin-tone",
        )
    model = load_generator(generator, device)
    labels = torch.from_numpy(sample_new_label_sets(part.labels, count, seed))
    rng = torch.Generator().manual_seed(seed)
    is_human = labels[:, [TYPES.index(name) for name in HUMANS]].any(dim=1)
    tones = torch.randint(1, len(SKIN_TONE_COLORS) + 1, (count,), generator=rng) * is_human

    def draw(asked_for: torch.Tensor) -> torch.Tensor:
        condition = conditions(
            asked_for,
            tones,
            "labels",
            skin_tone=config.skin_tone,
            split_female_accessories=config.split_female_accessories,
        )
        return generate_sprites(model, count, seed, condition=condition, keep_raw=False)[0]

    images = draw(labels)
    seen = labels.clone()
    if visible_only:
        accessories = labels.clone()
        accessories[:, : len(TYPES)] = False
        for nth in range(int(accessories.sum(dim=1).max())):
            # The nth accessory of each, where it has so many.
            is_nth = accessories & (accessories.cumsum(dim=1) == nth + 1)
            same = (draw(labels & ~is_nth) == images).flatten(1).all(dim=1)
            seen &= ~(is_nth & same[:, None])
    return images, seen.float()


def _mask(names: frozenset[str] | tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([name in names for name in LABELS])


def _same_place(label: int) -> NDArray[np.bool_]:
    """The accessories of which a punk wears this one or another: bool (92,)."""
    name = LABELS[label]
    place = next(
        place for place in ACCESSORY_SLOTS if any(name in ACCESSORY_KINDS[kind] for kind in place)
    )
    return _mask(tuple(other for kind in place for other in ACCESSORY_KINDS[kind]))

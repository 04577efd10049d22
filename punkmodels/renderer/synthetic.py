"""Rendered training examples for a classifier, labeled by their conditions.

Type, accessories and skin tone determine a punk, so a renderer would only reproduce training punks
from their own labels. Instead it receives label sets that no training punk has: a training punk
with one more accessory, where rare accessories are as frequent as common ones, or with another
type.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.traits import ACCESSORY_SLOTS, LABELS, MAX_ACCESSORIES, TYPES, allowed_accessories
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.data.splits import Examples, SplitTensors
from punkmodels.renderer.drawing import find_visible
from punkmodels.renderer.network import conditions_from_labels, load_renderer

MAX_ATTEMPTS = 50


def examples_from_config(
    config: ClassifierConfig, train: SplitTensors, device: torch.device
) -> Examples:
    """Render the additional examples that the options of a classifier request."""
    return render_labeled_examples(
        Path(config.augment_with or ""),
        train,
        max(1, round(len(train) * config.augment_fraction)),
        config.seed,
        device,
        visible_only=config.visible_only,
    )


def render_labeled_examples(
    renderer: Path,
    train: SplitTensors,
    count: int,
    seed: int,
    device: torch.device,
    *,
    visible_only: bool,
) -> Examples:
    """Render examples with label sets that no punk of `train` has; return images and labels.

    With `visible_only`, labels are removed if the renderer returns the same sprite without them.
    Raises DataError as `load_renderer` does.
    """
    model = load_renderer(renderer, device)
    labels = torch.from_numpy(sample_new_label_sets(train.labels, count, seed))
    random = torch.Generator().manual_seed(seed)
    skin_tones = torch.randint(1, len(SKIN_TONE_COLORS) + 1, (count,), generator=random)

    def render(labels: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = model(conditions_from_labels(labels, skin_tones).to(device))
        return images.cpu()

    visible = find_visible(labels, render) if visible_only else labels
    return render(labels), visible.float()


def sample_new_label_sets(labels: torch.Tensor, count: int, seed: int) -> NDArray[np.bool_]:
    """Return random label sets, bool (count, 92), that are not in the training labels (N, 92).

    If `MAX_ATTEMPTS` attempts find none, the last attempt is returned: a label set of the training
    data, or one with too many accessories.
    """
    rng = np.random.default_rng(seed)
    rows = labels.bool().numpy()
    num_types = len(TYPES)
    known_sets = {row.tobytes() for row in rows}
    rows_with = {i: np.flatnonzero(rows[:, i]) for i in range(len(LABELS)) if rows[:, i].any()}
    same_slot = {i: _labels_in_slot_of(i) for i in rows_with if i >= num_types}
    allowed = [_label_mask(allowed_accessories(name)) for name in TYPES]
    result = np.zeros((count, len(LABELS)), bool)
    for label_set in result:
        for _ in range(MAX_ATTEMPTS):
            label = int(rng.choice(list(rows_with)))
            if label < num_types:
                label_set[:] = rows[rng.integers(len(rows))] & allowed[label]
                label_set[:num_types] = np.arange(num_types) == label
            else:
                # Add the accessory to a type that has it in the training data, because the
                # renderer does not know what it looks like on other types.
                punk_type = int(rows[rng.choice(rows_with[label]), :num_types].argmax())
                label_set[:] = rows[rng.choice(rows_with[punk_type])]
                label_set[same_slot[label]] = False
                label_set[label] = True
            is_new = label_set.tobytes() not in known_sets
            if is_new and label_set[num_types:].sum() <= MAX_ACCESSORIES:
                break
    return result


def _label_mask(names: Collection[str]) -> NDArray[np.bool_]:
    return np.array([name in names for name in LABELS])


def _labels_in_slot_of(label: int) -> NDArray[np.bool_]:
    """Return which labels use the same slot as an accessory, bool (92,)."""
    return _label_mask(next(slot for slot in ACCESSORY_SLOTS if LABELS[label] in slot))

"""Scores of a renderer on `punkdata.analysis.outfit_suites`: legal outfits that no punk has."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.outfit_suites import (
    SUITE_NAMES,
    USUAL_SUITES,
    OutfitSuite,
    sample_outfit_suites,
)
from punkdata.analysis.outfits import Compositor
from punkdata.images.sprite import SIDE_PX
from punkdata.report import Report, Row
from punkmodels.choices import HeldOutSplit
from punkmodels.data.palette import detect_skin_tones
from punkmodels.data.splits import SplitTensors

Render = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Maps labels, bool (N, 92), and skin tones, int64 (N,), to palette indices, (N, 24, 24)."""
SCORE_NAMES = {
    "num_samples": "samples",
    "pixel_exact_match": "pixel-exact match",
    "wrong_pixels_mean": "wrong pixels, mean",
    "train_layers_exact_match": "pixel-exact match of the training layers",
}
SUITE_SEEDS: dict[HeldOutSplit, int] = {"val": 1, "test": 0, "held-out": 0}
"""Seeds of the suites that are evaluated with a split: those of `val` are for choosing options."""
NOTE = (
    "Outfits that no punk has, with all accessories visible, drawn from the layers of all punks. "
    "New sets: slots are filled as often as in punks, with any accessory. Unmet pairs: with two "
    "accessories that no training punk has together. Six and more: with six or seven accessories. "
    "Unusual types: Zombies, Apes and Aliens. Training layers: those that the training split shows."
)


def load_suites(
    train: SplitTensors,
    val: SplitTensors,
    test: SplitTensors,
    *,
    count: int = 1000,
    seed: int = 0,
    pairs: Collection[tuple[str, str]] | None = None,
    names: Collection[str] = USUAL_SUITES,
) -> dict[str, OutfitSuite]:
    """Sample suites of `count` outfits each; raises and returns as `sample_outfit_suites`."""
    images, labels = (
        torch.cat([getattr(split, name) for split in (train, val, test)])
        for name in ("images", "labels")
    )
    is_train = np.arange(len(images)) < len(train)
    return sample_outfit_suites(
        images.flatten(1).numpy(), labels.bool().numpy(), is_train, count, seed, pairs, names
    )


def score_suites(
    render: Render, suites: Mapping[str, OutfitSuite], train: SplitTensors
) -> dict[str, dict[str, float]]:
    """Return the scores of each suite, of a renderer and of the layers of the training split."""
    layers = recover_layers(train.images.flatten(1).numpy(), train.labels.bool().numpy())
    compositor, scores = Compositor(layers), {}
    for name, suite in suites.items():
        truth = torch.from_numpy(suite.sprites).view(-1, SIDE_PX, SIDE_PX)
        rendered = render(torch.from_numpy(suite.labels), detect_skin_tones(truth)).cpu()
        wrong_pixels = (rendered != truth).sum(dim=(1, 2)).double()
        base, slots = compositor.encode(suite.labels, suite.sprites)
        composed = (compositor.draw(base, slots) == suite.sprites).all(axis=1) & (base >= 0)
        scores[name] = {
            "num_samples": len(truth),
            "pixel_exact_match": float((wrong_pixels == 0).double().mean()),
            "wrong_pixels_mean": float(wrong_pixels.mean()),
            "train_layers_exact_match": float(composed.mean()),
        }
    return scores


def make_suites_table(scores: Mapping[str, Mapping[str, Any]]) -> Report:
    """Return a table of `score_suites` with a column for each suite."""
    rows = [
        Row(name, tuple(suite[key] for suite in scores.values()))
        for key, name in SCORE_NAMES.items()
    ]
    return Report(rows, ("legal outfits", *(SUITE_NAMES[name] for name in scores)), (NOTE,))

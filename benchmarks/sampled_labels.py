"""Baseline without learning: python benchmarks/sampled_labels.py [--seeds 5]

Samples the type, then the skin tone and each of the nine accessory slots independently given the
type, with the frequencies of the training split, and draws the sprites from layers. Prints the
scores of 10,000 sprites, and bits per test punk. This is what a model of label sets has to beat.
The seeds are those of sampling.

Drawing is exact and not learned: `punkdata.analysis.layers` recovers the sprite of each accessory
and their z-order from the training split. A label set is sampled again if some pixel of it is not
determined, because two accessories overlap that never do so in training.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from baselines import Scorer, add_options, print_table, save_result, seed_folder, to_bits

from punkdata.analysis.layers import UNKNOWN_COLOR, recover_layers
from punkdata.analysis.outfits import NO_ACCESSORY, SLOT_IDS, UNKNOWN, Compositor
from punkdata.images.palette import palette_indices
from punkmodels.data.palette import SKIN_TONE_COLORS
from punkmodels.data.splits import load_split
from punkmodels.label_sets.encoding import (
    NUM_VALUES,
    SKIN_TONE,
    SLOTS,
    TYPE,
    VALUE_SLICES,
    encode_one_hot,
    find_allowed,
    is_possible,
)
from punkmodels.label_sets.train import encode_split

NAME = "labels by type, exact drawing"
Sample = Callable[[int, torch.Generator], torch.Tensor]
"""Samples a number of label sets, int64 (N, 11)."""


def load_label_sets(root: Path) -> dict[str, torch.Tensor]:
    """Return the label sets of each split, int64 (N, 11), with skin tones from the pixels."""
    splits = {
        name: load_split(root, "latest", "default", name) for name in ("train", "val", "test")
    }
    return {name: encode_split(split) for name, split in splits.items()}


class ExactDrawing:
    """Draws label sets from the layers of the training split."""

    def __init__(self, root: Path) -> None:
        split = load_split(root, "latest", "default", "train")
        pixels = split.images.flatten(1).numpy().astype(np.int16)
        self.compositor = Compositor(recover_layers(pixels, split.labels.bool().numpy()))
        colors = palette_indices(np.array([(*rgb, 255) for rgb in SKIN_TONE_COLORS], np.uint8))
        self.skins = np.concatenate([[UNKNOWN_COLOR], colors.astype(np.intp)])

    def draw(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return sprites, uint8 (N, 24, 24), and whether all of their pixels are determined."""
        columns = values.numpy()
        is_base = (self.compositor.types == columns[:, TYPE, None]) & (
            self.compositor.skins == self.skins[columns[:, SKIN_TONE], None]
        )
        tables = [np.array([NO_ACCESSORY, *slot]) for slot in SLOT_IDS]
        slots = [table[columns[:, SLOTS.start + i]] for i, table in enumerate(tables)]
        sprites = self.compositor.draw(is_base.argmax(axis=1), np.stack(slots, axis=1))
        is_known = is_base.any(axis=1) & (sprites != UNKNOWN).all(axis=1)
        return torch.from_numpy(sprites).view(-1, 24, 24), torch.from_numpy(is_known)

    def generate(
        self, sample: Sample, count: int, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, float]]:
        """Return label sets (count, 11) and their sprites; sample again what cannot be drawn.

        The third value has the share of the first `count` label sets that a punk can wear, and the
        share of these whose pixels are all determined.
        """
        values, sprites, found = [], [], 0
        shares: dict[str, float] = {}
        while found < count:
            drawn = sample(count, random)
            legal = is_possible(drawn)
            drawn = drawn[legal]
            images, is_known = self.draw(drawn)
            if not shares:
                shares["legal_labels"] = float(legal.double().mean())
                shares["determined"] = float(is_known.double().mean())
            values.append(drawn[is_known])
            sprites.append(images[is_known])
            found += int(is_known.sum())
        return torch.cat(values)[:count], torch.cat(sprites)[:count], shares


class LabelFrequencies:
    """Probabilities of the values of each variable given the type, from smoothed counts.

    `smoothing` is added to the count of each value that punks of a type can have.
    """

    def __init__(self, values: torch.Tensor, smoothing: float) -> None:
        counts = torch.zeros(NUM_VALUES[TYPE], sum(NUM_VALUES), dtype=torch.float64)
        counts.index_add_(0, values[:, TYPE], encode_one_hot(values).double())
        types = torch.zeros(NUM_VALUES[TYPE], len(NUM_VALUES), dtype=torch.int64)
        types[:, TYPE] = torch.arange(NUM_VALUES[TYPE])
        is_known = torch.arange(len(NUM_VALUES)).expand_as(types) == TYPE
        counts += smoothing * find_allowed(types, is_known)
        self.types = torch.bincount(values[:, TYPE], minlength=NUM_VALUES[TYPE]) / len(values)
        self.given_type = [
            counts[:, part] / counts[:, part].sum(dim=1, keepdim=True) for part in VALUE_SLICES
        ]

    def nll(self, values: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood of label sets (N, 11), float64 (N,) in nats."""
        rows = values[:, TYPE]
        log_probs = self.types.double()[rows].log()
        for i in range(TYPE + 1, len(NUM_VALUES)):
            log_probs = log_probs + self.given_type[i][rows, values[:, i]].log()
        return -log_probs

    def sample(self, count: int, random: torch.Generator) -> torch.Tensor:
        types = torch.multinomial(self.types, count, replacement=True, generator=random)
        columns = [
            torch.multinomial(probs[types], 1, generator=random)[:, 0]
            for probs in self.given_type[TYPE + 1 :]
        ]
        return torch.stack([types, *columns], dim=1)


def fit(values: dict[str, torch.Tensor]) -> LabelFrequencies:
    """Return the frequencies of the training split, smoothed as suits the validation split best."""
    models = [LabelFrequencies(values["train"], 10.0**-power) for power in range(4)]
    return min(models, key=lambda model: float(model.nll(values["val"]).mean()))


def sample_all(root: Path, out: Path, num_seeds: int, num_samples: int) -> list[Path]:
    """Write samples with each seed, and return their folders."""
    values = load_label_sets(root)
    drawing, model = ExactDrawing(root), fit(values)
    for name, split in values.items():
        print(f"{name}: {model.nll(split).mean():.2f} nats per label set")
    folders = [seed_folder(out, NAME, seed) for seed in range(num_seeds)]
    for seed, folder in enumerate(folders):
        random = torch.Generator().manual_seed(seed)
        _, sprites, shares = drawing.generate(model.sample, num_samples, random)
        bits = to_bits(model.nll(values["test"]))
        save_result(folder, sprites, bits_per_punk=bits, **shares)
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--seeds", type=int, default=5, help="number of sampling seeds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sample_all(args.root, args.out, args.seeds, args.num_samples)
    print_table(args.out, Scorer(args.root, args.num_samples), models=[NAME])


if __name__ == "__main__":
    main()

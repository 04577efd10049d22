"""Ablation of the conditional generator: python benchmarks/conditional.py [--total-images N]

Trains the conditional generator several times, each time with one change, on the latest snapshot of
./data. Evaluates each on the conditions of held-out punks, and prints a table. Runs are stored in
--out, and finished ones are not trained again.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from dcgan import train_or_find, training_seconds
from punkmodels.gan.evaluation.conditional import evaluate_conditional

from punkmodels.data.palette import color_counts
from punkmodels.data.splits import SplitName, load_split
from punkmodels.gan.config import make_config
from punkmodels.gan.layers import normalize_condition
from punkmodels.gan.networks import Discriminator
from punkmodels.gan.trainer import objective

ROOT = Path("data")
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "seed 1": {"seed": 1},
    "seed 2": {"seed": 2},
    "no separate female accessories": {"split_female_accessories": False},
    "no z-order": {"condition_composition": "sum"},
    "no L1 penalty": {"l1_weight": 0.0},
    "none of these three": {
        "split_female_accessories": False,
        "condition_composition": "sum",
        "l1_weight": 0.0,
    },
    "no condition weights in the head": {"condition_composition": "none"},
    "a third of the head's learning rate": {"head_lr_mult": 10 / 3},
    "no label-balanced sampling": {"class_balance": 0.0},
    "10 % label dropout": {"label_dropout": 0.1},
    "pixel loss only": {"adversarial_start": 1.0},
    "pixel loss and patch discriminator": {},
    "discriminator only": {"pixel_loss": False, "w_dim": 0},
    "patch discriminator only": {"pixel_loss": False, "w_dim": 0},
    "encoder instead of pixel loss": {"pixel_loss": False},
    "twice the width": {"width": 64, "head_channels": 32},
    "three times the images": {},
}


class PatchDiscriminator(Discriminator):
    """Discriminator with a logit for each of 36 patches of 10x10 pixels, (N, 36).

    See Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017).
    """

    def __init__(
        self,
        width: int,
        *,
        normalize: bool,
        color_embedding_dim: int,
        condition_dim: int,
        channels: int,
        image_size: int,
    ) -> None:
        super().__init__(
            width,
            normalize=normalize,
            color_embedding_dim=color_embedding_dim,
            condition_dim=condition_dim,
            channels=channels,
            image_size=image_size,
        )
        self.layers = torch.nn.Sequential(*self.layers[:4], torch.nn.Conv2d(2 * width, 1, 1))
        self.project = torch.nn.Linear(condition_dim, 2 * width * 36, bias=False)

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        assert condition is not None
        features = self.layers[:-1](images)
        projected = self.project(normalize_condition(condition)).view_as(features)
        similarity = (projected * features).sum(dim=1) / projected.shape[1] ** 0.5
        return (self.layers[-1](features)[:, 0] + similarity).flatten(1).float()


def count_unseen() -> tuple[int, int]:
    """Count held-out punks with unseen label sets.

    Returns:
        Their number, and how many of them the palette head can generate, because each of their
        colors occurs at its position in the training split.
    """
    train, val, test = (load_split(ROOT, "latest", "default", split) for split in SPLITS)
    train_sets = {row.tobytes() for row in train.labels.numpy()}
    occurs = color_counts(train.images) > 0
    is_possible = [
        bool(occurs[torch.arange(len(occurs)), image.flatten().long()].all())
        for split in (val, test)
        for row, image in zip(split.labels.numpy(), split.images, strict=True)
        if row.tobytes() not in train_sets
    ]
    return len(is_possible), sum(is_possible)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/conditional-benchmark"))
    parser.add_argument("--total-images", type=int, default=30_000)
    args = parser.parse_args()
    print(
        f"{platform.machine()}, one thread, torch {torch.__version__}; {args.total_images:,} images"
    )
    unseen, possible = count_unseen()
    print(
        f"{unseen:,} held-out punks have unseen label sets; {possible:,} of them have only colors "
        "that occur at the same positions in the training split"
    )
    print("| variant | label exact match | pixel-exact match | wrong pixels, mean | minutes |")
    print("|---|---|---|---|---|")
    for name, changes in VARIANTS.items():
        images = args.total_images * (3 if name == "three times the images" else 1)
        config = make_config(conditional="labels", skin_tone=True, total_images=images, **changes)
        discriminator = PatchDiscriminator if "patch" in name else Discriminator
        with patch.object(objective, "Discriminator", discriminator):
            run = train_or_find(args.out, name, config)
        scores = evaluate_conditional(run, ROOT, out=run / "evaluation" / "conditional").unseen
        cells = [f"{scores.label_exact_match:.4f}", f"{scores.pixel_exact_match:.4f}"]
        cells += [f"{scores.wrong_pixels_mean:.2f}", f"{training_seconds(run) / 60:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

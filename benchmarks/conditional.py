"""Ways to draw the punk that was asked for: python benchmarks/conditional.py [--total-images N]

Trains the conditional generator several times, each with one thing changed, on the newest snapshot
of ./data, asks each for what held-out punks have, and prints a table. Finished runs stay in --out.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from dcgan import seconds_of, trained

from punkmodels.data.palette import color_counts
from punkmodels.data.splits import SplitName, load_split
from punkmodels.gan import objective
from punkmodels.gan.config import make_config
from punkmodels.gan.evaluate_conditional import evaluate_conditional
from punkmodels.gan.networks import Discriminator, normalize_condition

ROOT = Path("data")
PARTS: tuple[SplitName, ...] = ("train", "val", "test")
WAYS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "another seed": {"seed": 1},
    "a third seed": {"seed": 2},
    "accessories of men and women as one": {"split_female_accessories": False},
    "no heights": {"condition_composition": "sum"},
    "no L1": {"l1_weight": 0.0},
    "none of these three": {
        "split_female_accessories": False,
        "condition_composition": "sum",
        "l1_weight": 0.0,
    },
    "no say in single pixels": {"condition_composition": "none"},
    "that say learned a third as fast": {"head_lr_mult": 10 / 3},
    "labels as often as they are": {"class_balance": 0.0},
    "a tenth of the accessories not asked for": {"label_dropout": 0.1},
    "matching alone": {"adversarial_start": 1.0},
    "matching and a discriminator of parts": {},
    "discriminator alone": {"pixel_loss": False, "w_dim": 0},
    "discriminator of parts alone": {"pixel_loss": False, "w_dim": 0},
    "encoder instead of matching": {"pixel_loss": False},
    "twice as wide": {"width": 64, "head_channels": 32},
    "three times as long": {},
}


class OfParts(Discriminator):
    """Judges 36 parts of 10x10 pixels, each by itself (Isola and others, "Image-to-Image
    Translation with Conditional Adversarial Networks", 2017): logits (N, 36).
    """

    def __init__(
        self, width: int, *, normalize: bool, color_embedding_dim: int, condition: int
    ) -> None:
        super().__init__(
            width, normalize=normalize, color_embedding_dim=color_embedding_dim, condition=condition
        )
        self.layers = torch.nn.Sequential(*self.layers[:4], torch.nn.Conv2d(2 * width, 1, 1))
        self.project = torch.nn.Linear(condition, 2 * width * 36, bias=False)

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        assert condition is not None
        seen = self.layers[:-1](images)
        wanted = self.project(normalize_condition(condition)).view_as(seen)
        agreed = (wanted * seen).sum(dim=1) / wanted.shape[1] ** 0.5
        return (self.layers[-1](seen)[:, 0] + agreed).flatten(1).float()


def within_reach() -> tuple[int, int]:
    """Held-out punks in unseen sets of labels, and those of them of which training knows every
    color at its place.
    """
    train, val, test = (load_split(ROOT, "latest", "default", part) for part in PARTS)
    seen = {row.tobytes() for row in train.labels.numpy()}
    known = color_counts(train.images) > 0
    found = [
        bool(known[torch.arange(len(known)), image.flatten().long()].all())
        for part in (val, test)
        for row, image in zip(part.labels.numpy(), part.images, strict=True)
        if row.tobytes() not in seen
    ]
    return len(found), sum(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/conditional-benchmark"))
    parser.add_argument("--total-images", type=int, default=30_000)
    args = parser.parse_args()
    print(
        f"{platform.machine()}, one thread, torch {torch.__version__}; {args.total_images:,} images"
    )
    unseen, drawable = within_reach()
    print(
        f"of {unseen:,} unseen sets, {drawable:,} are of colors that training has at their places"
    )
    print("| way | all visible labels right | the very punk | pixels beside it, mean | minutes |")
    print("|---|---|---|---|---|")
    for name, changed in WAYS.items():
        images = args.total_images * (3 if name == "three times as long" else 1)
        config = make_config(conditional="labels", skin_tone=True, total_images=images, **changed)
        judge = OfParts if "of parts" in name else Discriminator
        with patch.object(objective, "Discriminator", judge):
            run = trained(args.out, name, config)
        scores = evaluate_conditional(run, ROOT, out=run / "evaluation" / "conditional").unseen
        cells = [f"{scores.label_exact_match:.4f}", f"{scores.exact:.4f}"]
        cells += [f"{scores.wrong_pixels_mean:.2f}", f"{seconds_of(run) / 60:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

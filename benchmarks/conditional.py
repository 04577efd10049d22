"""Ways to draw the punk that was asked for: python benchmarks/conditional.py [--images N]

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
from punkmodels.data.splits import PartName, load_part
from punkmodels.gan import objective
from punkmodels.gan.config import make_config
from punkmodels.gan.evaluate_conditional import evaluate_asked
from punkmodels.gan.networks import Discriminator, evened

ROOT = Path("data")
PARTS: tuple[PartName, ...] = ("train", "val", "test")
WAYS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "another seed": {"seed": 1},
    "a third seed": {"seed": 2},
    "accessories of men and women as one": {"by_body": False},
    "no heights": {"composing": "sums"},
    "no L1": {"l1_weight": 0.0},
    "none of these three": {"by_body": False, "composing": "sums", "l1_weight": 0.0},
    "no say in single pixels": {"composing": "none"},
    "that say learned a third as fast": {"head_lr_times": 10 / 3},
    "labels as often as they are": {"balanced_share": 0.0},
    "a tenth of the accessories not asked for": {"dropped_share": 0.1},
    "matching alone": {"judged_from": 1.0},
    "matching and a discriminator of parts": {},
    "discriminator alone": {"matching": False, "w_size": 0},
    "discriminator of parts alone": {"matching": False, "w_size": 0},
    "encoder instead of matching": {"matching": False},
    "twice as wide": {"width": 64, "last": 32},
    "three times as long": {},
}


class OfParts(Discriminator):
    """Judges 36 parts of 10x10 pixels, each by itself (Isola and others, "Image-to-Image
    Translation with Conditional Adversarial Networks", 2017): logits (N, 36).
    """

    def __init__(self, width: int, *, normalize: bool, code: int, asked: int) -> None:
        super().__init__(width, normalize=normalize, code=code, asked=asked)
        self.layers = torch.nn.Sequential(*self.layers[:4], torch.nn.Conv2d(2 * width, 1, 1))
        self.project = torch.nn.Linear(asked, 2 * width * 36, bias=False)

    def forward(self, images: torch.Tensor, asked: torch.Tensor | None = None) -> torch.Tensor:
        assert asked is not None
        seen = self.layers[:-1](images)
        wanted = self.project(evened(asked)).view_as(seen)
        agreed = (wanted * seen).sum(dim=1) / wanted.shape[1] ** 0.5
        return (self.layers[-1](seen)[:, 0] + agreed).flatten(1).float()


def within_reach() -> tuple[int, int]:
    """Held-out punks in unseen sets of labels, and those of them of which training knows every
    color at its place.
    """
    train, val, test = (load_part(ROOT, "latest", "default", part) for part in PARTS)
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
    parser.add_argument("--images", type=int, default=30_000)
    args = parser.parse_args()
    print(f"{platform.machine()}, one thread, torch {torch.__version__}; {args.images:,} images")
    unseen, drawable = within_reach()
    print(
        f"of {unseen:,} unseen sets, {drawable:,} are of colors that training has at their places"
    )
    print("| way | all visible labels right | the very punk | pixels beside it, mean | minutes |")
    print("|---|---|---|---|---|")
    for name, changed in WAYS.items():
        images = args.images * (3 if name == "three times as long" else 1)
        config = make_config(conditional="labels", tone=True, images=images, **changed)
        judge = OfParts if "of parts" in name else Discriminator
        with patch.object(objective, "Discriminator", judge):
            run = trained(args.out, name, config)
        scores = evaluate_asked(run, ROOT, out=run / "evaluation" / "asked").unseen
        cells = [f"{scores.right_by_net:.4f}", f"{scores.exact:.4f}"]
        cells += [f"{scores.off_pixels_mean:.2f}", f"{seconds_of(run) / 60:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""What the parts and options of a GAN contribute: python benchmarks/gan_variants.py RECIPE

Trains a recipe, `adversarial` or `vae-gan`, as it is and with one change at a time, each with
several seeds, and prints the tables of docs/explanation/results.md: means over the trainings ±
their standard deviation. They are scored on the validation split alone, because the options of the
recipes are chosen by these tables. Runs are stored in --out; finished ones are not trained again,
and an interrupted one is resumed.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from dcgan import train_or_find
from measure import describe_machine, format_mean
from torch import nn
from torch.nn import functional as F

from punkmodels.choices import HELD_OUT_SPLITS
from punkmodels.classifier.config import make_config as make_classifier_config
from punkmodels.classifier.networks import PublishedCNN
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.gan import state
from punkmodels.gan.config import DcganConfig, make_config
from punkmodels.gan.evaluate import SCORE_NAMES, evaluate_sprites
from punkmodels.gan.generate import load_generator, sample_batches
from punkmodels.gan.networks import Discriminator, ImageShape, downsampling_layers
from punkmodels.gan.reference import RealPunks
from punkmodels.training.run_dir import list_runs

NUM_SAMPLES = 2000  # one subset of the usual size
DIGITS = {"frechet_distance": 2, "frechet_distance_pixels": 2, "precision": 3, "recall": 3}
"""Scores of the table, and their decimals."""
CPU = torch.device("cpu")
SCALES = "no branch, logits at three scales"
FROZEN_FEATURES = "no branch, frozen features"
PLAIN: dict[str, Any] = {"model": {"dense_units_D": 0}}
ADVERSARIAL: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "γ 0.5, not 2": {"loss": {"r1_gamma": 0.5}},
    "γ 8": {"loss": {"r1_gamma": 8.0}},
    "batch size 64, not 32": {"batch_size": 64},
    "discriminator width 32, not 16": {"model": {"width_D": 32}},
    "no cutout": {"augmentation": {"cutout_px": 0}},
    "tanh, not palette head": {"model": {"head": "rgba", "color_embedding_dim": 0}},
    "no branch": PLAIN,
    SCALES: PLAIN,
    FROZEN_FEATURES: PLAIN,
}
VAE_GAN: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "encoder only": {"schedule": {"adversarial_start": 1.0}},
    "discriminator from 40 %, not 70 %": {"schedule": {"adversarial_start": 0.4}},
    "KL weight 0.05, not 0.1": {"loss": {"kl_weight": 0.05}},
    "KL weight 0.2": {"loss": {"kl_weight": 0.2}},
    "w of 32 dimensions, not 64": {"model": {"w_dim": 32}},
    "with the branch of 256 units": {"model": {"dense_units_D": 256}},
}
VARIANTS = {"adversarial": ADVERSARIAL, "vae-gan": VAE_GAN}


class ScaleLogits(nn.Module):
    """Maps images, float32 (N, C, 24, 24), to logits, (N,), from feature maps of three sizes.

    A 1x1 convolution gives one logit for each position of a map; logits are averaged over
    positions, and over the maps.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        layers = downsampling_layers(in_channels, width, normalize=False)
        # A block is a convolution and an activation.
        self.blocks: nn.ModuleList = nn.ModuleList(
            [nn.Sequential(*layers[i : i + 2]) for i in (0, 2, 4)]
        )
        widths = (width, 2 * width, 4 * width)
        self.heads: nn.ModuleList = nn.ModuleList([nn.Conv2d(each, 1, 1) for each in widths])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features, logits = images, []
        for block, head in zip(self.blocks, self.heads, strict=True):
            features = block(features)
            logits.append(head(features).flatten(1).mean(dim=1))
        return torch.stack(logits).mean(dim=0)


class FrozenLogits(nn.Module):
    """As `ScaleLogits`, on the features of a trained classifier, which are not trained further.

    The idea is that of Sauer et al., "Projected GANs Converge Faster" (2021), without the random
    projections. The classifier sees opaque RGB images of 42x42 pixels, as in its own training.
    """

    def __init__(self, classifier: PublishedCNN) -> None:
        super().__init__()
        layers = classifier.features.requires_grad_(False)
        widths = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)]
        # A block has a convolution, a ReLU and max pooling.
        blocks = [layers[3 * i : 3 * i + 2] for i in range(len(widths))]
        # In a list, they are not among the parameters of the discriminator.
        self.blocks: list[nn.Module] = blocks
        self.heads: nn.ModuleList = nn.ModuleList([nn.Conv2d(width, 1, 1) for width in widths])
        self.background: torch.Tensor = classifier.colors[0]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rgba = (images[:, :4] + 1) / 2
        rgb, alpha = rgba[:, :3], rgba[:, 3:]
        features = rgb * alpha + self.background[:, None, None] * (1 - alpha)
        features = F.interpolate(features, (42, 42), mode="bilinear")
        logits: list[torch.Tensor] = []
        for block, head in zip(self.blocks, self.heads, strict=True):
            features = block(features)
            logits.append(head(features).flatten(1).mean(dim=1))
            features = F.max_pool2d(features, 2)
        return torch.stack(logits).mean(dim=0)


class TwoDiscriminators(Discriminator):
    """A discriminator to whose logits those of a second one are added."""

    second: nn.Module

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        logits: torch.Tensor = super().forward(images, condition) + self.second(images).float()
        return logits


def add_scales(config: DcganConfig, shape: ImageShape) -> Discriminator:
    """Return a discriminator and a second one with logits at 12x12, 6x6 and 3x3."""
    discriminator = TwoDiscriminators(config, shape)
    discriminator.second = ScaleLogits(shape.channels + config.model.color_embedding_dim, 16)
    return discriminator


def add_frozen_features(config: DcganConfig, shape: ImageShape, classifier: Path) -> Discriminator:
    """Return a discriminator with a second one on the features of a trained classifier."""
    network = load_classifier(classifier, torch.device("cpu")).network
    assert isinstance(network, PublishedCNN)
    discriminator = TwoDiscriminators(config, shape)
    discriminator.second = FrozenLogits(network)
    return discriminator


def discriminator_of(name: str, args: argparse.Namespace) -> Any:
    """Return what builds the discriminator of a variant; it may train a classifier for it first."""
    if name == SCALES:
        return add_scales
    if name != FROZEN_FEATURES:
        return Discriminator
    runs = list_runs(args.out / "classifier")
    if not runs:
        options = make_classifier_config(model="published", width=32, epochs=4)
        runs = [train_classifier(args.root, args.out / "classifier", options)]
    return functools.partial(add_frozen_features, classifier=runs[0])


def score_variant(
    name: str, config: DcganConfig, real: RealPunks, args: argparse.Namespace
) -> dict[str, float]:
    """Return the scores of a variant, stored in its folder; train it if necessary."""
    folder = args.out / config.recipe / name.replace(" ", "-") / f"seed-{config.seed}"
    stored = folder / f"{config.total_images}-images-{args.split}.json"
    if stored.exists():
        scores: dict[str, float] = json.loads(stored.read_text())
        return scores
    with mock.patch.object(state, "Discriminator", discriminator_of(name, args)):
        run = train_or_find(
            args.root, folder, config, threads=None, num_evaluations=1, num_samples=500
        )
    sprites = torch.cat(list(sample_batches(load_generator(run, CPU), NUM_SAMPLES, 0)))
    found = evaluate_sprites(name, sprites, real).scores["generated"]
    scores = {key: found[key] for key in DIGITS}
    stored.write_text(json.dumps(scores))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("recipe", choices=VARIANTS, help="recipe whose options are changed")
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-gan-variants"), help="folder of the runs"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings of each variant")
    parser.add_argument(
        "--total-images", type=int, default=25_000, help="training images of each training"
    )
    parser.add_argument("--split", choices=HELD_OUT_SPLITS, default="val", help="punks to compare")
    parser.add_argument("--only", nargs="+", default=[], help="names of variants")
    args = parser.parse_args()
    variants = VARIANTS[args.recipe]
    names = args.only or list(variants)
    real = RealPunks(args.root, split=args.split)
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for seed, name in itertools.product(range(args.seeds), names):
        options = {"seed": seed, "total_images": args.total_images} | variants[name]
        config = make_config("quick", args.recipe, **options)
        scores[name].append(score_variant(name, config, real, args))
        print(f"# {name}, seed {seed}: {scores[name][-1]}", flush=True)
    print(f"{describe_machine()}, torch {torch.__version__}, threads and precision benchmarked")
    print(f"{args.total_images:,} images, seeds 0 to {args.seeds - 1}, split {args.split}\n")
    print(f"| variant | {' | '.join(SCORE_NAMES[key] for key in DIGITS)} |")
    print("|---" * (1 + len(DIGITS)) + "|")
    for name, each in scores.items():
        cells = [
            format_mean([float(score[key]) for score in each], digits)
            for key, digits in DIGITS.items()
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

"""Data of a classifier's training: real punks, composed ones, and generated examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from punkdata.analysis.outfit_suites import HELD_OUT_PAIRS
from punkdata.benchmark_splits import COMPOSITIONAL, held_out_pairs
from punkdata.errors import DataError
from punkdata.traits import ACCESSORY_SLOTS
from punkmodels.classifier.classifier import Classifier, predict_logits
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.ridge import RidgeSolution, fit_ridge
from punkmodels.data.palette import NUM_PIXELS, build_pair_table
from punkmodels.data.splits import Examples, SplitTensors, load_split, sampling_weights
from punkmodels.renderer.compositions import Composer

MAX_RIDGE_COMPOSED = 16_000
"""Largest number of composed examples in the ridge regression; more take longer for no gain."""

FILLED_SHARES = (0.85, 0.75, *(0.5,) * (len(ACCESSORY_SLOTS) - 2))
"""Probability that each slot of a composed punk is filled: the first two have most accessories, and
each pair of them should occur."""

GenerateExamples = Callable[[ClassifierConfig, SplitTensors, torch.device], Examples]
"""Function that generates additional training examples."""


@dataclass(frozen=True)
class TrainData:
    """Training data, generated examples included, and validation data, on the training device.

    Images are palette indices, uint8 (N, 24, 24), and labels float32 (N, num_outputs). `weights`
    are the probabilities with which examples are sampled, and `pairs` is the result of
    `build_pair_table`. `about` is the section `data` of config.json. `composer` draws punks from
    the layers of the training split, if the options say so and the layers draw all of its punks.
    """

    images: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    pairs: torch.Tensor
    about: dict[str, Any]
    composer: Composer | None = None
    solution: RidgeSolution | None = None

    def sample(
        self, count: int, config: ClassifierConfig, seed: int, model: Classifier
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return random images and their labels, in random order; all examples of an epoch.

        The composed ones depend on `seed`, and those that are chosen for being difficult on
        `model`. Everything else is chosen by PyTorch's global generator.
        """
        num_composed = round(config.composed_share * count) if self.composer else 0
        rows = torch.multinomial(self.weights, count - num_composed, replacement=True)
        images, labels = self.images[rows], self.labels[rows]
        if self.composer and num_composed:
            composed = self._compose(self.composer, num_composed, config, seed, model)
            images = torch.cat([images, composed[0].to(images.device)])
            labels = torch.cat([labels, composed[1].to(images.device)])
            order = torch.randperm(count, device=images.device)
            images, labels = images[order], labels[order]
        return images, labels

    def _compose(
        self, composer: Composer, count: int, config: ClassifierConfig, seed: int, model: Classifier
    ) -> Examples:
        """Compose twice as many punks, and return some at random and some by their loss.

        Few combinations are difficult, for example hair of which another accessory leaves only a
        few pixels. A difficult punk is chosen many times.
        """
        num_difficult = round(config.difficult_share * count)
        if not num_difficult:
            return compose_examples(composer, count, config, seed)
        images, labels = compose_examples(composer, 2 * count, config, seed)
        logits = predict_logits(model, images)
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(dim=1)
        difficult = torch.multinomial(losses.clamp(1e-4, 1), num_difficult, replacement=True)
        rows = torch.cat([difficult, torch.arange(count - num_difficult)])
        return images[rows], labels[rows]


def compose_examples(
    composer: Composer, count: int, config: ClassifierConfig, seed: int
) -> Examples:
    """Compose punks, without the pairs of accessories that are kept for the evaluation."""
    excluded_pairs = HELD_OUT_PAIRS
    if config.split_scheme == COMPOSITIONAL:
        excluded_pairs += held_out_pairs()
    rng = np.random.default_rng(seed)
    punks = composer.compose(count, rng, filled_share=FILLED_SHARES, excluded_pairs=excluded_pairs)
    labels = composer.find_visible(punks) if config.visible_only else punks.labels
    return punks.images, labels[:, : config.num_outputs]


def load_train_data(
    root: Path,
    version: str,
    config: ClassifierConfig,
    device: torch.device,
    generate_examples: GenerateExamples | None = None,
) -> TrainData:
    """Load the training and validation splits, and prepare them for a training."""
    train = load_split(root, version, config.split_scheme, "train")
    val = load_split(root, version, config.split_scheme, "val")
    if not len(train) or not len(val):
        raise DataError(f"the training or validation split of '{train.path}' is empty")
    if config.visible_only:
        train.require_hidden_labels()
    return prepare_train_data(train, val, config, device, generate_examples)


def prepare_train_data(
    train: SplitTensors,
    val: SplitTensors,
    config: ClassifierConfig,
    device: torch.device,
    generate_examples: GenerateExamples | None = None,
) -> TrainData:
    """Generate examples, recover layers, and solve the ridge regression, as the options say."""
    images, labels = train.images, _targets(train, config)
    if config.augment_with:
        if generate_examples is None:
            raise ValueError("augment_with requires the argument generate_examples")
        examples, example_labels = generate_examples(config, train, device)
        images = torch.cat([images, examples.cpu()])
        labels = torch.cat([labels, example_labels.cpu()[:, : config.num_outputs]])
    composer = Composer.fit(train) if config.composed_share else None
    known, known_labels = images, labels
    if composer:
        count = min(MAX_RIDGE_COMPOSED, round(len(images) * composed_ratio(config)))
        composed, composed_labels = compose_examples(composer, count, config, config.seed)
        known, known_labels = torch.cat([images, composed]), torch.cat([labels, composed_labels])
    pairs, solution = build_pair_table(known if composer else train.images), None
    if config.model in ("mlp", "ridge"):
        numbers = pairs[torch.arange(NUM_PIXELS), known.flatten(1).long()].long()
        solution = fit_ridge(numbers, known_labels, int(pairs.max()), config.ridge_penalty)
    return TrainData(
        images.to(device),
        labels.to(device),
        sampling_weights(labels, config.class_balance).to(device),
        val.images.to(device),
        _targets(val, config).to(device),
        pairs,
        train.data_config,
        composer,
        solution,
    )


def composed_ratio(config: ClassifierConfig) -> float:
    """Return the number of composed examples for each other one."""
    return config.composed_share / (1 - config.composed_share)


def _targets(split: SplitTensors, config: ClassifierConfig) -> torch.Tensor:
    labels = split.visible if config.visible_only else split.labels
    return labels[:, : config.num_outputs]


def augment(images: torch.Tensor, pixel_noise: float) -> torch.Tensor:
    """Replace a fraction of the pixels by those of another image at the same position.

    Colors, positions and orientation are kept, because labels depend on all three: shifting the
    images by a pixel, the usual augmentation, lowered the scores.
    """
    if not pixel_noise:
        return images
    other = torch.randperm(len(images), device=images.device)
    noise = torch.rand(images.shape, device=images.device)
    return torch.where(noise < pixel_noise, images[other], images)

"""Training and validation data of a classifier, on the training device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import DataError
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import Examples, SplitTensors, load_split, sampling_weights

GenerateExamples = Callable[[ClassifierConfig, SplitTensors, torch.device], Examples]
"""Function that generates additional training examples."""


@dataclass(frozen=True)
class TrainData:
    """Training data, generated examples included, and validation data.

    Images are palette indices, uint8 (N, 24, 24), and labels float32 (N, num_outputs). `weights`
    are the probabilities with which examples are sampled, float32 (N,), and `pairs` is the table
    of `build_pair_table`. `about` is the section `data` of config.json.
    """

    images: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    pairs: torch.Tensor
    about: dict[str, Any]


def load_train_data(
    root: Path,
    version: str,
    config: ClassifierConfig,
    device: torch.device,
    generate_examples: GenerateExamples | None = None,
) -> TrainData:
    """Load the training and validation splits, and generate examples if the options say so.

    Raises UsageError or DataError if the snapshot does not exist, a split is empty, or the snapshot
    does not list the hidden labels that the configuration excludes.
    """
    train = load_split(root, version, config.split_scheme, "train")
    val = load_split(root, version, config.split_scheme, "val")
    if not len(train) or not len(val):
        raise DataError(f"the training or validation split of {train.path} is empty")
    if config.visible_only:
        train.require_hidden_labels()
    images, labels = train.images, _targets(train, config)
    if config.augment_with:
        if generate_examples is None:
            raise ValueError("augment_with requires the argument generate_examples")
        examples, example_labels = generate_examples(config, train, device)
        images = torch.cat([images, examples.cpu()])
        labels = torch.cat([labels, example_labels.cpu()[:, : config.num_outputs]])
    return TrainData(
        images.to(device),
        labels.to(device),
        sampling_weights(labels, config.class_balance).to(device),
        val.images.to(device),
        _targets(val, config).to(device),
        build_pair_table(train.images),
        train.data_config,
    )


def _targets(split: SplitTensors, config: ClassifierConfig) -> torch.Tensor:
    labels = split.visible if config.visible_only else split.labels
    return labels[:, : config.num_outputs]

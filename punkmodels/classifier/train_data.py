"""Training and validation data of a classifier, on the training device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from punkdata.errors import DataError, UsageError
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.objective import target_labels
from punkmodels.classifier.pretrained import SavedClassifier
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import SplitTensors, load_split, sampling_weights
from punkmodels.data.synthetic_examples import EXAMPLES_FILE, Examples, load_examples

GenerateExamples = Callable[[ClassifierConfig, SplitTensors, torch.device], Examples]
"""Function that generates additional training examples."""


@dataclass(frozen=True)
class TrainData:
    """Training and validation data on the device."""

    images: torch.Tensor
    """Palette indices of the real punks, followed by generated ones, uint8 (N, 24, 24)."""
    labels: torch.Tensor
    """Labels of these punks, float32 (N, num_outputs)."""
    weights: torch.Tensor
    """Probability with which each example is sampled, float32 (N,)."""
    val_images: torch.Tensor
    """Palette indices of the validation split, uint8 (M, 24, 24)."""
    val_labels: torch.Tensor
    """Labels of the validation split, float32 (M, num_outputs)."""
    pairs: torch.Tensor
    """See `build_pair_table`, of the real punks."""


def load_splits(
    root: Path,
    version: str,
    config: ClassifierConfig,
    resume: Path | None,
    saved: SavedClassifier | None,
) -> tuple[SplitTensors, SplitTensors]:
    """Load the training and validation splits.

    Raises:
        UsageError, DataError: The snapshot does not exist, a split is empty, the snapshot does not
            list the hidden labels that the configuration excludes, or its data is not that of the
            resumed run.
    """
    train = load_split(root, version, config.split_scheme, "train")
    val = load_split(root, version, config.split_scheme, "val")
    if not len(train) or not len(val):
        raise DataError(f"the training or validation split of {train.path} is empty")
    if config.visible_only and not train.has_hidden_labels:
        raise UsageError(
            f"{train.path} does not list hidden labels",
            hint="rebuild it with: punkdata build-dataset, or train with --set visible_only=false",
        )
    if saved and saved.data.labels_hash != train.labels_hash:
        raise DataError(
            f"the pixels, labels or splits of {train.path} differ from those that {resume} was "
            "trained on",
            hint="pass the original data to --root",
        )
    return train, val


def load_or_generate_examples(
    config: ClassifierConfig,
    train: SplitTensors,
    device: torch.device,
    resume: Path | None,
    generate_examples: GenerateExamples | None,
) -> Examples | None:
    """Return the generated training examples of the configuration, if it has any.

    Raises:
        DataError: The stored examples of the resumed run are damaged.
    """
    if not config.augment_with:
        return None
    if resume and (resume / EXAMPLES_FILE).exists():
        return load_examples(resume)
    if generate_examples is None:
        raise ValueError("augment_with requires the argument generate_examples")
    return generate_examples(config, train, device)


def move_to_device(
    train: SplitTensors,
    val: SplitTensors,
    examples: Examples | None,
    config: ClassifierConfig,
    device: torch.device,
) -> TrainData:
    """Combine real and generated examples, and move all data to the device."""
    images, labels = train.images.to(device), target_labels(train, config).to(device)
    if examples:
        generated, generated_labels = (tensor.to(device) for tensor in examples)
        images = torch.cat([images, generated])
        labels = torch.cat([labels, generated_labels[:, : config.num_outputs]])
    return TrainData(
        images,
        labels,
        sampling_weights(labels, config.class_balance),
        val.images.to(device),
        target_labels(val, config).to(device),
        build_pair_table(train.images),
    )

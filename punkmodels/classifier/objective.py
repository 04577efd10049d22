"""Losses, data augmentation, learning-rate schedule and calibration of a classifier."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from punkdata.traits import TYPES
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import Classifier, logits_to_labels
from punkmodels.data.splits import SplitTensors

VALIDATION_BATCH_SIZE = 1000


def target_labels(split: SplitTensors, config: ClassifierConfig) -> torch.Tensor:
    """Return the labels to predict: float32 (N, 92), or (N, 5) for the task "type"."""
    labels = split.visible if config.visible_only else split.labels
    return labels[:, : len(TYPES)] if config.task == "type" else labels


def classification_loss(
    logits: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> torch.Tensor:
    """Return the mean cross-entropy: binary for each label, or categorical over the types.

    Args:
        logits: (N, num_outputs).
        labels: float32 (N, num_outputs), 0 or 1.
        config: Determines the task.
    """
    if config.task == "type":
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels)


def augment(images: torch.Tensor, pixel_noise: float) -> torch.Tensor:
    """Replace a fraction of the pixels by those of another image at the same position.

    Colors, positions and orientation are kept, because labels depend on all three: shifting the
    images by a pixel, the usual augmentation, lowered the scores.

    Args:
        images: Palette indices, uint8 (N, 24, 24).
        pixel_noise: Probability that a pixel is replaced.

    Returns:
        uint8 (N, 24, 24).
    """
    other = torch.randperm(len(images), device=images.device)
    noise = torch.rand(images.shape, device=images.device)
    return torch.where(noise < pixel_noise, images[other], images)


def one_cycle(progress: float, warmup: float = 0.25) -> float:
    """Return the factor of the learning rate: a cosine up to 1, then a cosine down to 0.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates" (2017), with cosine phases as in `torch.optim.lr_scheduler.OneCycleLR`.

    Args:
        progress: Completed fraction of all training steps, 0 to 1.
        warmup: Fraction of all training steps after which the factor is 1.
    """
    if progress < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warmup)) / 2
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def calibrate(
    model: Classifier, images: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> tuple[float, float]:
    """Set the model's temperature to minimize the loss on the validation split.

    Guo et al., "On Calibration of Modern Neural Networks" (2017).

    Args:
        model: The model to calibrate.
        images: Palette indices, uint8 (N, 24, 24).
        labels: float32 (N, num_outputs).
        config: Determines the loss.

    Returns:
        The loss with this temperature, and the fraction of examples with every label correct.
    """
    with torch.inference_mode():
        model.temperature.fill_(1)
        batches = torch.split(images, VALIDATION_BATCH_SIZE)
        logits = torch.cat([model(batch) for batch in batches])
        temperatures = torch.linspace(0.5, 4, 71, device=logits.device)
        losses = torch.stack(
            [classification_loss(logits / t, labels, config) for t in temperatures]
        )
        model.temperature.copy_(temperatures[losses.argmin()])
        exact_match = (logits_to_labels(logits) == labels.bool()).all(dim=1).float().mean()
        return losses.min().item(), exact_match.item()

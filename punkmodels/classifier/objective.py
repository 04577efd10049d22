"""Loss, data augmentation, learning-rate schedule and calibration of a classifier."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.networks import Classifier, logits_to_labels


def classification_loss(
    logits: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> torch.Tensor:
    """Return the mean cross-entropy: binary for each label, or categorical over the types.

    Both arguments are (N, num_outputs); labels are float32, 0 or 1.
    """
    if config.task == "type":
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels)


def augment(images: torch.Tensor, pixel_noise: float) -> torch.Tensor:
    """Replace a fraction of the pixels by those of another image at the same position.

    Colors, positions and orientation are kept, because labels depend on all three: shifting the
    images by a pixel, the usual augmentation, lowered the scores. `images` are palette indices,
    uint8 (N, 24, 24).
    """
    other = torch.randperm(len(images), device=images.device)
    noise = torch.rand(images.shape, device=images.device)
    return torch.where(noise < pixel_noise, images[other], images)


def one_cycle(progress: float, warmup: float = 0.25) -> float:
    """Return the factor of the learning rate: a cosine up to 1, then a cosine down to 0.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates" (2017). `progress` and `warmup` are fractions of all training steps.
    """
    if progress < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warmup)) / 2
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def calibrate(
    model: Classifier, images: torch.Tensor, labels: torch.Tensor, config: ClassifierConfig
) -> tuple[float, float]:
    """Set the model's temperature to minimize the loss on the validation split.

    Guo et al., "On Calibration of Modern Neural Networks" (2017). Returns the loss with this
    temperature, and the fraction of examples with every label correct.
    """
    with torch.inference_mode():
        model.temperature.fill_(1)
        logits = torch.cat([model(batch) for batch in torch.split(images, 1000)])
        temperatures = torch.linspace(0.5, 4, 71, device=logits.device)
        losses = torch.stack(
            [classification_loss(logits / t, labels, config) for t in temperatures]
        )
        model.temperature.copy_(temperatures[losses.argmin()])
        exact_match = (logits_to_labels(logits) == labels.bool()).all(dim=1).float().mean()
        return losses.min().item(), exact_match.item()

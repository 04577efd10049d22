"""Accuracy of generators that are conditioned on the type."""

from __future__ import annotations

from pathlib import Path

import torch

from punkdata.progress import Progress
from punkdata.traits import TYPES
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.splits import load_split
from punkmodels.gan.config import load_generator
from punkmodels.gan.generate import generate_sprites


def measure_type_accuracy(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    num_samples: int = 2000,
    progress: Progress = lambda done, total: None,
) -> float:
    """Return the fraction of samples that the bundled classifier assigns to the requested type.

    The requested types are those of the test split. This is the score for generators that are
    conditioned on the type. Arguments and errors are those of `generate_for_evaluation`.
    """
    device = device or torch.device("cpu")
    test = load_split(root, version, "default", "test")
    condition = test.labels[torch.arange(num_samples) % len(test), : len(TYPES)]
    model = load_generator(run, device)
    sprites, _ = generate_sprites(
        model, num_samples, 0, progress, condition=condition, keep_raw=False
    )
    logits = predict_logits(load_classifier(BUNDLED_CLASSIFIER, device), sprites)
    predicted = logits_to_labels(logits)[:, : len(TYPES)].int().argmax(dim=1)
    return float((predicted == condition.argmax(dim=1)).double().mean())

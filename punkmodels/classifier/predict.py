"""Prediction of the type and accessories of a punk in an image file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from punkdata.errors import ImageError
from punkdata.images.decode import decode_image
from punkdata.images.palette import palette_indices
from punkdata.traits import LABELS, decode_labels
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import Classifier, logits_to_labels, logits_to_probabilities

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".svg"}
"""File name extensions that are read from folders."""
MAX_UNKNOWN_PIXELS = 8
"""Number above which an image is no punk; benchmarks/classifier.py measures what this refuses."""


@dataclass(frozen=True)
class Prediction:
    """Predicted labels of an image.

    `image_confidence` is the probability that the sprite was decoded correctly. `unknown_pixels`
    counts pixels whose color the training data does not have at that position. `scores` has the
    probability of each label, the highest first.
    """

    path: str
    type: str
    accessories: tuple[str, ...]
    image_confidence: float
    unknown_pixels: int
    scores: dict[str, float]


def predict_image(model: Classifier, path: Path) -> Prediction:
    """Predict the labels of one image file.

    Raises ImageError if the file cannot be read, is not a sprite, or the sprite is not a punk.
    """
    try:
        decoded = decode_image(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror})") from None
    except ImageError as error:
        raise ImageError(f"{path} {error.message}", hint=error.hint) from None
    indices = torch.from_numpy(palette_indices(decoded.sprite[None]))
    num_unknown = int(model.unknown_pixels(indices.to(model.pairs.device)))
    if num_unknown > MAX_UNKNOWN_PIXELS:
        raise ImageError(
            f"{path} is not a punk: {num_unknown} of its 576 pixels have a color that no punk in "
            "the training data has at that position"
        )
    logits = predict_logits(model, indices)
    labels = np.zeros(len(LABELS), np.uint8)
    labels[: logits.shape[1]] = logits_to_labels(logits)[0].numpy()
    probabilities = logits_to_probabilities(logits)[0].tolist()
    scores = sorted(zip(LABELS, probabilities, strict=False), key=lambda item: -item[1])
    punk_type, accessories = decode_labels(labels)
    return Prediction(
        str(path), punk_type, accessories, decoded.confidence, num_unknown, dict(scores)
    )


def find_images(paths: list[Path]) -> list[Path]:
    """Return files as given, and the image files in folders, sorted by name."""
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file == path or file.suffix.lower() in IMAGE_SUFFIXES
    ]

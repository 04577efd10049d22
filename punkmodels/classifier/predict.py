"""Prediction of the type and accessories of punks in image files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from punkdata.errors import ImageError
from punkdata.images.decode import decode_image
from punkdata.images.palette import palette_indices
from punkdata.traits import LABELS, TYPES, decode_labels
from punkmodels.classifier.config import load_classifier
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import Classifier, logits_to_labels

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".svg"}
"""File name extensions that are read from folders."""
MAX_UNKNOWN_PIXELS = 8
"""Number of unknown pixels above which an image is not considered a punk

benchmarks/classifier.py measures which images this accepts and refuses.
"""


@dataclass(frozen=True)
class Prediction:
    """Predicted labels of an image."""

    path: str
    type: str
    accessories: tuple[str, ...]
    image_confidence: float
    """Probability that the sprite was decoded correctly; 1 for lossless images."""
    unknown_pixels: int
    """Number of pixels whose color does not occur at that position in the training data."""
    scores: dict[str, float]
    """Probability of each label, sorted by decreasing probability."""


def predict_images(
    model_path: Path, paths: list[Path], device: torch.device
) -> Iterator[Prediction | ImageError]:
    """Yield, in the order of the paths, a prediction or the error that prevented it.

    Args:
        model_path: A run folder, or a folder of exported weights.
        paths: Image files.
        device: The device to compute on.

    Raises:
        DataError: See `load_classifier`.
    """
    model = load_classifier(model_path, device)
    for path in paths:
        try:
            yield predict_image(model, path, device)
        except OSError as error:
            yield ImageError(f"{path} cannot be read ({error.strerror})")
        except ImageError as error:
            yield ImageError(f"{path} {error.message}", hint=error.hint)


def predict_image(model: Classifier, path: Path, device: torch.device) -> Prediction:
    """Predict the labels of one image file.

    Raises:
        ImageError: The image is not a sprite, or the sprite is not a punk.
        OSError: The file cannot be read.
    """
    decoded = decode_image(path.read_bytes())
    indices = torch.from_numpy(palette_indices(decoded.sprite[None]))
    num_unknown = int(model.unknown_pixels(indices.to(device)))
    if num_unknown > MAX_UNKNOWN_PIXELS:
        raise ImageError(
            f"is not a punk: {num_unknown} of its 576 pixels have a color that no punk in the "
            "training data has at that position"
        )
    logits = predict_logits(model, indices, device)
    is_type_only = logits.shape[1] == len(TYPES)
    probabilities = logits.softmax(1) if is_type_only else logits.sigmoid()
    labels = np.zeros(len(LABELS), np.uint8)
    labels[: logits.shape[1]] = logits_to_labels(logits)[0].numpy()
    punk_type, accessories = decode_labels(labels)
    scores = dict(zip(LABELS, probabilities[0].tolist(), strict=False))
    return Prediction(
        str(path),
        punk_type,
        accessories,
        decoded.confidence,
        num_unknown,
        dict(sorted(scores.items(), key=lambda item: -item[1])),
    )


def find_images(paths: list[Path]) -> list[Path]:
    """Return files as given, and the image files in folders, sorted by name."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        else:
            files.append(path)
    return files

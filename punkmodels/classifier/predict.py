"""Type and accessories of single pictures, or that a picture shows no punk."""

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

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".svg"}
MAX_UNKNOWN_PIXELS = 8
"""pixels of a color that no punk of training has at that place; with more it is no punk;
benchmarks/classifier.py counts what that refuses and what it lets through"""


@dataclass(frozen=True)
class Prediction:
    path: str
    type: str
    accessories: tuple[str, ...]
    image_confidence: float
    """the probability that the sprite was read rightly; 1 from a lossless picture"""
    unknown_pixels: int
    """pixels of a color that no punk of training has at that place"""
    scores: dict[str, float]
    """label -> probability, the likeliest first"""


def predict_images(
    model_path: Path, paths: list[Path], device: torch.device
) -> Iterator[Prediction | ImageError]:
    """A prediction for each picture, or why there is none, in the order given.

    Raises:
        DataError: there are no whole weights at `model_path`.
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
    """Raises:
    ImageError: it is no picture of one sprite, or that is no punk.
    OSError: it cannot be read.
    """
    decoded = decode_image(path.read_bytes())
    indices = torch.from_numpy(palette_indices(decoded.sprite[None]))
    unknown = int(model.unknown_pixels(indices.to(device)))
    if unknown > MAX_UNKNOWN_PIXELS:
        raise ImageError(f"is not a punk: no punk is so colored in {unknown} of its 576 pixels")
    logits = predict_logits(model, indices, device)
    chances = logits.softmax(1) if logits.shape[1] == len(TYPES) else logits.sigmoid()
    told = np.zeros(len(LABELS), np.uint8)
    told[: logits.shape[1]] = logits_to_labels(logits)[0].numpy()
    punk_type, accessories = decode_labels(told)
    scores = dict(zip(LABELS, chances[0].tolist(), strict=False))
    return Prediction(
        str(path),
        punk_type,
        accessories,
        decoded.confidence,
        unknown,
        dict(sorted(scores.items(), key=lambda item: -item[1])),
    )


def find_images(paths: list[Path]) -> list[Path]:
    """The files named, and the pictures in the folders named, by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
        else:
            found.append(path)
    return found

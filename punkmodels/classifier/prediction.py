"""Predictions of a classifier for sprites, and their proof by drawing them again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import ImageError
from punkdata.traits import LABELS, decode_labels
from punkmodels.classifier.images import Sprite
from punkmodels.classifier.networks import logits_to_labels, logits_to_probabilities
from punkmodels.classifier.pictures import Box
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.renderer.comparison import Mask, correct_labels

MAX_UNKNOWN_PIXELS = 8
"""Number above which an image is no punk; benchmarks/open_set.py measures what this refuses."""


@dataclass(frozen=True)
class Prediction:
    """The labels that a classifier predicts for one image.

    Attributes:
        path: Path of the image file; None for images from memory.
        type: The type, one of `punkdata.TYPES`.
        accessories: The accessories, in the order of `punkdata.ACCESSORIES`. The bundled classifier
            predicts those that at least one pixel shows.
        image_confidence: Probability that the sprite was decoded correctly, 0 to 1; 1 for lossless
            images.
        unknown_pixels: Number of pixels whose color no punk in the training data has at that
            position.
        different_pixels: Number of pixels in which the sprite differs from the punk with these
            labels, as the bundled renderer draws it in the best skin tone, 0 to 576. None if the
            classifier predicts only types, which do not determine a picture.
        different_positions: Row and column of each of these pixels, 0 to 23 from the top left;
            None if the classifier predicts only types.
        scores: Probability of each label by name according to the network, the highest first.
            Labels that the network predicts have a score above 0.5, or, for types, the highest one.
            Other labels may have any score: they replace a prediction that draws another sprite.
        box: Left, top, right and bottom edges of the punk, in pixels, in a picture that shows more
            than its sprite, for example a border or several punks; otherwise None.
    """

    path: str | None
    type: str
    accessories: tuple[str, ...]
    image_confidence: float
    unknown_pixels: int
    different_pixels: int | None
    different_positions: tuple[tuple[int, int], ...] | None
    scores: dict[str, float]
    box: Box | None = None

    def __repr__(self) -> str:
        """Return the predicted labels with their scores, and what else is worth to know."""
        labels = ", ".join(f"{name} {self.scores[name]:.2f}" for name in self.labels)
        facts = [labels]
        if self.image_confidence < 1:
            facts.append(f"image confidence {self.image_confidence:.2f}")
        if self.unknown_pixels:
            facts.append(f"unknown pixels: {self.unknown_pixels}")
        if self.different_pixels:
            facts.append(f"different pixels: {self.different_pixels}")
        name = f"{self.path!r}: " if self.path else ""
        return f"Prediction({name}{'; '.join(facts)})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The type, followed by the accessories."""
        return (self.type, *self.accessories)

    @property
    def verified(self) -> bool:
        """Whether the sprite is, in every pixel, the punk with these labels.

        Labels and skin tone determine every pixel of a punk, so the bundled renderer can draw the
        prediction again. If it draws another sprite, a search among all legal punks replaces the
        labels by those of a nearer one. The scores do not tell whether a sprite is a punk: those of
        an edited punk are often 1.00. False for a classifier of types, and for the few real punks
        that are drawn wrongly (benchmarks/open_set.py counts them).
        """
        return self.different_pixels == 0


def make_predictions(
    sprites: list[Sprite], logits: torch.Tensor, unknown_pixels: list[int]
) -> list[Prediction | ImageError]:
    """Return a prediction for each sprite, or an error for a sprite that is not a punk.

    `logits` are float32 (N, 92), or (N, 5) of a classifier of types, whose predictions have no
    proof; `unknown_pixels` are as in `Prediction`.
    """
    predicted = logits_to_labels(logits).numpy()
    labels = np.zeros((len(sprites), len(LABELS)), bool)
    labels[:, : predicted.shape[1]] = predicted
    different: list[Mask | None] = [None] * len(sprites)
    if sprites and logits.shape[1] == len(LABELS):
        pixels = np.stack([sprite.pixels for sprite in sprites])
        labels, masks = correct_labels(pixels, labels)
        different = list(masks)
    probabilities = logits_to_probabilities(logits).tolist()
    rows = zip(sprites, unknown_pixels, labels, different, probabilities, strict=True)
    return [_make_prediction(*row) for row in rows]


def _make_prediction(
    sprite: Sprite,
    unknown_pixels: int,
    labels: NDArray[np.bool_],
    different: Mask | None,
    probabilities: list[float],
) -> Prediction | ImageError:
    # A verified image is a punk, also with colors that no training punk has.
    is_verified = different is not None and not different.any()
    if unknown_pixels > MAX_UNKNOWN_PIXELS and not is_verified:
        return ImageError(
            f"{sprite.name} is not a punk: {unknown_pixels} of its {NUM_PIXELS} pixels have a "
            "color that no punk in the training data has at that position"
        )
    positions = None
    if different is not None:
        positions = tuple((row, column) for row, column in np.argwhere(different).tolist())
    punk_type, accessories = decode_labels(labels)
    scores = sorted(zip(LABELS, probabilities, strict=False), key=lambda item: -item[1])
    return Prediction(
        sprite.path,
        punk_type,
        accessories,
        sprite.confidence,
        unknown_pixels,
        None if positions is None else len(positions),
        positions,
        dict(scores),
        sprite.box,
    )

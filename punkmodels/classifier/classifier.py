"""The classifier that users call with images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from punkdata.errors import ImageError, UsageError
from punkdata.images.palette import palette_indices
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.images import ImageLike, Sprite, images_to_indices, read_sprites
from punkmodels.classifier.networks import LinearPixels, PixelMLP, build_network
from punkmodels.classifier.prediction import Prediction, make_predictions
from punkmodels.data.palette import NUM_PIXELS

_Image = TypeVar("_Image", bound=ImageLike)


class Classifier(nn.Module):
    """A trained network that maps images of punks to logits, with calibrated probabilities.

    Calling it converts images to palette indices and returns logits. Training and evaluation, which
    convert a data set once, use `logits_from_indices`. In evaluation mode, logits are divided by a
    temperature that calibrates the probabilities. `load_classifier` returns classifiers.

    Example:
        >>> classifier = punkmodels.load_classifier()
        >>> test = punkdata.PunkDataset("data", split="test")
        >>> logits = classifier(test.as_tensors()[0])  # float32 (1000, 92)
        >>> classifier.predict("punk.png").accessories
        ('Mohawk', 'Smile')
    """

    pairs: torch.Tensor
    """Number of each pair of position and color in training examples, int16 (576, 222)."""
    temperature: torch.Tensor
    """Temperature that calibrates the logits, a float32 scalar."""

    def __init__(self, network: nn.Module, pairs: torch.Tensor) -> None:
        """Wrap a network; `load_classifier` is the usual way to get a classifier."""
        super().__init__()
        self.network = network
        self.register_buffer("pairs", pairs)
        self.register_buffer("temperature", torch.ones(()))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs: `punkdata.LABELS`, or `punkdata.TYPES` for a model of types."""
        return TYPES if self._num_outputs == len(TYPES) else LABELS

    @property
    def _num_outputs(self) -> int:
        network: Any = self.network
        bias = network.bias if isinstance(network, LinearPixels) else network.head.bias
        return len(bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of images, as `punkdata.PunkDataset` gives them.

        Args:
            images: RGBA sprites, uint8, or floating point in [0, 1], (N, 4, 24, 24); or one of
                them, (4, 24, 24). They can be on any device. A color outside the palette of the
                collection counts as the nearest palette color, so there is no gradient with respect
                to the images.

        Returns:
            float32 (N, 92), or (92,) for one image, in the order of `punkdata.LABELS`, on the
            device of the classifier; (N, 5) for a classifier of types. A type is predicted by the
            largest of the first five logits, and an accessory by a logit above 0; the sigmoid of a
            logit is a probability.

        Raises:
            UsageError: The images have another type, shape, dtype or range; the message says how to
                convert them.
        """
        if torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
            raise UsageError(
                "a classifier cannot be traced, because it converts pixels outside of PyTorch",
                hint="export it to ONNX: Run.export(…, onnx=True), or punkmodels export --onnx",
            )
        indices = images_to_indices(images)
        logits = self.logits_from_indices(indices.to(self.pairs.device))
        return logits if images.ndim == 4 else logits[0]

    def logits_from_indices(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the logits of palette indices, integers (N, 24, 24), without any check.

        The indices are on the device of the classifier. Returns float32 (N, num_outputs).
        """
        network = self.network
        takes_pairs = isinstance(network, LinearPixels | PixelMLP)
        inputs = self.pair_numbers(indices) if takes_pairs else indices
        logits: torch.Tensor = network(inputs).float()
        return logits if self.training else logits / self.temperature

    def pair_numbers(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the number of each pixel's (position, color) pair in `pairs`, int64 (N, 576)."""
        positions = torch.arange(NUM_PIXELS, device=indices.device)
        return self.pairs[positions, indices.flatten(1).long()].long()

    def unknown_pixels(self, indices: torch.Tensor) -> torch.Tensor:
        """Count the pixels whose color no training punk has at that position, int64 (N,)."""
        return (self.pair_numbers(indices) == 0).sum(dim=1)

    @overload
    def predict(self, images: list[_Image] | tuple[_Image, ...]) -> list[Prediction]: ...

    @overload
    def predict(
        self, images: str | Path | bytes | Image.Image | NDArray[np.uint8] | torch.Tensor
    ) -> Prediction | list[Prediction]: ...

    def predict(
        self,
        images: str
        | Path
        | bytes
        | Image.Image
        | NDArray[np.uint8]
        | torch.Tensor
        | list[Any]
        | tuple[Any, ...],
    ) -> Prediction | list[Prediction]:
        """Predict the labels of one image or of several.

        Args:
            images: One of these, or a list of them:

                - the path of an image file, PNG, JPEG, WebP, AVIF or on-chain SVG, or the path of a
                  folder of such files, which are read in the order of their names;
                - the bytes of such a file;
                - a PIL image;
                - a uint8 array, (height, width, channels) or (N, height, width, channels), RGB or
                  RGBA;
                - a tensor as `PunkDataset` gives it, (3 or 4, height, width) or (N, 3 or 4, height,
                  width), uint8, or floating point in [0, 1].

                A punk may be enlarged and have a plain background. A picture that is no such sprite
                may show several punks, have borders, changed colors or noise: the punks in it are
                found, row by row, if the bundled renderer draws exactly what it shows.

        Returns:
            One prediction for a single image of one punk; a list for a folder, a batch, a list, or
            a picture of several punks. The labels
            are those of the most similar punk, also of a sprite that is none: see
            `Prediction.verified`.

        Raises:
            ImageError: An image cannot be read, is not a sprite, or the sprite is not a punk. In a
                list, the first such image ends the prediction.
            UsageError: The type, shape, dtype or range is not supported, or a folder has no images;
                a file that does not exist is also a FileNotFoundError.
        """
        sprites, is_single = read_sprites(images)
        predictions = []
        for result in self.predict_sprites(sprites):
            if isinstance(result, ImageError):
                raise result
            predictions.append(result)
        return predictions[0] if is_single else predictions

    def predict_sprites(self, sprites: list[Sprite]) -> list[Prediction | ImageError]:
        """Return a prediction for each sprite, or an error for a sprite that is not a punk."""
        if not sprites:
            return []
        indices = torch.from_numpy(palette_indices(np.stack([s.pixels for s in sprites])))
        unknown = self.unknown_pixels(indices.to(self.pairs.device)).tolist()
        return make_predictions(sprites, predict_logits(self, indices), unknown)

    def __repr__(self) -> str:
        """Return a line about the classifier, followed by its network."""
        device = self.pairs.device
        return f"Classifier of {self._num_outputs} labels on {device}\n{self.network!r}"


def predict_logits(model: Classifier, indices: torch.Tensor) -> torch.Tensor:
    """Return logits, float32 (N, num_outputs) on the CPU, of palette indices, uint8 (N, 24, 24)."""
    batches = torch.split(indices, 1000)
    with torch.inference_mode():
        return torch.cat(
            [model.logits_from_indices(batch.to(model.pairs.device)).cpu() for batch in batches]
        )


def build_model(
    config: ClassifierConfig,
    pairs: torch.Tensor,
    prior: torch.Tensor | None = None,
    groups: torch.Tensor | None = None,
) -> Classifier:
    """Build an untrained classifier; see `build_pair_table`, and `build_network` for the rest.

    By default, each pair is a group of its own.
    """
    if groups is None:
        groups = torch.arange(int(pairs.max()) + 1, dtype=torch.int16)
    return Classifier(build_network(config, groups, prior), pairs)

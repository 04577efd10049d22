"""Classifier networks, from palette indices to logits, and the conversion of logits to labels.

One or two pixels at fixed positions can decide an accessory. `PunkCNN` therefore sees every pixel
in two convolutions before pooling, flattens the feature map instead of averaging over positions,
and adds a linear layer from the pixels. `LinearPixels` is such a linear layer alone. `PublishedCNN`
is a baseline that averages over positions.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.data.palette import NUM_PIXELS

BACKGROUND_RGB = (0x63, 0x85, 0x96)
"""Background on which `PublishedCNN` composites the sprites."""
PUBLISHED_INPUT_PX = 42
"""Side of the input images of `PublishedCNN`."""


class Classifier(nn.Module):
    """A network with calibrated logits and a table of the colors in its training data.

    Maps palette indices, integers (N, 24, 24), to logits, float32 (N, num_outputs). In evaluation
    mode, logits are divided by the temperature.

    Args:
        network: Maps palette indices to logits; a `LinearPixels` maps pair numbers to logits.
        pairs: int16 (576, 222), see `punkmodels.data.palette.build_pair_table`: the number of each
            pair of position and color in the training data, counted from 1, or 0.
    """

    pairs: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, network: nn.Module, pairs: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("pairs", pairs)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        network = self.network
        inputs = self.pair_numbers(indices) if isinstance(network, LinearPixels) else indices
        logits: torch.Tensor = network(inputs).float()
        return logits if self.training else logits / self.temperature

    def pair_numbers(self, indices: torch.Tensor) -> torch.Tensor:
        """Return each pixel's index in the table of (position, color) pairs, int64 (N, 576)."""
        positions = torch.arange(NUM_PIXELS, device=indices.device)
        return self.pairs[positions, indices.flatten(1).long()].long()

    def unknown_pixels(self, indices: torch.Tensor) -> torch.Tensor:
        """Count the pixels whose color does not occur at that position in the training data.

        Args:
            indices: Palette indices, integers (N, 24, 24).

        Returns:
            int64 (N,).
        """
        return (self.pair_numbers(indices) == 0).sum(dim=1)


class PunkCNN(nn.Module):
    """Three convolutions and a fully connected layer, from palette indices to logits.

    Args:
        num_outputs: 92 labels or 5 types.
        color_embedding_dim: Dimension of the learned color embedding. Some browns differ by only a
            few RGB steps although one is a beard and the other skin; embeddings separate them.
        width: Channels of the first two convolutions; the third has twice as many.
        hidden: Units of the fully connected layer.
        dropout: Dropout probability of the hidden units.
        skip: Whether a linear layer from the pixels to the logits is added. Without it, all
            information passes through the hidden units, which `extract_features` returns.
    """

    def __init__(
        self,
        num_outputs: int = len(LABELS),
        color_embedding_dim: int = 16,
        width: int = 32,
        hidden: int = 256,
        dropout: float = 0.2,
        *,
        skip: bool = True,
    ) -> None:
        super().__init__()
        self.color_embedding = nn.Embedding(len(PALETTE), color_embedding_dim)
        self.features = nn.Sequential(
            nn.Conv2d(color_embedding_dim, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 6 * 6, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(hidden, num_outputs)
        self.skip = (
            nn.Linear(color_embedding_dim * NUM_PIXELS, num_outputs, bias=False) if skip else None
        )
        if self.skip:
            nn.init.zeros_(self.skip.weight)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self._embed_colors(indices)
        logits: torch.Tensor = self.head(self.features(pixels))
        return logits + self.skip(pixels.flatten(1)) if self.skip else logits

    def extract_features(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the hidden units, non-negative float32 (N, hidden)."""
        features: torch.Tensor = self.features(self._embed_colors(indices))
        return features

    def _embed_colors(self, indices: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.color_embedding(indices.int())
        return embedded.permute(0, 3, 1, 2)


class LinearPixels(nn.Module):
    """A linear model with one weight for each label, position and color.

    Maps pair numbers, int64 (N, 576), to logits, float32 (N, num_outputs).

    Args:
        num_outputs: 92 labels or 5 types.
        num_pairs: Number of pairs; the pair number 0 (unknown) contributes nothing.
    """

    def __init__(self, num_outputs: int, num_pairs: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(num_pairs + 1, num_outputs, mode="sum", padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(num_outputs))
        nn.init.zeros_(self.table.weight)

    def forward(self, pair_numbers: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.table(pair_numbers) + self.bias
        return logits


class PublishedCNN(nn.Module):
    """A baseline modeled on a public Keras script for the same labels.

    The script logs to a Weights & Biases project named "cryptopunk-classification"; its author and
    URL are not known. Like the script, this network takes 42x42 RGB pixels and has blocks of 3x3
    convolutions with max pooling, followed by global average pooling, which discards positions.
    Unlike in the script, a block has a single convolution, the channels double from block to block,
    there is no batch normalization, and dropout is applied once.

    Args:
        num_outputs: 92 labels or 5 types.
        width: Channels of the first block.
        dropout: Dropout probability after the global average pooling.
        depth: Number of blocks; each halves the height and width.
    """

    colors: torch.Tensor

    def __init__(
        self, num_outputs: int = len(LABELS), width: int = 32, dropout: float = 0.2, depth: int = 3
    ) -> None:
        super().__init__()
        rgba = torch.tensor(PALETTE, dtype=torch.float32) / 255
        background = torch.tensor(BACKGROUND_RGB) / 255
        self.register_buffer("colors", rgba[:, :3] * rgba[:, 3:] + background * (1 - rgba[:, 3:]))
        channels = (3, *(width * 2**i for i in range(depth)))
        self.features = nn.Sequential(
            *(
                layer
                for in_channels, out_channels in itertools.pairwise(channels)
                for layer in (
                    nn.Conv2d(in_channels, out_channels, 3, padding=1),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                )
            ),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(channels[-1], num_outputs)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self.colors[indices.long()].permute(0, 3, 1, 2)
        size = (PUBLISHED_INPUT_PX, PUBLISHED_INPUT_PX)
        images = F.interpolate(pixels, size, mode="bilinear", antialias=False)
        logits: torch.Tensor = self.head(self.features(images))
        return logits


def build_model(
    config: ClassifierConfig, pairs: torch.Tensor, prior: torch.Tensor | None = None
) -> Classifier:
    """Build an untrained classifier.

    Args:
        config: The configuration.
        pairs: See `Classifier`.
        prior: Frequency of each label in the training data, float (num_outputs,). The output bias
            starts at its logit, so that training need not first learn that labels are rare.
    """
    network: PunkCNN | LinearPixels | PublishedCNN
    if config.model == "linear":
        network = LinearPixels(config.num_outputs, int(pairs.max()))
    elif config.model == "published":
        network = PublishedCNN(config.num_outputs, config.width, config.dropout, config.depth)
    else:
        network = PunkCNN(
            config.num_outputs,
            config.color_embedding_dim,
            config.width,
            config.hidden,
            config.dropout,
            skip=config.skip,
        )
    if prior is not None:
        bias = network.bias if isinstance(network, LinearPixels) else network.head.bias
        with torch.no_grad():
            bias.copy_(prior.clamp(1e-4, 1 - 1e-4).logit())
    return Classifier(network, pairs)


def logits_to_labels(logits: torch.Tensor) -> torch.Tensor:
    """Return the predicted labels: the most likely type, and accessories with a positive logit.

    Args:
        logits: (N, num_outputs), the types first.

    Returns:
        bool (N, num_outputs).
    """
    labels = logits > 0
    types = logits[:, : len(TYPES)].argmax(dim=1)
    labels[:, : len(TYPES)] = F.one_hot(types, len(TYPES)).bool()
    return labels


def logits_to_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return probabilities (N, num_outputs); those of a classifier of types sum to 1."""
    return logits.softmax(dim=1) if logits.shape[1] == len(TYPES) else logits.sigmoid()

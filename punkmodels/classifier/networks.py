"""Classifier networks, from palette indices to logits, and the conversion of logits to labels."""

import torch
from PIL import ImageColor
from torch import nn
from torch.nn import functional as F

from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR
from punkdata.traits import TYPES
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.ridge import (
    RidgeSolution,
    group_features,
    group_sizes,
    spread_over_pairs,
)
from punkmodels.data.palette import NUM_PIXELS


class PunkCNN(nn.Module):
    """Three convolutions and a fully connected layer, from palette indices to logits.

    One or two pixels at fixed positions can decide an accessory. The network therefore sees every
    pixel in two convolutions before pooling, flattens the feature map instead of averaging over
    positions, and adds a linear layer from the pixels.

    Some browns differ by only a few RGB steps although one is a beard and the other skin; learned
    color embeddings separate them. Without the linear layer `skip` from the pixels, all information
    passes through the hidden units, which `extract_features` returns.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        channels, width = config.color_embedding_dim, config.width
        self.color_embedding: nn.Embedding = nn.Embedding(len(PALETTE), channels)
        self.features: nn.Sequential = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 6 * 6, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.head: nn.Linear = nn.Linear(config.hidden, config.num_outputs)
        self.skip: nn.Linear | None = None
        if config.skip:
            self.skip = nn.Linear(channels * NUM_PIXELS, config.num_outputs, bias=False)
            nn.init.zeros_(self.skip.weight)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self._embed_colors(indices)
        logits: torch.Tensor = self.head(self.features(pixels))
        return logits + self.skip(pixels.flatten(1)) if self.skip else logits

    def extract_features(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the hidden units, non-negative (N, hidden)."""
        features: torch.Tensor = self.features(self._embed_colors(indices))
        return features

    def _embed_colors(self, indices: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.color_embedding(indices.int())
        return embedded.permute(0, 3, 1, 2)


class PixelMLP(nn.Module):
    """Ridge regression plus a fully connected layer, from pair numbers (N, 576) to logits.

    Sprites are aligned, so a pixel means the same on all of them, and nothing is gained by
    convolutions, which share weights between positions. The inputs are the shares of the pairs of
    each group that an image shows, see `punkmodels.classifier.ridge`. `skip` starts as the ridge
    solution, and the hidden units, whose outputs start at 0, learn what it gets wrong: labels that
    almost the whole sprite of another accessory covers.
    """

    groups: torch.Tensor
    """Number of the group of each pair, int16 (num_pairs + 1,); 0 for unknown pairs."""
    sizes: torch.Tensor

    def __init__(self, config: ClassifierConfig, groups: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("groups", groups)
        self.register_buffer("sizes", group_sizes(groups), persistent=False)
        num_groups = len(self.sizes) - 1
        self.skip: nn.Linear = nn.Linear(num_groups, config.num_outputs, bias=False)
        nn.init.zeros_(self.skip.weight)
        inputs = nn.Linear(num_groups, config.hidden)
        nn.init.normal_(inputs.weight, std=NUM_PIXELS**-0.5)
        self.hidden: nn.Sequential = nn.Sequential(inputs, nn.ReLU(), nn.Dropout(config.dropout))
        self.head: nn.Linear = nn.Linear(config.hidden, config.num_outputs)
        nn.init.zeros_(self.head.weight)

    def forward(self, pair_numbers: torch.Tensor) -> torch.Tensor:
        features = group_features(pair_numbers, self.groups, self.sizes)
        logits: torch.Tensor = self.skip(features) + self.head(self.hidden(features))
        return logits


class LinearPixels(nn.Module):
    """A linear model of pair numbers, int64 (N, 576); pair 0 (unknown) contributes nothing."""

    def __init__(self, config: ClassifierConfig, num_pairs: int) -> None:
        super().__init__()
        self.table: nn.EmbeddingBag = nn.EmbeddingBag(
            num_pairs + 1, config.num_outputs, mode="sum", padding_idx=0
        )
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(config.num_outputs))
        nn.init.zeros_(self.table.weight)

    def forward(self, pair_numbers: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.table(pair_numbers) + self.bias
        return logits


class PublishedCNN(nn.Module):
    """A baseline modeled on a public Keras script for the same labels.

    Like the script (see docs/reference/citing.md), it takes 42x42 RGB pixels and has blocks of 3x3
    convolutions with max pooling, followed by global average pooling, which discards positions.
    Unlike in the script, a block has a single convolution, the channels double from block to block,
    there is no batch normalization, and dropout is applied once.
    """

    colors: torch.Tensor

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        rgba = torch.tensor(PALETTE, dtype=torch.float32) / 255
        background = torch.tensor(ImageColor.getrgb(BACKGROUND_COLOR)) / 255
        self.register_buffer("colors", rgba[:, :3] * rgba[:, 3:] + background * (1 - rgba[:, 3:]))
        layers: list[nn.Module] = []
        channels = 3
        for block in range(config.depth):
            width = config.width * 2**block
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(config.dropout)]
        self.features: nn.Sequential = nn.Sequential(*layers)
        self.head: nn.Linear = nn.Linear(channels, config.num_outputs)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self.colors[indices.long()].permute(0, 3, 1, 2)
        images = F.interpolate(pixels, (42, 42), mode="bilinear", antialias=False)
        logits: torch.Tensor = self.head(self.features(images))
        return logits


def build_network(
    config: ClassifierConfig, groups: torch.Tensor, prior: torch.Tensor | None = None
) -> nn.Module:
    """Build an untrained network; `groups` are those of `PixelMLP`, one number for each pair.

    `prior` is the frequency of each label in the training data, float (num_outputs,). The output
    bias starts at its logit, so that training need not first learn that labels are rare.
    """
    network: PixelMLP | PunkCNN | LinearPixels | PublishedCNN
    if config.model == "mlp":
        network = PixelMLP(config, groups)
    elif config.model == "ridge":
        network = LinearPixels(config, len(groups) - 1)
    else:
        network = PublishedCNN(config) if config.model == "published" else PunkCNN(config)
    if prior is not None:
        bias = network.bias if isinstance(network, LinearPixels) else network.head.bias
        with torch.no_grad():
            bias.copy_(prior.clamp(1e-4, 1 - 1e-4).logit())
    return network


def set_ridge(network: nn.Module, solution: RidgeSolution) -> None:
    """Copy the solution of a ridge regression into a linear model, or into the skip of an MLP."""
    with torch.no_grad():
        if isinstance(network, LinearPixels):
            network.table.weight.copy_(spread_over_pairs(solution))
            network.bias.copy_(solution.bias)
        elif isinstance(network, PixelMLP):
            network.skip.weight.copy_(solution.weight.T)
            network.head.bias.copy_(solution.bias)


def logits_to_labels(logits: torch.Tensor) -> torch.Tensor:
    """Return the predicted labels: the most likely type, and accessories with a positive logit."""
    labels = logits > 0
    types = logits[:, : len(TYPES)].argmax(dim=1)
    labels[:, : len(TYPES)] = F.one_hot(types, len(TYPES)).bool()
    return labels


def logits_to_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return probabilities (N, num_outputs); those of a classifier of types sum to 1."""
    return logits.softmax(dim=1) if logits.shape[1] == len(TYPES) else logits.sigmoid()

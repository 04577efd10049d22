"""The classifiers: a sprite to logits, and logits to labels.

Accessories are told by one or two pixels at fixed places. So `PunkCNN` sees every pixel in
two convolutions before anything is pooled, flattens the map and never averages it over
positions, and has a linear layer beside it. `LinearPixels` is that last part alone, with a
weight for every color at every place. `PublishedCNN` has the shape of an earlier work.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup

BACKGROUND = (0x63, 0x85, 0x96)
"""behind the punks that `PublishedCNN` sees"""


class Classifier(nn.Module):
    """Palette indices, integers (N, 24, 24), to logits float32 (N, outputs).

    Args:
        network: of the same input and output.
        pairs: int16 (576, 222): the row, from 1, of each color at each place that training
            knew; 0 for those that it never saw. See `known_pairs`.
    """

    pairs: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, network: nn.Module, pairs: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("pairs", pairs)
        self.register_buffer("temperature", torch.ones(()))
        """by which logits are divided after training, so that probabilities are frequencies"""

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        network = self.network
        inputs = self.rows(indices) if isinstance(network, LinearPixels) else indices
        logits: torch.Tensor = network(inputs).float()
        return logits if self.training else logits / self.temperature

    def rows(self, indices: torch.Tensor) -> torch.Tensor:
        """The row in `pairs` of every pixel: int64 (N, 576)."""
        places = torch.arange(NUM_PIXELS, device=indices.device)
        return self.pairs[places, indices.flatten(1).long()].long()

    def unknown_pixels(self, indices: torch.Tensor) -> torch.Tensor:
        """How many pixels of each sprite have a color that no punk of training had at that place:
        int64 (N,).
        """
        return (self.rows(indices) == 0).sum(dim=1)


class Dropout(nn.Dropout):
    """The same for ranks that share a batch: each draws the chances of all, and uses its own."""

    process_group: ProcessGroup = SINGLE_PROCESS

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.p:
            return features
        n, *rest = features.shape
        chance = torch.rand(n * self.process_group.world_size, *rest, device=features.device)
        return features * (self.process_group.local_shard(chance) >= self.p) / (1 - self.p)


class PunkCNN(nn.Module):
    """The default: palette indices to logits.

    Args:
        outputs: 92 labels, or 5 types.
        code: size of the learnt code of a color. Neighboring browns differ by a few
            steps of RGB, but one is a beard and the other skin: a code sets them apart.
        width: channels of the first two convolutions; the third has twice as many.
        hidden: units of the fully connected layer.
        dropout: share of hidden units dropped in training.
        skip: a linear layer from the pixels beside it. Without it, all that is known of a sprite
            goes through the hidden units, which then describe it: see features.py.
    """

    def __init__(
        self,
        outputs: int = len(LABELS),
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
            Dropout(dropout),
        )
        self.head = nn.Linear(hidden, outputs)
        self.skip = (
            nn.Linear(color_embedding_dim * NUM_PIXELS, outputs, bias=False) if skip else None
        )
        if self.skip:
            nn.init.zeros_(self.skip.weight)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self.color_embedding(indices.int()).permute(0, 3, 1, 2)
        logits: torch.Tensor = self.head(self.features(pixels))
        return logits + self.skip(pixels.flatten(1)) if self.skip else logits

    def describe(self, indices: torch.Tensor) -> torch.Tensor:
        """The hidden units, float32 (N, hidden) of at least 0, of palette indices (N, 24, 24)."""
        hidden: torch.Tensor = self.features(
            self.color_embedding(indices.int()).permute(0, 3, 1, 2)
        )
        return hidden


class LinearPixels(nn.Module):
    """One weight a label for each color at each place: rows of `pairs` (N, 576) to logits.

    Args:
        rows: the number of rows; row 0, what training never saw, counts nothing.
    """

    def __init__(self, outputs: int, rows: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(rows + 1, outputs, mode="sum", padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.zeros_(self.table.weight)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.table(rows) + self.bias
        return logits


class PublishedCNN(nn.Module):
    """The shape of an earlier network for punks: pictures of 42x42 RGB, three blocks (`depth`) of a
    3x3 convolution and pooling, then the average over all positions.
    """

    colors: torch.Tensor

    def __init__(
        self, outputs: int = len(LABELS), width: int = 32, dropout: float = 0.2, depth: int = 3
    ) -> None:
        super().__init__()
        rgba = torch.tensor(PALETTE, dtype=torch.float32) / 255
        behind = torch.tensor(BACKGROUND) / 255
        self.register_buffer("colors", rgba[:, :3] * rgba[:, 3:] + behind * (1 - rgba[:, 3:]))
        channels = (3, *(width * 2**i for i in range(depth)))
        self.features = nn.Sequential(
            *(
                layer
                for before, after in itertools.pairwise(channels)
                for layer in (nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            ),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            Dropout(dropout),
        )
        self.head = nn.Linear(channels[-1], outputs)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        pixels = self.colors[indices.long()].permute(0, 3, 1, 2)
        pictures = F.interpolate(pixels, (42, 42), mode="bilinear", antialias=False)
        logits: torch.Tensor = self.head(self.features(pictures))
        return logits


def logits_to_labels(logits: torch.Tensor) -> torch.Tensor:
    """bool (N, outputs): the likeliest type, and every accessory more likely than not."""
    chosen = logits > 0
    types = logits[:, : len(TYPES)].argmax(dim=1)
    chosen[:, : len(TYPES)] = F.one_hot(types, len(TYPES)).bool()
    return chosen

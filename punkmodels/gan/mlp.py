"""The plain GAN of the first tutorials: fully connected layers, to which a pixel has no neighbors.

As Goodfellow and others ("Generative Adversarial Nets", 2014) had it for digits, with the sizes of
the tutorials: three hidden layers in the generator, two in the discriminator, LeakyReLU 0.2. For
comparison; a DCGAN draws better punks in less time.
"""

from __future__ import annotations

import itertools
from typing import TypeAlias

import torch
from torch import nn

from punkmodels.gan.networks import Generator


def stack(*sizes: int) -> list[nn.Module]:
    """Linear layers from size to size, with LeakyReLU between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return layers[:-1]


class MLPGenerator(nn.Module):
    """Noise, float32 (N, z_size), to RGBA in [-1, 1], float32 (N, 4, 24, 24).

    Args:
        width: a quarter of the units of the first hidden layer; each further one has twice as many.
    """

    mapping = None
    embed = None
    """it has no mapping, and cannot be asked for anything"""

    def __init__(
        self, z_dim: int = 100, width: int = 64, *, channels: int = 4, side: int = 24
    ) -> None:
        super().__init__()
        self.noise_dim = z_dim
        self.shape = (channels, side, side)
        w = width
        pixels = channels * side * side
        self.layers = nn.Sequential(*stack(z_dim, 4 * w, 8 * w, 16 * w, pixels), nn.Tanh())

    def forward(self, noise: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        images: torch.Tensor = self.layers(noise)
        return images.view(-1, *self.shape)


AnyGenerator: TypeAlias = Generator | MLPGenerator


class MLPDiscriminator(nn.Module):
    """RGBA in [-1, 1], float32 (N, 4, 24, 24), to logits (N,): higher looks more real."""

    def __init__(self, width: int = 64, *, channels: int = 4, side: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(*stack(channels * side * side, 8 * width, 4 * width, 1))

    def forward(self, images: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images.flatten(1))
        return logits.flatten().float()

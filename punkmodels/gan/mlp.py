"""MLP GAN, a baseline of fully connected layers that ignores spatial structure.

The layers are those of common tutorials, after Goodfellow et al., "Generative Adversarial Nets"
(2014): three hidden layers in the generator, two in the discriminator, LeakyReLU with slope 0.2.
"""

from __future__ import annotations

import itertools
from typing import TypeAlias

import torch
from torch import nn

from punkmodels.gan.networks import Generator


def linear_stack(*dims: int) -> list[nn.Module]:
    """Return linear layers between consecutive dimensions, separated by LeakyReLU 0.2."""
    layers: list[nn.Module] = []
    for in_dim, out_dim in itertools.pairwise(dims):
        layers += [nn.Linear(in_dim, out_dim), nn.LeakyReLU(0.2)]
    return layers[:-1]


class MLPGenerator(nn.Module):
    """Unconditional generator from noise to images.

    Maps noise, float32 (N, z_dim), to images in [-1, 1], float32 (N, channels, image_size,
    image_size).

    Args:
        z_dim: Dimension of the noise.
        width: A quarter of the units in the first hidden layer; each further hidden layer has
            twice as many as the one before.
        channels: Channels of the images.
        image_size: Side of the images in pixels.
    """

    mapping = None
    """Always None: there is no mapping network."""
    embed = None
    """Always None: the generator is unconditional."""

    def __init__(
        self, z_dim: int = 100, width: int = 64, *, channels: int = 4, image_size: int = 24
    ) -> None:
        super().__init__()
        self.noise_dim = z_dim
        self.image_shape = (channels, image_size, image_size)
        w = width
        num_values = channels * image_size * image_size
        self.layers = nn.Sequential(
            *linear_stack(z_dim, 4 * w, 8 * w, 16 * w, num_values), nn.Tanh()
        )

    def forward(self, noise: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        images: torch.Tensor = self.layers(noise)
        return images.view(-1, *self.image_shape)


AnyGenerator: TypeAlias = Generator | MLPGenerator


class MLPDiscriminator(nn.Module):
    """Unconditional discriminator from images to logits.

    Maps images in [-1, 1], float32 (N, channels, image_size, image_size), to logits, float32 (N,);
    a higher logit means a more realistic image.

    Args:
        width: A quarter of the units in the second hidden layer; the first one has twice as many.
        channels: Channels of the images.
        image_size: Side of the images in pixels.
    """

    def __init__(self, width: int = 64, *, channels: int = 4, image_size: int = 24) -> None:
        super().__init__()
        num_values = channels * image_size * image_size
        self.layers = nn.Sequential(*linear_stack(num_values, 8 * width, 4 * width, 1))

    def forward(self, images: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images.flatten(1))
        return logits.flatten().float()

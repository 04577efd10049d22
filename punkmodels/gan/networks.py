"""Networks of the DCGAN: generator, discriminator and mapping network.

The architecture is that of Radford, Metz and Chintala, "Unsupervised Representation Learning with
Deep Convolutional Generative Adversarial Networks" (2015), for images of 24x24 pixels: a 3x3
feature map is doubled three times by transposed convolutions of stride 2 (3, 6, 12, 24), with batch
normalization and ReLU in the generator, and strided convolutions and LeakyReLU 0.2 in the
discriminator.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.gan.layers import (
    GhostBatchNorm,
    build_mlp,
    concat_condition,
    normalize_condition,
)
from punkmodels.gan.palette_head import PaletteHead

ConditionComposition = Literal["z_order", "sum", "none"]
CONDITION_EMBEDDING_DIM = 64
"""Dimension of the embedded condition that is concatenated to the latent."""
NUM_NORM_BATCHES = 50
"""Default number of batches from which `reestimate_normalization` computes its statistics."""


class Mapping(nn.Module):
    """Mapping network from Gaussian noise to the latent w.

    Maps noise, float32 (N, z_dim + w_dim), to w, float32 (N, w_dim). Real punks leave gaps in w
    (there is nothing between two hats) that Gaussian noise would fill. The first z_dim numbers
    determine the mean of w; the remaining w_dim numbers are scaled by a learned standard deviation
    and added to it.

    Args:
        z_dim: Dimension of the noise that determines the mean.
        w_dim: Dimension of w.
        condition_dim: Dimension of the condition; 0 for an unconditional mapping.
    """

    def __init__(self, z_dim: int, w_dim: int, condition_dim: int = 0) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.layers = build_mlp(z_dim + condition_dim, w_dim)
        self.log_std = nn.Parameter(torch.zeros(w_dim))

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        z, residual = noise[:, : self.z_dim], noise[:, self.z_dim :]
        return self.mean(z, condition) + self.log_std.exp() * residual

    def mean(self, z: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean of w, float32 (N, w_dim), for noise z (N, z_dim)."""
        w: torch.Tensor = self.layers(concat_condition(z, condition))
        return w


def initial_map_size(image_size: int) -> int:
    """Return the side of the smallest feature map, which is doubled three times and cropped."""
    return -(-image_size // 8)


class Generator(nn.Module):
    """DCGAN generator from noise to images.

    Maps noise, float32 (N, noise_dim), to RGBA in [-1, 1], float32 (N, 4, 24, 24), followed by the
    channels of the color embedding if there is one.

    Args:
        z_dim: Dimension of the noise z.
        width: Channels of the 12x12 feature map; 6x6 has twice and 3x3 four times as many.
        counts: Color frequencies for a `PaletteHead`; None for the output layer of Radford et al.,
            which generates any RGBA color.
        head_channels: Channels of the 24x24 feature map before a palette head.
        color_embedding_dim: Dimension of the palette head's color embedding, see `color_table`.
        w_dim: Dimension of w, the output of a `Mapping` network; 0 for no mapping, as in Radford
            et al.
        condition_dim: Dimension of the condition; 0 for an unconditional generator. The condition
            is passed to the mapping network, is embedded and concatenated to w, and is passed to
            the palette head unless `condition_composition` is "none".
        condition_composition: How the palette head combines the entries of the condition:
            "z_order" adds logits that a learned z-order bounds, "sum" adds unbounded logits, and
            "none" ignores the condition.
        channels: Channels of the images; a palette head requires 4.
        image_size: Side of the images in pixels; a palette head requires 24.
    """

    def __init__(  # one parameter for each independent part of the architecture
        self,
        z_dim: int = 100,
        width: int = 64,
        counts: torch.Tensor | None = None,
        head_channels: int = 16,
        color_embedding_dim: int = 0,
        w_dim: int = 0,
        condition_dim: int = 0,
        *,
        condition_composition: ConditionComposition = "z_order",
        channels: int = 4,
        image_size: int = 24,
    ) -> None:
        super().__init__()
        self.noise_dim = z_dim + w_dim
        self.image_size = image_size
        self.mapping = Mapping(z_dim, w_dim, condition_dim) if w_dim else None
        self.embed = nn.Linear(condition_dim, CONDITION_EMBEDDING_DIM) if condition_dim else None
        w = width
        latent_dim = (w_dim or z_dim) + (CONDITION_EMBEDDING_DIM if condition_dim else 0)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim, 4 * w, initial_map_size(image_size), bias=False)
        ]
        for in_channels, out_channels in ((4 * w, 2 * w), (2 * w, w)):
            layers += [GhostBatchNorm(in_channels), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False))
        layers += [GhostBatchNorm(w), nn.ReLU()]
        if counts is None:
            layers += [nn.ConvTranspose2d(w, channels, 4, 2, 1), nn.Tanh()]
        else:
            layers.append(nn.ConvTranspose2d(w, head_channels, 4, 2, 1, bias=False))
            layers += [
                GhostBatchNorm(head_channels),
                nn.ReLU(),
                PaletteHead(
                    head_channels,
                    counts,
                    color_embedding_dim,
                    0 if condition_composition == "none" else condition_dim,
                    use_z_order=condition_composition == "z_order",
                ),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        features, head = self.features(self.to_w(noise, condition), condition), self.layers[-1]
        is_palette = isinstance(head, PaletteHead)
        images: torch.Tensor = head(features, condition) if is_palette else head(features)
        return images[:, :, : self.image_size, : self.image_size]

    def to_w(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Return w, or the noise itself if there is no mapping network."""
        w: torch.Tensor = self.mapping(noise, condition) if self.mapping else noise
        return w

    def features(self, w: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Return the input of the last layer, float32 (N, channels, H, W)."""
        if self.embed is not None and condition is not None:
            w = torch.cat([w, self.embed(normalize_condition(condition))], dim=1)
        features: torch.Tensor = self.layers[:-1](w[:, :, None, None])
        return features


class Discriminator(nn.Module):
    """DCGAN discriminator from images to logits.

    Maps images in [-1, 1], float32 (N, channels + color_embedding_dim, image_size, image_size), to
    logits, float32 (N,); a higher logit means a more realistic image.

    Args:
        width: Channels of the first feature map, which has half the side of the image; the next
            two have twice and four times as many.
        normalize: Use batch normalization, as Radford et al. do. The logit of an image then depends
            on the other images of the batch, so it cannot be combined with gradient penalties.
        color_embedding_dim: Dimension of the color embedding, see `color_table`.
        condition_dim: Dimension of the condition, which is compared with the features by
            projection (Miyato and Koyama, "cGANs with Projection Discriminator", 2018); 0 for an
            unconditional discriminator.
        channels: Channels of the images without the color embedding.
        image_size: Side of the images in pixels.
    """

    def __init__(
        self,
        width: int = 64,
        *,
        normalize: bool = False,
        color_embedding_dim: int = 0,
        condition_dim: int = 0,
        channels: int = 4,
        image_size: int = 24,
    ) -> None:
        super().__init__()
        w, last_size = width, initial_map_size(image_size)
        self.padding = 8 * last_size - image_size
        layers: list[nn.Module] = [
            nn.Conv2d(channels + color_embedding_dim, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for in_channels, out_channels in ((w, 2 * w), (2 * w, 4 * w)):
            layers.append(nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=not normalize))
            if normalize:
                layers.append(GhostBatchNorm(out_channels))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(4 * w, 1, last_size))
        self.layers = nn.Sequential(*layers)
        self.project = (
            nn.Linear(condition_dim, 4 * w * last_size**2, bias=False) if condition_dim else None
        )

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        if self.padding:
            images = F.pad(images, (0, self.padding, 0, self.padding), value=-1.0)
        features = self.layers[:-1](images)
        logits: torch.Tensor = self.layers[-1](features).flatten()
        if self.project is not None and condition is not None:
            projected = self.project(normalize_condition(condition))
            similarity = (projected * features.flatten(1)).sum(dim=1)
            logits = logits + similarity / projected.shape[1] ** 0.5
        return logits.float()


def reestimate_normalization(
    model: Generator,
    seed: int,
    batch_size: int,
    condition: torch.Tensor | None = None,
    num_batches: int = NUM_NORM_BATCHES,
) -> None:
    """Recompute the batch-normalization statistics of a generator from generated batches.

    Averaged weights have never been used in a training batch, so the statistics collected during
    training do not fit them. The model is left in evaluation mode.

    Args:
        model: The generator.
        seed: Random seed of the noise.
        batch_size: Samples in a batch.
        condition: Conditions (M, condition_dim), which are used in order and repeated; or None.
        num_batches: Number of batches.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # Use a plain mean over the batches.
    device = next(model.parameters()).device
    random = torch.Generator(device).manual_seed(seed)
    model.train()
    with torch.no_grad():
        for batch in range(num_batches):
            noise = torch.randn(batch_size, model.noise_dim, generator=random, device=device)
            batch_condition = None
            if condition is not None:
                rows = torch.arange(batch * batch_size, (batch + 1) * batch_size) % len(condition)
                batch_condition = condition[rows.to(device)]
            model(noise, batch_condition)
    model.eval()

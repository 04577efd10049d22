"""The DCGAN: noise to punks, and punks to a judgment.

The shape is that of Radford, Metz and Chintala (2015) for pictures of 24x24: a first map of 3x3,
doubled three times by transposed convolutions of stride 2 (3, 6, 12, 24), batch normalization and
ReLU in the generator, strided convolutions and LeakyReLU 0.2 in the discriminator.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.gan.palette_head import PaletteHead
from punkmodels.training.distributed import RandomStream

BATCHES = 50
"""of drawn noise, by which an averaged generator's normalization is estimated"""
ConditionComposition = Literal["z_order", "sum", "none"]
CONDITION_EMBEDDING_DIM = 64
"""numbers that a condition becomes beside noise"""


def build_mlp(before: int, after: int, width: int = 384) -> nn.Sequential:
    """Numbers to numbers, by three layers of `width`."""
    layers: list[nn.Module] = []
    for size in (before, width, width):
        layers += [nn.Linear(size, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, after))


def concat_condition(numbers: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    """(N, a) and (N, b), or None, to (N, a + b)."""
    return numbers if condition is None else torch.cat([numbers, condition], dim=1)


class GhostBatchNorm(nn.BatchNorm2d):
    """Batch normalization, in training over `groups` equal parts of a batch, each by itself: so a
    batch that ranks share is normalized as by one. With several, no averages are kept.
    """

    groups = 1

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or self.groups == 1:
            return super().forward(features)
        n, channels, height, width = features.shape
        k = self.groups
        apart = features.view(k, n // k, channels, height, width).transpose(0, 1)
        even = F.batch_norm(
            apart.reshape(n // k, k * channels, height, width),
            None,
            None,
            self.weight.repeat(k),
            self.bias.repeat(k),
            training=True,
            eps=self.eps,
        )
        return even.view(n // k, k, channels, height, width).transpose(0, 1).reshape_as(features)


class Mapping(nn.Module):
    """Noise, float32 (N, z_size + w_size), to w, float32 (N, w_size), from which punks are drawn.

    w lies where real punks do, and noise does not: between two hats there is none. The first
    z_size numbers tell the place, the others what is random about it.

    Args:
        asked: size of the condition, see `conditions`; 0 for none.
    """

    def __init__(self, z_dim: int, w_dim: int, condition: int = 0) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.layers = build_mlp(z_dim + condition, w_dim)
        self.log_spread = nn.Parameter(torch.zeros(w_dim))

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        z, rest = noise[:, : self.z_dim], noise[:, self.z_dim :]
        return self.place(z, condition) + self.log_spread.exp() * rest

    def place(self, z: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """The mean of w, float32 (N, w_size), of the first numbers of noise alone."""
        w: torch.Tensor = self.layers(concat_condition(z, condition))
        return w


def initial_map_size(side: int) -> int:
    """Side of the smallest map, that is doubled three times; what is too much is cut off."""
    return -(-side // 8)


class Generator(nn.Module):
    """Noise, float32 (N, noise_size), to RGBA in [-1, 1], float32 (N, 4, 24, 24); with a code, that
    follows RGBA as further channels.

    Args:
        width: channels of the map of 12x12; 6x6 has twice, 3x3 four times as many.
        counts: for a head that chooses among known colors, see `PaletteHead`; None for
            Radford's, which draws any RGBA.
        head_channels: channels of the map of 24x24 before that head.
        code: of that head, see `color_table`.
        w_size: of a `Mapping` between the noise and the first map; 0 for none, as Radford.
        channels, side: of the images; others than RGBA of 24x24 for Radford's head alone.
        asked: size of the condition that is drawn to, see `conditions`; 0 for none. It goes to
            the mapping, beside w (as `EMBEDDED` numbers) and, unless `composing` is "none", to the
            palette head: by `PaletteHead`'s heights, or as "sum" without them.
    """

    def __init__(
        self,
        z_dim: int = 100,
        width: int = 64,
        counts: torch.Tensor | None = None,
        head_channels: int = 16,
        color_embedding_dim: int = 0,
        w_dim: int = 0,
        condition: int = 0,
        *,
        condition_composition: ConditionComposition = "z_order",
        channels: int = 4,
        side: int = 24,
    ) -> None:
        super().__init__()
        self.noise_dim = z_dim + w_dim
        self.mapping = Mapping(z_dim, w_dim, condition) if w_dim else None
        self.embed = nn.Linear(condition, CONDITION_EMBEDDING_DIM) if condition else None
        w = width
        first = (w_dim or z_dim) + (CONDITION_EMBEDDING_DIM if condition else 0)
        self.side = side
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(first, 4 * w, initial_map_size(side), bias=False)
        ]
        for before, after in ((4 * w, 2 * w), (2 * w, w)):
            layers += [GhostBatchNorm(before), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
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
                    0 if condition_composition == "none" else condition,
                    by_z_order=condition_composition == "z_order",
                ),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        features, head = self.features(self.to_w(noise, condition), condition), self.layers[-1]
        palette = isinstance(head, PaletteHead)
        images: torch.Tensor = head(features, condition) if palette else head(features)
        return images[:, :, : self.side, : self.side]

    def to_w(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """By the mapping, if there is one."""
        mapped: torch.Tensor = self.mapping(noise, condition) if self.mapping else noise
        return mapped

    def features(self, w: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """What the last layer draws from."""
        if self.embed is not None and condition is not None:
            w = torch.cat([w, self.embed(normalize_condition(condition))], dim=1)
        features: torch.Tensor = self.layers[:-1](w[:, :, None, None])
        return features


def normalize_condition(condition: torch.Tensor) -> torch.Tensor:
    """A condition (N, size), divided by the root of what it asks for: of as many labels as may
    be, its numbers are about as large.
    """
    return condition / condition.sum(dim=1, keepdim=True).clamp(min=1).sqrt()


class Discriminator(nn.Module):
    """RGBA and code in [-1, 1], float32 (N, 4 + code, 24, 24), to logits (N,): higher looks more
    real.

    Args:
        normalize: batch normalization as in the original. It makes the judgment of one image
            depend on the others, so gradient penalties want it off.
        asked: size of the condition that images are judged by, too, see `conditions`; by
            projection (Miyato and Koyama, "cGANs with Projection Discriminator", 2018). 0 for none.
    """

    def __init__(
        self,
        width: int = 64,
        *,
        normalize: bool = False,
        color_embedding_dim: int = 0,
        condition: int = 0,
        channels: int = 4,
        side: int = 24,
    ) -> None:
        super().__init__()
        w, last = width, initial_map_size(side)
        self.pad = 8 * last - side
        layers: list[nn.Module] = [
            nn.Conv2d(channels + color_embedding_dim, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for before, after in ((w, 2 * w), (2 * w, 4 * w)):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=not normalize))
            if normalize:
                layers.append(GhostBatchNorm(after))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(4 * w, 1, last))
        self.layers = nn.Sequential(*layers)
        self.project = nn.Linear(condition, 4 * w * last**2, bias=False) if condition else None

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        if self.pad:
            images = F.pad(images, (0, self.pad, 0, self.pad), value=-1.0)
        seen = self.layers[:-1](images)
        logits: torch.Tensor = self.layers[-1](seen).flatten()
        if self.project is not None and condition is not None:
            wanted = self.project(normalize_condition(condition))
            logits = logits + (wanted * seen.flatten(1)).sum(dim=1) / wanted.shape[1] ** 0.5
        return logits.float()


def initialize(network: nn.Module) -> None:
    """Radford's start: weights of N(0, 0.02), of batch normalization N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)


def augment(
    images: torch.Tensor, random: RandomStream, *, translate_px: int = 2, cutout_px: int = 6
) -> torch.Tensor:
    """Move each image (N, 4 + code, 24, 24) by up to `shift` pixels and cut a square hole into it.

    What comes in is transparent.

    Real and drawn images are treated alike, so that the discriminator cannot learn the 8,000 real
    ones by heart (Zhao and others, "Differentiable Augmentation", 2020). Colors and sides stay:
    both tell a punk's labels, and a generator would learn the changed ones.
    """
    if not translate_px and not cutout_px:
        return images
    n, _, size, _ = images.shape
    device = images.device
    place = torch.arange(size, device=device)
    ink = images + 1  # transparent is 0
    by = random.integers(-translate_px, translate_px + 1, n, 2, 1, 1).transpose(0, 1)
    # Products with 0 and 1 are exact, and cheaper to differentiate than indexing.
    down, right = ((place[:, None] + by == place).to(images.dtype)[:, :, None]).unbind(0)
    moved = down @ ink @ right.mT
    at = random.integers(1 - cutout_px, size, n, 2, 1).transpose(0, 1)
    rows, columns = ((place >= at) & (place < at + cutout_px)).unbind(0)
    kept = ~(rows[:, :, None] & columns[:, None])
    return moved * kept[:, None] - 1


def reestimate_normalization(
    model: Generator, seed: int, batch_size: int, condition: torch.Tensor | None = None
) -> None:
    """Set the means and variances of batch normalization anew, by batches of drawn noise.

    An averaged generator has weights that no batch was normalized with, so those that training
    kept do not fit it. Leaves it in evaluation mode.

    Args:
        asked: conditions (M, size) to draw to, taken as they come and from the start again.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    device = next(model.parameters()).device
    random = torch.Generator(device).manual_seed(seed)
    model.train()
    with torch.no_grad():
        for batch in range(BATCHES):
            noise = torch.randn(batch_size, model.noise_dim, generator=random, device=device)
            some = None
            if condition is not None:
                rows = torch.arange(batch * batch_size, (batch + 1) * batch_size) % len(condition)
                some = condition[rows.to(device)]
            model(noise, some)
    model.eval()

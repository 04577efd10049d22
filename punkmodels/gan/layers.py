"""Building blocks of the networks: MLPs, ghost batch normalization, and condition inputs."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def build_mlp(in_dim: int, out_dim: int, width: int = 384) -> nn.Sequential:
    """Return an MLP with three hidden layers of `width` units and SiLU activations."""
    layers: list[nn.Module] = []
    for dim in (in_dim, width, width):
        layers += [nn.Linear(dim, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, out_dim))


def concat_condition(latent: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    """Concatenate a latent (N, a) and a condition (N, b) to (N, a + b); None adds nothing."""
    return latent if condition is None else torch.cat([latent, condition], dim=1)


class GhostBatchNorm(nn.BatchNorm2d):
    """Batch normalization over `groups` equal parts of a batch, each normalized separately.

    See Hoffer, Hubara and Soudry, "Train longer, generalize better" (2017). A batch that is
    sharded over several processes is thus normalized in the same way as in a single process. With
    more than one group, training keeps no running statistics.
    """

    groups = 1
    """Number of parts; with 1, this is ordinary batch normalization."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or self.groups == 1:
            return super().forward(features)
        n, channels, height, width = features.shape
        k = self.groups
        grouped = features.view(k, n // k, channels, height, width).transpose(0, 1)
        normalized = F.batch_norm(
            grouped.reshape(n // k, k * channels, height, width),
            None,
            None,
            self.weight.repeat(k),
            self.bias.repeat(k),
            training=True,
            eps=self.eps,
        )
        ungrouped = normalized.view(n // k, k, channels, height, width).transpose(0, 1)
        return ungrouped.reshape_as(features)


def normalize_condition(condition: torch.Tensor) -> torch.Tensor:
    """Divide conditions (N, dim) by the square root of their number of active entries.

    The norm of a condition thus does not depend on its number of labels.
    """
    return condition / condition.sum(dim=1, keepdim=True).clamp(min=1).sqrt()


def initialize(network: nn.Module) -> None:
    """Initialize weights as in Radford et al. (2015).

    Convolution weights are sampled from N(0, 0.02), and normalization scales from N(1, 0.02).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)

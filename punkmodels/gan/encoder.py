"""VAE encoder that trains the generator to reconstruct real punks before it generates new ones.

A discriminator penalizes what looks wrong but hardly what is missing: trained with it alone, a
generator rarely produces glasses, beards and earrings. The encoder maps each real punk to a latent
w from which the generator must reconstruct it, so each kind of punk is trained as often as it
occurs (Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016). A
second, small encoder does the same for w, which trains the mapping network from noise to the
distribution of w (two-stage VAE; Dai and Wipf, "Diagnosing and Enhancing VAE Models", 2019).
Neither encoder is needed for generation.
"""

from __future__ import annotations

import torch
from torch import nn

from punkmodels.gan.config import DcganConfig
from punkmodels.gan.networks import (
    Generator,
    build_mlp,
    concat_condition,
    downsampling_layers,
)
from punkmodels.gan.palette_head import PaletteHead


class Encoder(nn.Module):
    """Maps punks in [-1, 1], (N, 4 + color_embedding_dim, 24, 24), to the distribution of w.

    Returns the mean and the log variance of w, each float32 (N, w_dim). The layers are those of a
    discriminator with batch normalization.
    """

    def __init__(self, config: DcganConfig) -> None:
        super().__init__()
        options = config.model
        width, w_dim = options.width, options.w_dim
        layers = downsampling_layers(4 + options.color_embedding_dim, width, normalize=True)
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 2 * w_dim, 3))
        self.to_z = build_mlp(w_dim + config.condition_dim, 384, 384, 384, 2 * options.z_dim)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return _split_moments(self.layers(images).flatten(1))


def encoder_loss(
    encoder: Encoder,
    generator: Generator,
    images: torch.Tensor,
    indices: torch.Tensor,
    random: torch.Generator,
    kl_weight: float = 1.0,
    condition: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the loss of encoder and generator: a scalar, in nats per image, up to a constant.

    The loss is the sum of two negative evidence lower bounds (Kingma and Welling, "Auto-Encoding
    Variational Bayes", 2014): of the images given w, and of w given z. Gradients of the second
    bound stop at w, so that w is determined by the images alone. `images` are the input of the
    encoder, and `indices` the same punks as palette indices, uint8 (N, 24, 24). With a `kl_weight`
    below 1, w carries more information about the image.
    """
    mapping, head = generator.mapping, generator.layers[-1]
    assert mapping is not None
    assert isinstance(head, PaletteHead)
    # First bound: reconstruct the images from w.
    mean, log_variance = encoder(images)
    w = _sample(mean, log_variance, random)
    reconstruction = head.pixel_nll(generator.features(w, condition), indices)
    loss = reconstruction + kl_weight * kl_divergence(mean, log_variance)
    # Second bound: reconstruct w from z by the mapping network.
    w = w.detach().float()
    z_mean, z_log_variance = _split_moments(encoder.to_z(concat_condition(w, condition)))
    w_mean = mapping.mean(_sample(z_mean, z_log_variance, random), condition).float()
    scaled_error = (w - w_mean) * (-mapping.log_std).exp()
    mapping_nll = (scaled_error.square() / 2 + mapping.log_std).sum(dim=1)
    nats: torch.Tensor = loss + mapping_nll + kl_divergence(z_mean, z_log_variance)
    return nats.mean()


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), (N,) in nats.

    See Kingma and Welling (2014), appendix B; the arguments are (N, dim).
    """
    per_dim: torch.Tensor = mean.square() + log_variance.exp() - 1 - log_variance
    return per_dim.sum(dim=1) / 2


def _split_moments(moments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, log_variance = moments.float().chunk(2, dim=1)
    return mean, log_variance.clamp(-12, 4)  # An untrained encoder may return any value.


def _sample(
    mean: torch.Tensor, log_variance: torch.Tensor, random: torch.Generator
) -> torch.Tensor:
    noise = torch.randn(mean.shape, generator=random, device=mean.device)
    return mean + noise * (log_variance / 2).exp()

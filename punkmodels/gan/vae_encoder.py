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

from punkmodels.gan.layers import GhostBatchNorm, build_mlp, concat_condition
from punkmodels.gan.networks import Generator
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.training.legacy_distributed import RandomStream


class Encoder(nn.Module):
    """Encoder from images to the distribution of w.

    Maps images in [-1, 1], float32 (N, 4 + color_embedding_dim, 24, 24), to the mean and the log
    variance of w, each float32 (N, w_dim). The layers are those of the discriminator.

    Args:
        width: Channels of the 12x12 feature map.
        color_embedding_dim: Dimension of the color embedding that follows RGBA.
        z_dim: The generator's `z_dim`, which the second encoder maps w to.
        w_dim: The generator's `w_dim`.
        condition_dim: Dimension of the condition; 0 for an unconditional generator.
    """

    def __init__(
        self, width: int, color_embedding_dim: int, z_dim: int, w_dim: int, condition_dim: int = 0
    ) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = [
            nn.Conv2d(4 + color_embedding_dim, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for in_channels, out_channels in ((w, 2 * w), (2 * w, 4 * w)):
            layers.append(nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=False))
            layers += [GhostBatchNorm(out_channels), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(4 * w, 2 * w_dim, 3))
        self.layers = nn.Sequential(*layers)
        self.to_z = build_mlp(w_dim + condition_dim, 2 * z_dim)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return _split_moments(self.layers(images).flatten(1))


def encoder_loss(
    encoder: Encoder,
    generator: Generator,
    images: torch.Tensor,
    indices: torch.Tensor,
    random: RandomStream,
    kl_weight: float = 1.0,
    condition: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the loss of encoder and generator: a scalar, in nats per image, up to a constant.

    The loss is the sum of two negative evidence lower bounds (Kingma and Welling, "Auto-Encoding
    Variational Bayes", 2014): of the images given w, and of w given z. Gradients of the second
    bound stop at w, so that w is determined by the images alone.

    Args:
        encoder: The encoder.
        generator: The generator, with a mapping network and a palette head.
        images: Input of the encoder, float32 (N, 4 + color_embedding_dim, 24, 24).
        indices: Target of the reconstruction, the same images as palette indices, uint8
            (N, 24, 24).
        random: Source of the latent samples.
        kl_weight: Weight of the KL divergence of w from N(0, 1); with a weight below 1, w carries
            more information about the image.
        condition: Condition of each image, float32 (N, condition_dim), or None.

    Raises:
        ValueError: The generator has no mapping network or no palette head.
    """
    mapping, head = generator.mapping, generator.layers[-1]
    if mapping is None or not isinstance(head, PaletteHead):
        raise ValueError("the generator needs a mapping network and a palette head")
    # First bound: reconstruct the images from w.
    mean, log_variance = encoder(images)
    w = _sample(mean, log_variance, random)
    reconstruction = head.pixel_nll(generator.features(w, condition), indices, condition)
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
    """Return the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), in nats.

    See Kingma and Welling (2014), appendix B.

    Args:
        mean: (N, dim).
        log_variance: (N, dim).

    Returns:
        (N,)
    """
    per_dim: torch.Tensor = mean.square() + log_variance.exp() - 1 - log_variance
    return per_dim.sum(dim=1) / 2


def _split_moments(moments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, log_variance = moments.float().chunk(2, dim=1)
    return mean, log_variance.clamp(-12, 4)  # An untrained encoder may return any value.


def _sample(mean: torch.Tensor, log_variance: torch.Tensor, random: RandomStream) -> torch.Tensor:
    return mean + random.normal(*mean.shape) * (log_variance / 2).exp()

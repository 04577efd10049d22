"""The encoder, by which a generator learns to redraw real punks before it invents any.

A discriminator tells a generator what looks wrong, but hardly what is missing: with it alone,
glasses, beards and earrings stay rare. An encoder finds for each real punk the w from which the
generator is to redraw it, so every kind of punk is asked for as often as it is (Larsen and
others, "Autoencoding beyond pixels using a learned similarity metric", 2016). A second, small one
does the same for w, and so teaches the mapping from noise where real punks lie (Dai and Wipf,
"Diagnosing and Enhancing VAE Models", 2019). Neither is needed for drawing.
"""

from __future__ import annotations

import torch
from torch import nn

from punkmodels.gan.networks import GhostBatchNorm, Generator, concat_condition, build_mlp
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.training.distributed import RandomStream


class Encoder(nn.Module):
    """RGBA and code in [-1, 1], float32 (N, 4 + code, 24, 24), to the means and the logarithms of
    the variances of w, each float32 (N, w_size). A discriminator's shape.

    Args:
        z_size: that of the generator.
        asked: size of the condition, see `conditions`; 0 for none.
    """

    def __init__(
        self, width: int, color_embedding_dim: int, z_dim: int, w_dim: int, condition: int = 0
    ) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = [
            nn.Conv2d(4 + color_embedding_dim, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for before, after in ((w, 2 * w), (2 * w, 4 * w)):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [GhostBatchNorm(after), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(4 * w, 2 * w_dim, 3))
        self.layers = nn.Sequential(*layers)
        self.to_z = build_mlp(w_dim + condition, 2 * z_dim)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return _halves(self.layers(images).flatten(1))


def encoder_loss(
    encoder: Encoder,
    generator: Generator,
    images: torch.Tensor,
    indices: torch.Tensor,
    random: RandomStream,
    kl_weight: float = 1.0,
    condition: torch.Tensor | None = None,
) -> torch.Tensor:
    """How badly images are redrawn, and w by the mapping: nats an image, a scalar, up to a
    constant.

    Two evidence lower bounds, negative (Kingma and Welling, "Auto-Encoding Variational Bayes",
    2014): of the images given w, and of w given z. The latter's gradients end at w, so that w is
    what images need.

    Args:
        images: float32 (N, 4 + code, 24, 24), what the encoder sees.
        indices: uint8 (N, 24, 24), the same as palette indices: what is to be redrawn.
        kl_weight: of what w tells of an image; less than 1 lets it tell more.
        asked: condition of each image (N, size).
    """
    mapping, head = generator.mapping, generator.layers[-1]
    if mapping is None or not isinstance(head, PaletteHead):
        raise ValueError("the generator needs a mapping and a palette head")
    mean, log_variance = encoder(images)
    w = _sample(mean, log_variance, random)
    redrawn = head.pixel_nll(generator.features(w, condition), indices, condition)
    loss = redrawn + kl_weight * divergence(mean, log_variance)
    w = w.detach().float()
    z_mean, z_log_variance = _halves(encoder.to_z(concat_condition(w, condition)))
    place = mapping.place(_sample(z_mean, z_log_variance, random), condition).float()
    missed = (w - place) * (-mapping.log_spread).exp()
    mapped = (missed.square() / 2 + mapping.log_spread).sum(dim=1)
    nats: torch.Tensor = loss + mapped + divergence(z_mean, z_log_variance)
    return nats.mean()


def divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """(N,): the Kullback-Leibler divergence of N(mean, variance), each (N, size), from N(0, 1), in
    nats (Kingma and Welling, 2014, appendix B).
    """
    of_numbers: torch.Tensor = mean.square() + log_variance.exp() - 1 - log_variance
    return of_numbers.sum(dim=1) / 2


def _halves(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, log_variance = numbers.float().chunk(2, dim=1)
    return mean, log_variance.clamp(-12, 4)  # before it is trained it may be anything


def _sample(mean: torch.Tensor, log_variance: torch.Tensor, random: RandomStream) -> torch.Tensor:
    return mean + random.normal(*mean.shape) * (log_variance / 2).exp()

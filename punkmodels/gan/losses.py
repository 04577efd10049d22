"""Losses of the GAN, augmentation, and the encoder of a VAE that trains the generator first.

The recipes `dcgan` and `mlp` use the non-saturating loss of Goodfellow et al., "Generative
Adversarial Nets" (2014), with one-sided label smoothing (Salimans et al., "Improved Techniques for
Training GANs", 2016). The recipes `adversarial` and `vae-gan` use the relativistic pairing loss
(Jolicoeur-Martineau, "The Relativistic Discriminator", 2018) with zero-centered gradient penalties
on real and on generated images, as combined by Huang et al., "The GAN is dead; long live the GAN!"
(2024).

A discriminator of convolutions penalizes what looks wrong but hardly what is missing: trained with
it alone, a generator rarely produces glasses, beards and earrings. The recipe `vae-gan` adds an
encoder that maps each real punk to a latent w from which the generator must reconstruct it, so each
kind of punk is trained as often as it occurs (Larsen et al., "Autoencoding beyond pixels using a
learned similarity metric", 2016). A second, small encoder does the same for w, which trains the
mapping network from noise to the distribution of w (two-stage VAE; Dai and Wipf, "Diagnosing and
Enhancing VAE Models", 2019). Neither encoder is needed for generation.
"""

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.gan.config import DcganConfig
from punkmodels.gan.networks import Generator, build_mlp, concat_condition, downsampling_layers
from punkmodels.gan.palette_head import PaletteHead

REAL_LABEL = 0.9  # one-sided label smoothing


def cross_entropy_discriminator_loss(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of logits (N,): 0.9 for real images, 0 for generated ones."""
    return F.binary_cross_entropy_with_logits(
        real, torch.full_like(real, REAL_LABEL)
    ) + F.binary_cross_entropy_with_logits(generated, torch.zeros_like(generated))


def cross_entropy_generator_loss(generated: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(generated, torch.ones_like(generated))


def relativistic_loss(winner: torch.Tensor, loser: torch.Tensor) -> torch.Tensor:
    """Return the mean of softplus(loser - winner) over pairs of logits (N,).

    For the discriminator the real images are the winners, for the generator the generated ones.
    """
    return F.softplus(loser - winner).mean()


def discriminate(
    discriminator: nn.Module, images: torch.Tensor, condition: torch.Tensor | None = None
) -> torch.Tensor:
    logits: torch.Tensor = discriminator(images, condition)
    return logits


def discriminate_with_gradients(
    discriminator: nn.Module, images: torch.Tensor, condition: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits (N,), and the squared norm of each one's gradient by its image, (N,).

    The mean over real images is the penalty R1, the mean over generated ones R2 (Mescheder et al.,
    "Which Training Methods for GANs do actually Converge?", 2018). torch.compile has no double
    backward, but it can compile torch.func.grad.
    """

    def total_logit(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = discriminate(discriminator, images, condition)
        return logits.sum(), logits

    gradients, logits = torch.func.grad(total_logit, has_aux=True)(images)
    return logits, gradients.square().sum(dim=(1, 2, 3))


def augment(
    images: torch.Tensor, random: torch.Generator, translate_px: int = 2, cutout_px: int = 6
) -> torch.Tensor:
    """Translate images at random, cut a square hole into each, and fill gaps with transparency.

    Real and generated images are augmented alike, so that the discriminator cannot memorize the
    8,000 real ones (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training",
    2020). Colors are not changed and images are not flipped: both determine labels, so the
    generator would learn the augmented punks. `images` are (N, C, size, size) in [-1, 1], where
    transparent pixels are -1 in all channels.
    """
    if not translate_px and not cutout_px:
        return images
    shifted = images + 1  # Transparent pixels become 0.
    if translate_px:
        shifted = _translate(shifted, random, translate_px)
    if cutout_px:
        shifted = _cut_out(shifted, random, cutout_px)
    return shifted - 1


def _translate(images: torch.Tensor, random: torch.Generator, max_px: int) -> torch.Tensor:
    n, size, device = len(images), images.shape[-1], images.device
    position = torch.arange(size, device=device)
    shape = (2, n, 1, 1)
    offsets = torch.randint(-max_px, max_px + 1, shape, generator=random, device=device)
    # Products with zeros and ones are exact, and cheaper to differentiate than indexing.
    down, right = ((position[:, None] + offsets == position).to(images.dtype)[:, :, None]).unbind(0)
    return down @ images @ right.mT


def _cut_out(images: torch.Tensor, random: torch.Generator, side_px: int) -> torch.Tensor:
    n, size, device = len(images), images.shape[-1], images.device
    position = torch.arange(size, device=device)
    corner = torch.randint(1 - side_px, size, (2, n, 1), generator=random, device=device)
    rows, columns = ((position >= corner) & (position < corner + side_px)).unbind(0)
    outside_hole = ~(rows[:, :, None] & columns[:, None])
    return images * outside_hole[:, None]


class Encoder(nn.Module):
    """Maps punks, as a discriminator sees them, to mean and log variance of w, (N, w_dim)."""

    def __init__(self, config: DcganConfig) -> None:
        super().__init__()
        options = config.model
        width, w_dim = options.width, options.w_dim
        layers = downsampling_layers(4 + options.color_embedding_dim, width, normalize=True)
        self.layers: nn.Sequential = nn.Sequential(*layers, nn.Conv2d(4 * width, 2 * w_dim, 3))
        self.to_z: nn.Sequential = build_mlp(
            w_dim + config.condition_dim, 384, 384, 384, 2 * options.z_dim
        )

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
    bound stop at w, so that w is determined by the images alone. `indices` are the palette indices
    of the images. With a `kl_weight` below 1, w carries more information about the image.
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
    """Return the KL divergence of N(mean, variance), (N, dim), from N(0, 1), (N,) in nats."""
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

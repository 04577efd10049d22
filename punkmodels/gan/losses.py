"""Adversarial losses, gradient penalties and augmentation, as pure functions.

The recipes `classic` and `mlp` use the non-saturating loss of Goodfellow et al., "Generative
Adversarial Nets" (2014), with one-sided label smoothing (Salimans et al., "Improved Techniques for
Training GANs", 2016). The recipe `modern` uses the relativistic pairing loss (Jolicoeur-Martineau,
"The Relativistic Discriminator", 2018) with zero-centered gradient penalties on real and on
generated images, as combined by Huang et al., "The GAN is dead; long live the GAN!" (2024).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

REAL_LABEL = 0.9
"""Target of the `classic` discriminator for real images; one-sided label smoothing."""


def classic_discriminator_loss(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of logits (N,): 0.9 for real images, 0 for generated ones."""
    return F.binary_cross_entropy_with_logits(
        real, torch.full_like(real, REAL_LABEL)
    ) + F.binary_cross_entropy_with_logits(generated, torch.zeros_like(generated))


def classic_generator_loss(generated: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the logits (N,) of generated images against 1."""
    return F.binary_cross_entropy_with_logits(generated, torch.ones_like(generated))


def relativistic_loss(winner: torch.Tensor, loser: torch.Tensor) -> torch.Tensor:
    """Return the mean of softplus(loser - winner) over pairs of logits (N,).

    For the discriminator the real images are the winners, for the generator the generated ones.
    """
    return F.softplus(loser - winner).mean()


def discriminate(
    discriminator: nn.Module, images: torch.Tensor, condition: torch.Tensor | None = None
) -> torch.Tensor:
    """Return logits (N,)."""
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
    n, _, size, _ = images.shape
    device = images.device
    position = torch.arange(size, device=device)
    shifted = images + 1  # Transparent pixels become 0.
    shape = (2, n, 1, 1)
    offsets = torch.randint(-translate_px, translate_px + 1, shape, generator=random, device=device)
    # Products with zeros and ones are exact, and cheaper to differentiate than indexing.
    down, right = ((position[:, None] + offsets == position).to(images.dtype)[:, :, None]).unbind(0)
    translated = down @ shifted @ right.mT
    corner = torch.randint(1 - cutout_px, size, (2, n, 1), generator=random, device=device)
    rows, columns = ((position >= corner) & (position < corner + cutout_px)).unbind(0)
    outside_hole = ~(rows[:, :, None] & columns[:, None])
    return translated * outside_hole[:, None] - 1

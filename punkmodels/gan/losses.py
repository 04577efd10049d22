"""The adversarial mathematics: pure functions of logits and images.

Two recipes. `classic` is the loss of Goodfellow and others, "Generative Adversarial Nets" (2014),
in the non-saturating form with one-sided label smoothing (Salimans and others, 2016). `modern` is
the relativistic pairing loss (Jolicoeur-Martineau, 2018) with zero-centered gradient penalties on
real and on drawn images, as Huang and others put them together in "The GAN is dead; long live the
GAN!" (2024).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

REAL_LABEL = 0.9
"""what `classic` asks of the discriminator for real images, instead of 1"""


def classic_discriminator_loss(real: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits (N,): real ones against 0.9, drawn ones against 0."""
    return F.binary_cross_entropy_with_logits(
        real, torch.full_like(real, REAL_LABEL)
    ) + F.binary_cross_entropy_with_logits(drawn, torch.zeros_like(drawn))


def classic_generator_loss(drawn: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits (N,) of drawn images against 1."""
    return F.binary_cross_entropy_with_logits(drawn, torch.ones_like(drawn))


def relativistic_loss(winner: torch.Tensor, loser: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(loser − winner) over pairs of logits (N,).

    The discriminator wants real images to win against drawn ones, the generator the reverse.
    """
    return F.softplus(loser - winner).mean()


def squared_gradients(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """(N,): the squared length of each logit's gradient by the pixels of its image.

    Their mean over real images is R1, over drawn ones R2 (Mescheder and others, 2018). They can
    be differentiated again.

    Args:
        logits: (N,), made of `images` so that each depends on its own image only.
        images: (N, C, H, W), which require gradients.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum(dim=(1, 2, 3))


def discriminate_with_gradients(
    discriminate: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of images, and what `squared_gradients` gives, in a form that can be compiled:
    torch.compile cannot differentiate twice, and torch.func.grad inside of it need not.

    Args:
        judge: images (N, C, H, W) to logits (N,).

    Returns:
        Logits (N,) and float32 (N,).
    """

    def total(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = discriminate(images)
        return logits.sum(), logits

    gradients, logits = torch.func.grad(total, has_aux=True)(images)
    return logits, gradients.square().sum(dim=(1, 2, 3))

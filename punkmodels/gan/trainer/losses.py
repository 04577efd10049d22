"""Adversarial losses and gradient penalties, as pure functions of logits and images.

`punkmodels.gan.trainer.objective` applies them to the networks of a training.

There are two recipes. `classic` is the non-saturating loss of Goodfellow et al., "Generative
Adversarial Nets" (2014), with one-sided label smoothing (Salimans et al., "Improved Techniques for
Training GANs", 2016). `modern` is the relativistic pairing loss (Jolicoeur-Martineau, "The
Relativistic Discriminator", 2018) with zero-centered gradient penalties on real and on generated
images, as combined by Huang et al., "The GAN is dead; long live the GAN!" (2024).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
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


def squared_gradients(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return the squared norm (N,) of each logit's gradient with respect to its image.

    The mean over real images is the penalty R1, the mean over generated ones R2 (Mescheder et
    al., "Which Training Methods for GANs do actually Converge?", 2018). The result can be
    differentiated again.

    Args:
        logits: (N,), computed from `images` so that each depends on its own image only.
        images: (N, C, H, W), which require gradients.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum(dim=(1, 2, 3))


def discriminate_with_gradients(
    discriminate: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and `squared_gradients`, in a form that torch.compile supports.

    torch.compile has no double backward, but it can compile torch.func.grad.

    Args:
        discriminate: Maps images (N, C, H, W) to logits (N,).
        images: (N, C, H, W).

    Returns:
        Logits (N,) and squared gradient norms (N,), both float32.
    """

    def total_logit(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = discriminate(images)
        return logits.sum(), logits

    gradients, logits = torch.func.grad(total_logit, has_aux=True)(images)
    return logits, gradients.square().sum(dim=(1, 2, 3))

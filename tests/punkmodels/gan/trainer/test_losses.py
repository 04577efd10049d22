from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from punkmodels.gan.networks import Discriminator
from punkmodels.gan.trainer.losses import (
    REAL_LABEL,
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate_with_gradients,
    relativistic_loss,
    squared_gradients,
)


def test_classic_losses_are_cross_entropies() -> None:
    real, generated = torch.tensor([0.3, 2.0]), torch.tensor([-1.0, 0.5])

    def log_p(logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid().log()

    real_loss = -(REAL_LABEL * log_p(real) + (1 - REAL_LABEL) * log_p(-real)).mean()
    fake_loss = -log_p(-generated).mean()
    assert torch.allclose(classic_discriminator_loss(real, generated), real_loss + fake_loss)
    assert torch.allclose(classic_generator_loss(generated), -log_p(generated).mean())


def test_relativistic_loss_depends_on_differences_only() -> None:
    winner, loser = torch.tensor([1.0, 4.0]), torch.tensor([0.5, 6.0])
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(2.0))) / 2
    assert math.isclose(relativistic_loss(winner, loser).item(), expected, rel_tol=1e-6)
    shifted = relativistic_loss(winner + 7, loser + 7)
    assert torch.allclose(shifted, relativistic_loss(winner, loser))


def test_squared_gradients_are_per_image_and_differentiable() -> None:
    images = torch.randn(3, 4, 5, 5, requires_grad=True)
    weight = nn.Parameter(torch.randn(4, 5, 5))
    logits = (images * weight).sum(dim=(1, 2, 3)) * torch.tensor([1.0, 2.0, 3.0])
    squares = squared_gradients(logits, images)
    squared_norm = weight.detach().square().sum()
    assert torch.allclose(squares, squared_norm * torch.tensor([1.0, 4.0, 9.0]))
    squares.sum().backward()
    assert torch.allclose(weight.grad, 2 * 14 * weight.detach())


@pytest.mark.parametrize("backend", [None, "aot_eager"])
def test_compilable_penalties_have_the_same_gradients(backend: str | None) -> None:
    """Some versions of torch silently lost the gradients of a compiled penalty."""
    torch.manual_seed(0)
    discriminator = Discriminator(4)
    images = torch.randn(6, 4, 24, 24)

    def penalized(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return discriminate_with_gradients(discriminator, images)

    def gradients(loss: torch.Tensor) -> list[torch.Tensor]:
        grads = torch.autograd.grad(loss, list(discriminator.parameters()), allow_unused=True)
        return [g for g in grads if g is not None]

    logits = discriminator(images.requires_grad_())
    expected = gradients(squared_gradients(logits, images).sum() + logits.sum())
    function = torch.compile(penalized, backend=backend) if backend else penalized
    actual_logits, squares = function(images.detach())
    assert torch.allclose(actual_logits, logits, atol=1e-6)
    actual = gradients(squares.sum() + actual_logits.sum())
    for one, other in zip(actual, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)

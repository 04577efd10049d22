from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from punkmodels.gan.losses import (
    REAL_LABEL,
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate_with_gradients,
    relativistic_loss,
    squared_gradients,
)
from punkmodels.gan.networks import Discriminator


def test_classic_losses_are_cross_entropies() -> None:
    real, drawn = torch.tensor([0.3, 2.0]), torch.tensor([-1.0, 0.5])

    def log(p: torch.Tensor) -> torch.Tensor:
        return p.sigmoid().log()

    of_real = -(REAL_LABEL * log(real) + (1 - REAL_LABEL) * log(-real)).mean()
    of_drawn = -log(-drawn).mean()
    assert torch.allclose(classic_discriminator_loss(real, drawn), of_real + of_drawn)
    assert torch.allclose(classic_generator_loss(drawn), -log(drawn).mean())


def test_relativistic_loss_looks_at_differences_only() -> None:
    winner, loser = torch.tensor([1.0, 4.0]), torch.tensor([0.5, 6.0])
    wanted = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(2.0))) / 2
    assert math.isclose(relativistic_loss(winner, loser).item(), wanted, rel_tol=1e-6)
    assert torch.allclose(
        relativistic_loss(winner + 7, loser + 7), relativistic_loss(winner, loser)
    )


def test_squared_gradients_are_those_of_each_image_and_can_be_differentiated() -> None:
    images = torch.randn(3, 4, 5, 5, requires_grad=True)
    weight = nn.Parameter(torch.randn(4, 5, 5))
    logits = (images * weight).sum(dim=(1, 2, 3)) * torch.tensor([1.0, 2.0, 3.0])
    found = squared_gradients(logits, images)
    length = weight.detach().square().sum()
    assert torch.allclose(found, length * torch.tensor([1.0, 4.0, 9.0]))
    found.sum().backward()
    assert torch.allclose(weight.grad, 2 * 14 * weight.detach())


@pytest.mark.parametrize("backend", [None, "aot_eager"])
def test_penalties_that_can_be_compiled_are_the_same(backend: str | None) -> None:
    """Their gradients by the weights, too: older torches lost these without a word."""
    torch.manual_seed(0)
    discriminate = Discriminator(4)
    images = torch.randn(6, 4, 24, 24)

    def torch_compile(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return discriminate_with_gradients(discriminate, images)

    def gradients(loss: torch.Tensor) -> list[torch.Tensor]:
        found = torch.autograd.grad(loss, list(discriminate.parameters()), allow_unused=True)
        return [g for g in found if g is not None]

    logits = discriminate(images.requires_grad_())
    expected = gradients(squared_gradients(logits, images).sum() + logits.sum())
    form = torch.compile(torch_compile, backend=backend) if backend else torch_compile
    found_logits, squares = form(images.detach())
    assert torch.allclose(found_logits, logits, atol=1e-6)
    for one, other in zip(gradients(squares.sum() + found_logits.sum()), expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)

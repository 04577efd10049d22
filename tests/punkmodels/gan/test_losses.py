from __future__ import annotations

import math

import pytest
import torch
from support.gan import small_config
from torch import nn

from punkmodels.data.palette import color_table, to_rgba
from punkmodels.gan.losses import (
    REAL_LABEL,
    augment,
    classic_discriminator_loss,
    classic_generator_loss,
    discriminate_with_gradients,
    relativistic_loss,
)
from punkmodels.gan.networks import Discriminator
from punkmodels.gan.step import compile_function


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


def test_gradients_are_per_image_and_differentiable() -> None:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 5, 5))

        def forward(self, images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
            return (images * self.weight).sum(dim=(1, 2, 3)) * factors

    network, factors = Linear(), torch.tensor([1.0, 2.0, 3.0])
    images = torch.randn(3, 4, 5, 5)
    logits, squares = discriminate_with_gradients(network, images, factors)
    assert torch.allclose(logits, network(images, factors))
    squared_norm = network.weight.detach().square().sum()
    assert torch.allclose(squares, squared_norm * factors.square())
    squares.sum().backward()
    assert torch.allclose(network.weight.grad, 2 * 14 * network.weight.detach())


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch reads it while compiling
def test_compiled_penalties_have_the_same_gradients() -> None:
    """Some versions of torch silently lost the gradients of a compiled penalty."""
    discriminator = Discriminator(small_config(conditional="type"))
    images, condition = torch.randn(6, 12, 24, 24), torch.eye(5).repeat(2, 1)[:6]
    results = []
    for function in (
        discriminate_with_gradients,
        compile_function(discriminate_with_gradients, "aot_eager"),
    ):
        logits, squares = function(discriminator, images, condition)
        discriminator.zero_grad()
        (logits.sum() + squares.sum()).backward()
        results.append([logits, squares, *(p.grad for p in discriminator.parameters())])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_translation_moves_whole_pixels_and_fills_with_transparent() -> None:
    indices = torch.randint(0, 9, (40, 24, 24)).to(torch.uint8)
    images = to_rgba(indices, color_table())
    translated = augment(images, torch.Generator(), translate_px=2, cutout_px=0)
    offsets = set()
    padded = nn.functional.pad(images, (2, 2, 2, 2), value=-1)
    for image, source in zip(translated, padded, strict=True):
        matches = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.allclose(image, source[:, y : y + 24, x : x + 24], atol=1e-6)
        ]
        assert len(matches) == 1
        offsets.add(matches[0])
    assert len(offsets) > 12


def test_cutout_is_one_square_in_all_channels() -> None:
    images = torch.ones(60, 4, 24, 24)
    cut = augment(images, torch.Generator(), translate_px=0, cutout_px=6)
    num_missing = (cut[:, 0] == -1).flatten(1).sum(dim=1)
    assert (cut == -1).eq((cut == -1)[:, :1]).all()
    assert num_missing.max() == 36
    assert num_missing.min() >= 1


def test_no_augmentation_returns_the_images() -> None:
    images = torch.rand(3, 4, 24, 24)
    assert torch.equal(augment(images, torch.Generator(), translate_px=0, cutout_px=0), images)

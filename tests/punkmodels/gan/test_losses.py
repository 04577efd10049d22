from __future__ import annotations

import math

import pytest
import torch
from support.gan import small_config
from torch import nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl_divergence

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.losses import (
    REAL_LABEL,
    Encoder,
    augment,
    cross_entropy_discriminator_loss,
    cross_entropy_generator_loss,
    discriminate_with_gradients,
    encoder_loss,
    kl_divergence,
    relativistic_loss,
)
from punkmodels.gan.networks import Discriminator, Generator
from punkmodels.gan.step import compile_function


def test_classic_losses_are_cross_entropies() -> None:
    real, generated = torch.tensor([0.3, 2.0]), torch.tensor([-1.0, 0.5])

    def log_p(logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid().log()

    real_loss = -(REAL_LABEL * log_p(real) + (1 - REAL_LABEL) * log_p(-real)).mean()
    fake_loss = -log_p(-generated).mean()
    assert torch.allclose(cross_entropy_discriminator_loss(real, generated), real_loss + fake_loss)
    assert torch.allclose(cross_entropy_generator_loss(generated), -log_p(generated).mean())


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


@pytest.fixture
def indices() -> torch.Tensor:
    """Two different sprites, eight times each."""
    random = torch.Generator().manual_seed(0)
    sprites = torch.randint(0, 9, (2, 24, 24), generator=random)
    return sprites.repeat(8, 1, 1).to(torch.uint8)


@pytest.fixture
def images(indices: torch.Tensor) -> torch.Tensor:
    return to_rgba(indices, color_table(color_embedding_dim=8))


@pytest.fixture
def networks(indices: torch.Tensor) -> tuple[Encoder, Generator]:
    torch.manual_seed(0)
    config = small_config()
    return Encoder(config), Generator(config, counts=color_counts(indices))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_kl_divergence_equals_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 7, 3)
    normal = Normal(mean, (log_variance / 2).exp())
    expected = torch_kl_divergence(normal, Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(kl_divergence(mean, log_variance), expected, atol=1e-5)


def test_variance_is_finite_for_extreme_images(networks: tuple[Encoder, Generator]) -> None:
    mean, log_variance = networks[0](torch.full((2, 12, 24, 24), 1e6))
    assert mean.shape == log_variance.shape == (2, 6)
    assert log_variance.exp().isfinite().all()


def test_training_reconstructs_images_and_fits_the_mapping(
    indices: torch.Tensor, images: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    encoder, generator = networks
    optimizer = torch.optim.Adam([*encoder.parameters(), *generator.parameters()], 5e-3)
    random, losses = seeded(), []
    for _ in range(300):
        loss = encoder_loss(encoder, generator, images, indices, random, 0.01)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    head = generator.layers[-1]
    w, _ = encoder(images)
    # An untrained head has about 0.7 nats for each of the 576 pixels.
    assert head.pixel_nll(generator.features(w), indices).mean() < 20
    assert generator.mapping
    with torch.inference_mode():
        mapped, gaussian = (
            torch.cdist(points, w).amin(dim=1).median()
            for points in (generator.mapping(torch.randn(300, 14)), torch.randn(300, 6))
        )
    assert mapped < gaussian / 2, "mapped noise is closer to w of real images"


def test_mapping_loss_has_no_gradient_for_the_encoder(
    indices: torch.Tensor, images: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    encoder, generator = networks

    def gradient() -> torch.Tensor:
        encoder_loss(encoder, generator, images, indices, seeded()).backward()
        weight = encoder.layers[0].weight
        grad, weight.grad = weight.grad, None
        return grad

    before = gradient()
    assert generator.mapping
    with torch.no_grad():
        generator.mapping.log_std.fill_(-1)
    assert torch.allclose(gradient(), before, rtol=1e-4, atol=1e-6)


def test_kl_weight_scales_the_divergence_of_w(
    indices: torch.Tensor, images: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    without, full = (
        encoder_loss(*networks, images, indices, seeded(), weight) for weight in (0.0, 1.0)
    )
    expected = kl_divergence(*networks[0](images)).mean()
    assert (full - without).item() == pytest.approx(expected.item(), rel=1e-3)

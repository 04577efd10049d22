from __future__ import annotations

import pytest
import torch
from support.gan import small_config
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl_divergence

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.losses import Encoder, encoder_loss, kl_divergence
from punkmodels.gan.networks import Generator


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

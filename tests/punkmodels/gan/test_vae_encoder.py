from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.networks import Generator
from punkmodels.gan.vae_encoder import Encoder, divergence, encoder_loss
from punkmodels.training.distributed import RandomStream


@pytest.fixture
def indices() -> torch.Tensor:
    """Two kinds of sprites."""
    random = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 9, (2, 24, 24), generator=random)
    return kinds.repeat(8, 1, 1).to(torch.uint8)


@pytest.fixture
def networks(indices: torch.Tensor) -> tuple[Encoder, Generator]:
    torch.manual_seed(0)
    return Encoder(4, 3, 6, 5), Generator(6, 4, color_counts(indices), 3, 3, w_dim=5)


def test_the_divergence_is_that_of_normal_distributions() -> None:
    mean, log_variance = torch.randn(2, 7, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(divergence(mean, log_variance), expected, atol=1e-5)


def test_what_is_said_of_w_stays_finite(networks: tuple[Encoder, Generator]) -> None:
    mean, log_variance = networks[0](torch.full((2, 7, 24, 24), 1e6))
    assert mean.shape == log_variance.shape == (2, 5)
    assert log_variance.exp().isfinite().all()


def test_it_teaches_to_redraw_and_to_map(
    indices: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    encoder, generator = networks
    images = to_rgba(indices, color_table(color_embedding_dim=3))
    learners = [*encoder.parameters(), *generator.parameters()]
    optimizer = torch.optim.Adam(learners, 5e-3)
    random = RandomStream(torch.Generator().manual_seed(0))
    losses = []
    for _ in range(300):
        loss = encoder_loss(encoder, generator, images, indices, random, 0.01)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    head = generator.layers[-1]
    w, _ = encoder(images)
    assert (
        head.pixel_nll(generator.features(w), indices).mean() < 20
    )  # of 576 pixels, each 0.7 at first
    assert generator.mapping
    with torch.inference_mode():
        mapped, unmapped = (
            torch.cdist(points, w).amin(dim=1).median()
            for points in (generator.mapping(torch.randn(300, 11)), torch.randn(300, 5))
        )
    assert mapped < unmapped / 2, "w lies where training needs it, and noise does not"


def test_the_mapping_does_not_change_what_w_is(
    indices: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    """Its loss has no gradient for the encoder of images, nor for the layers that draw."""
    encoder, generator = networks
    images = to_rgba(indices, color_table(color_embedding_dim=3))

    def gradient() -> torch.Tensor:
        random = RandomStream(torch.Generator().manual_seed(0))
        encoder_loss(encoder, generator, images, indices, random).backward()
        weight = encoder.layers[0].weight
        found, weight.grad = weight.grad, None
        return found

    before = gradient()
    assert generator.mapping
    with torch.no_grad():
        generator.mapping.log_spread.fill_(-1)
    assert torch.equal(gradient(), before)


def test_less_weight_on_what_w_tells_costs_less(
    indices: torch.Tensor, networks: tuple[Encoder, Generator]
) -> None:
    images = to_rgba(indices, color_table(color_embedding_dim=3))
    free, paid = (
        encoder_loss(
            *networks, images, indices, RandomStream(torch.Generator().manual_seed(0)), weight
        )
        for weight in (0.0, 1.0)
    )
    told = divergence(*networks[0](images)).mean()
    assert (paid - free).item() == pytest.approx(told.item(), rel=1e-3)


def test_only_a_mapped_palette_can_be_taught(indices: torch.Tensor) -> None:
    encoder, generator = Encoder(4, 0, 6, 5), Generator(6, 4)
    images = to_rgba(indices, color_table())
    with pytest.raises(ValueError, match="mapping"):
        encoder_loss(encoder, generator, images, indices, RandomStream(torch.Generator()))

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.layers import initialize, normalize_condition
from punkmodels.gan.networks import Discriminator, Generator, Mapping, reestimate_normalization


@pytest.fixture
def indices() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 9, (40, 24, 24), generator=generator).to(torch.uint8)


def test_both_heads_return_rgba_that_the_discriminator_accepts(indices: torch.Tensor) -> None:
    z = torch.randn(5, 16)
    for counts in (None, color_counts(indices)):
        images = Generator(16, 4, counts, head_channels=3)(z)
        assert images.shape == (5, 4, 24, 24)
        assert images.abs().max() <= 1
        for normalize in (True, False):
            assert Discriminator(4, normalize=normalize)(images).shape == (5,)


def test_layers_have_the_sizes_of_radford_et_al() -> None:
    layers = [m for m in Generator().layers if isinstance(m, nn.ConvTranspose2d)]
    assert [m.kernel_size[0] for m in layers] == [3, 4, 4, 4]
    assert [m.out_channels for m in layers] == [256, 128, 64, 4]
    layers = [m for m in Discriminator().layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in layers] == [64, 128, 256, 1]


def test_discriminator_without_normalization_sees_each_image_alone(indices: torch.Tensor) -> None:
    images = to_rgba(indices, color_table())
    network = Discriminator(4)
    assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-5)
    network = Discriminator(4, normalize=True)
    assert not torch.allclose(network(images)[:1], network(images[:2])[:1], atol=1e-5)


def test_mapping_scales_the_residual_noise_by_its_std(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, w_dim=5)
    assert model.noise_dim == 21
    noise = torch.randn(50, 21)
    noise[:, :16] = noise[:1, :16]
    assert model.mapping
    with torch.no_grad():
        model.mapping.log_std.fill_(-3)
        w = model.mapping(noise)
    expected = (noise[:, 16:] - noise[:1, 16:]) * math.exp(-3)
    assert torch.allclose(w - w[:1], expected, atol=1e-5)
    assert model(noise).shape == (50, 4, 24, 24)


def test_reestimated_normalization_fits_the_current_weights() -> None:
    model = Generator(16, 4)
    initialize(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    z = torch.randn(500, 16)
    before = model.eval()(z)
    reestimate_normalization(model, seed=0, batch_size=100, num_batches=20)
    after = model(z)
    assert not model.training
    with torch.no_grad():
        expected = model.train()(z)
    assert (after - expected).abs().mean() < 0.2 * (before - expected).abs().mean()


def test_condition_reaches_mapping_embedding_and_head(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, w_dim=5, condition_dim=7)
    model.eval()
    noise, condition = torch.randn(6, model.noise_dim), torch.eye(7)[:6]
    assert isinstance(model.mapping, Mapping)
    assert model.embed
    head = model.layers[-1]
    nn.init.normal_(head.condition_weight)
    model(noise, condition).square().sum().backward()
    for parameter in (model.mapping.layers[0].weight, model.embed.weight, head.condition_weight):
        assert parameter.grad.abs().max() > 0
    assert head.condition_weight.grad[:, 6].abs().max() == 0, "the seventh entry is never set"


@pytest.mark.parametrize("w_dim", [0, 5])
def test_condition_changes_the_generated_image(indices: torch.Tensor, w_dim: int) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, w_dim=w_dim, condition_dim=7)
    model.eval()
    nn.init.normal_(model.layers[-1].condition_weight)
    noise = torch.randn(1, model.noise_dim)
    first, second = (model(noise, torch.eye(7)[[i]]) for i in (0, 1))
    assert not torch.equal(first, second)


def test_condition_changes_the_logit_of_a_conditional_discriminator_only() -> None:
    network = Discriminator(4, condition_dim=7)
    image = torch.randn(1, 4, 24, 24)
    first, second = (network(image, torch.eye(7)[[i]]) for i in (0, 1))
    assert first != second
    unconditional = Discriminator(4)
    assert torch.equal(unconditional(image), unconditional(image, torch.ones(1, 7)))


def test_normalized_conditions_have_length_1_or_0() -> None:
    condition = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert normalize_condition(condition).norm(dim=1).tolist() == [1, 1, 0]

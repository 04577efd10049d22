from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from punkmodels.data.palette import color_counts, color_table, to_rgba
from punkmodels.gan.networks import (
    Discriminator,
    Generator,
    Mapping,
    augment,
    initialize,
    normalize_condition,
    reestimate_normalization,
)
from punkmodels.training.distributed import RandomStream


@pytest.fixture
def indices() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 9, (40, 24, 24), generator=generator).to(torch.uint8)


def test_both_heads_draw_rgba_and_are_judged(indices: torch.Tensor) -> None:
    z = torch.randn(5, 16)
    for counts in (None, color_counts(indices)):
        drawn = Generator(16, 4, counts, head_channels=3)(z)
        assert drawn.shape == (5, 4, 24, 24)
        assert drawn.abs().max() <= 1
        for normalize in (True, False):
            assert Discriminator(4, normalize=normalize)(drawn).shape == (5,)


def test_the_shape_is_radfords() -> None:
    maps = [m for m in Generator().layers if isinstance(m, nn.ConvTranspose2d)]
    assert [m.kernel_size[0] for m in maps] == [3, 4, 4, 4]
    assert [m.out_channels for m in maps] == [256, 128, 64, 4]
    judged = [m for m in Discriminator().layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in judged] == [64, 128, 256, 1]


def test_without_normalization_an_image_is_judged_by_itself(indices: torch.Tensor) -> None:
    images = to_rgba(indices, color_table())
    network = Discriminator(4)
    assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-5)
    network = Discriminator(4, normalize=True)
    assert not torch.allclose(network(images)[:1], network(images[:2])[:1], atol=1e-5)


def test_mapped_noise_spreads_as_far_as_the_mapping_says(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, w_dim=5)
    assert model.noise_dim == 21
    noise = torch.randn(50, 21)
    noise[:, :16] = noise[:1, :16]
    assert model.mapping
    with torch.no_grad():
        model.mapping.log_spread.fill_(-3)
        w = model.mapping(noise)
    expected = (noise[:, 16:] - noise[:1, 16:]) * math.exp(-3)
    assert torch.allclose(w - w[:1], expected, atol=1e-5)
    assert model(noise).shape == (50, 4, 24, 24)


def test_augmenting_moves_by_whole_pixels_and_fills_with_transparent(
    indices: torch.Tensor,
) -> None:
    images = to_rgba(indices, color_table())
    random = RandomStream(torch.Generator().manual_seed(0))
    moved = augment(images, random, translate_px=2, cutout_px=0)
    steps = set()
    padded = nn.functional.pad(images, (2, 2, 2, 2), value=-1)
    for image, source in zip(moved, padded, strict=True):
        found = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.allclose(image, source[:, y : y + 24, x : x + 24], atol=1e-6)
        ]
        assert len(found) == 1
        steps.add(found[0])
    assert len(steps) > 12


def test_augmenting_cuts_one_square_hole_of_the_size_asked_for() -> None:
    images = torch.ones(60, 4, 24, 24)
    cut = augment(
        images, RandomStream(torch.Generator().manual_seed(0)), translate_px=0, cutout_px=6
    )
    missing = (cut[:, 0] == -1).flatten(1).sum(dim=1)
    assert (cut == -1).eq((cut == -1)[:, :1]).all()
    assert missing.max() == 36
    assert missing.min() >= 1
    assert torch.equal(
        augment(images, RandomStream(torch.Generator()), translate_px=0, cutout_px=0), images
    )


def test_normalization_is_estimated_from_what_the_weights_draw() -> None:
    model = Generator(16, 4)
    initialize(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    z = torch.randn(500, 16)
    before = model.eval()(z)
    reestimate_normalization(model, seed=0, batch_size=100)
    after = model(z)
    assert not model.training
    with torch.no_grad():
        wanted = model.train()(z)
    assert (after - wanted).abs().mean() < 0.2 * (before - wanted).abs().mean()


def test_what_is_asked_for_reaches_mapping_first_map_and_every_place(
    indices: torch.Tensor,
) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, w_dim=5, condition=7).eval()
    noise, condition = torch.randn(6, model.noise_dim), torch.eye(7)[:6]
    assert isinstance(model.mapping, Mapping)
    assert model.embed
    head = model.layers[-1]
    nn.init.normal_(head.condition_weight)
    model(noise, condition).square().sum().backward()
    for parameter in (model.mapping.layers[0].weight, model.embed.weight, head.condition_weight):
        assert parameter.grad.abs().max() > 0
    assert head.condition_weight.grad[:, 6].abs().max() == 0, "the seventh was not asked for"


@pytest.mark.parametrize("w_dim", [0, 5])
def test_what_is_asked_for_changes_what_is_drawn(indices: torch.Tensor, w_dim: int) -> None:
    model = Generator(
        16, 4, color_counts(indices), head_channels=3, w_dim=w_dim, condition=7
    ).eval()
    nn.init.normal_(model.layers[-1].condition_weight)
    noise = torch.randn(1, model.noise_dim)
    one, other = (model(noise, torch.eye(7)[[i]]) for i in (0, 1))
    assert not torch.equal(one, other)


def test_a_judge_is_told_what_was_asked_for() -> None:
    network = Discriminator(4, condition=7)
    image = torch.randn(1, 4, 24, 24)
    one, other = (network(image, torch.eye(7)[[i]]) for i in (0, 1))
    assert one != other
    plain = Discriminator(4)
    assert torch.equal(plain(image), plain(image, torch.ones(1, 7)))


def test_asking_for_more_makes_a_condition_no_larger() -> None:
    condition = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert normalize_condition(condition).norm(dim=1).tolist() == [1, 1, 0]

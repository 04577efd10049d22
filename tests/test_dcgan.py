from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from punkdata.palette import PALETTE
from punkmodels.dcgan import (
    Discriminator,
    Generator,
    augment,
    colour_counts,
    colour_table,
    initialise,
    reestimate_normalisation,
    snap,
    to_rgba,
)


@pytest.fixture
def indices() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 9, (40, 24, 24), generator=generator).to(torch.uint8)


def test_both_heads_draw_rgba_and_are_judged(indices: torch.Tensor) -> None:
    z = torch.randn(5, 16)
    for counts in (None, colour_counts(indices)):
        drawn = Generator(16, 4, counts, last=3)(z)
        assert drawn.shape == (5, 4, 24, 24)
        assert drawn.abs().max() <= 1
        for normalise in (True, False):
            assert Discriminator(4, normalise=normalise)(drawn).shape == (5,)


def test_the_shape_is_radfords() -> None:
    maps = [m for m in Generator().layers if isinstance(m, nn.ConvTranspose2d)]
    assert [m.kernel_size[0] for m in maps] == [3, 4, 4, 4]
    assert [m.out_channels for m in maps] == [256, 128, 64, 4]
    judged = [m for m in Discriminator().layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in judged] == [64, 128, 256, 1]


def test_without_normalisation_an_image_is_judged_by_itself(indices: torch.Tensor) -> None:
    images = to_rgba(indices, colour_table())
    network = Discriminator(4)
    assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-5)
    network = Discriminator(4, normalise=True)
    assert not torch.allclose(network(images)[:1], network(images[:2])[:1], atol=1e-5)


def test_the_palette_head_draws_what_training_knows_at_each_place(indices: torch.Tensor) -> None:
    model = Generator(16, 4, colour_counts(indices), last=3).eval()
    nn.init.normal_(model.layers[-1].weight, 0, 50)
    drawn, off = snap(model(torch.randn(50, 16)).detach())
    assert off.max() < 0.01
    known = colour_counts(indices) > 0
    places = torch.arange(576).expand(50, -1)
    assert known[places, drawn.flatten(1).long()].all()
    assert len(drawn.flatten(1).unique(dim=0)) > 25


def test_the_palette_head_passes_a_gradient_to_colours_not_chosen(indices: torch.Tensor) -> None:
    model = Generator(16, 4, colour_counts(indices), last=3)
    z = torch.randn(8, 16, requires_grad=True)
    model(z).square().sum().backward()
    head = model.layers[-1]
    assert z.grad.abs().max() > 0
    of_known = head.weight.grad.abs().amax(dim=1) > 0
    assert of_known[head.known].float().mean() > 0.9
    assert not of_known[~head.known].any()


def test_the_palette_head_is_surprised_by_what_it_finds_unlikely(indices: torch.Tensor) -> None:
    """In nats, against the softmax over all 222 colours."""
    model = Generator(16, 4, colour_counts(indices), last=3)
    head = model.layers[-1]
    nn.init.normal_(head.weight)
    features = model.features(torch.randn(40, 16))
    logits = torch.full((40, 576, len(PALETTE)), -torch.inf)
    known = torch.einsum("ncp,pcm->npm", features.flatten(2), head.weight) + head.bias[:, 0]
    logits.scatter_(2, head.colours.long().expand(40, -1, -1), known)
    logits[:, colour_counts(indices) == 0] = -torch.inf
    share = logits.softmax(dim=2).gather(2, indices.flatten(1).long()[:, :, None])
    expected = -share.log().sum(dim=(1, 2))
    assert torch.allclose(head.surprise(features, indices), expected, rtol=1e-4)


def test_a_place_of_one_colour_is_no_surprise() -> None:
    indices = torch.zeros(8, 24, 24, dtype=torch.uint8)
    indices[:4, 3, 3] = 5
    model = Generator(16, 4, colour_counts(indices), last=3)
    features = model.features(torch.randn(8, 16))
    assert model.layers[-1].surprise(features, indices).min() > 0
    model.layers[-1].surprise(features, indices).sum().backward()
    moved = model.layers[-1].weight.grad.flatten(1).abs().sum(dim=1) > 0
    assert moved.nonzero().flatten().tolist() == [3 * 24 + 3]


def test_mapped_noise_spreads_as_far_as_the_mapping_says(indices: torch.Tensor) -> None:
    model = Generator(16, 4, colour_counts(indices), last=3, w_size=5)
    assert model.noise_size == 21
    noise = torch.randn(50, 21)
    noise[:, :16] = noise[:1, :16]
    assert model.mapping
    with torch.no_grad():
        model.mapping.log_spread.fill_(-3)
        w = model.mapping(noise)
    expected = (noise[:, 16:] - noise[:1, 16:]) * math.exp(-3)
    assert torch.allclose(w - w[:1], expected, atol=1e-5)
    assert model(noise).shape == (50, 4, 24, 24)


def test_colours_are_counted_at_their_places(indices: torch.Tensor) -> None:
    counts = colour_counts(indices)
    assert counts.shape == (576, len(PALETTE))
    assert (counts.sum(dim=1) == 40).all()
    assert counts[25, 3] == (indices[:, 1, 1] == 3).sum()


def test_snapping_finds_the_nearest_colour_and_tells_how_far(indices: torch.Tensor) -> None:
    images = to_rgba(indices, colour_table())
    found, off = snap(images)
    assert torch.equal(found, indices)
    assert off.max() < 1e-3
    images[0, 2, 3, 4] += 5 / 127.5
    found, off = snap(images)
    assert torch.equal(found, indices)
    assert off[0, 3, 4].item() == pytest.approx(5, abs=1e-3)


def test_augmenting_moves_by_whole_pixels_and_fills_with_transparent(
    indices: torch.Tensor,
) -> None:
    images = to_rgba(indices, colour_table())
    generator = torch.Generator().manual_seed(0)
    moved = augment(images, generator, shift=2, hole=0)
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
    cut = augment(images, torch.Generator().manual_seed(0), shift=0, hole=6)
    missing = (cut[:, 0] == -1).flatten(1).sum(dim=1)
    assert (cut == -1).eq((cut == -1)[:, :1]).all()
    assert missing.max() == 36
    assert missing.min() >= 1
    assert torch.equal(augment(images, torch.Generator(), shift=0, hole=0), images)


def test_normalisation_is_estimated_from_what_the_weights_draw() -> None:
    model = Generator(16, 4)
    initialise(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    z = torch.randn(500, 16)
    before = model.eval()(z)
    reestimate_normalisation(model, seed=0, batch_size=100)
    after = model(z)
    assert not model.training
    with torch.no_grad():
        wanted = model.train()(z)
    assert (after - wanted).abs().mean() < 0.2 * (before - wanted).abs().mean()

from __future__ import annotations

import pytest
import torch
from torch import nn

from punkdata.images.palette import PALETTE
from punkmodels.data.palette import color_counts, color_table, quantize, to_rgba
from punkmodels.gan.networks import Generator


@pytest.fixture
def indices() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 9, (40, 24, 24), generator=generator).to(torch.uint8)


def test_the_palette_head_draws_what_training_knows_at_each_place(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3).eval()
    nn.init.normal_(model.layers[-1].weight, 0, 50)
    drawn, off = quantize(model(torch.randn(50, 16)).detach())
    assert off.max() < 0.01
    valid = color_counts(indices) > 0
    places = torch.arange(576).expand(50, -1)
    assert valid[places, drawn.flatten(1).long()].all()
    assert len(drawn.flatten(1).unique(dim=0)) > 25


def test_the_palette_head_passes_a_gradient_to_colors_not_chosen(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    z = torch.randn(8, 16, requires_grad=True)
    model(z).square().sum().backward()
    head = model.layers[-1]
    assert z.grad.abs().max() > 0
    of_known = head.weight.grad.abs().amax(dim=1) > 0
    assert of_known[head.valid].float().mean() > 0.9
    assert not of_known[~head.valid].any()


def test_the_palette_head_is_surprised_by_what_it_finds_unlikely(indices: torch.Tensor) -> None:
    """In nats, against the softmax over all 222 colors."""
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    head = model.layers[-1]
    nn.init.normal_(head.weight)
    features = model.features(torch.randn(40, 16))
    logits = torch.full((40, 576, len(PALETTE)), -torch.inf)
    valid = torch.einsum("ncp,pcm->npm", features.flatten(2), head.weight) + head.bias[:, 0]
    logits.scatter_(2, head.colors.long().expand(40, -1, -1), valid)
    logits[:, color_counts(indices) == 0] = -torch.inf
    share = logits.softmax(dim=2).gather(2, indices.flatten(1).long()[:, :, None])
    expected = -share.log().sum(dim=(1, 2))
    assert torch.allclose(head.pixel_nll(features, indices), expected, rtol=1e-4)


def test_a_place_of_one_color_is_no_surprise() -> None:
    indices = torch.zeros(8, 24, 24, dtype=torch.uint8)
    indices[:4, 3, 3] = 5
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    features = model.features(torch.randn(8, 16))
    assert model.layers[-1].pixel_nll(features, indices).min() > 0
    model.layers[-1].pixel_nll(features, indices).sum().backward()
    moved = model.layers[-1].weight.grad.flatten(1).abs().sum(dim=1) > 0
    assert moved.nonzero().flatten().tolist() == [3 * 24 + 3]


def test_colors_are_counted_at_their_places(indices: torch.Tensor) -> None:
    counts = color_counts(indices)
    assert counts.shape == (576, len(PALETTE))
    assert (counts.sum(dim=1) == 40).all()
    assert counts[25, 3] == (indices[:, 1, 1] == 3).sum()


def test_snapping_finds_the_nearest_color_and_tells_how_far(indices: torch.Tensor) -> None:
    images = to_rgba(indices, color_table())
    found, off = quantize(images)
    assert torch.equal(found, indices)
    assert off.max() < 1e-3
    images[0, 2, 3, 4] += 5 / 127.5
    found, off = quantize(images)
    assert torch.equal(found, indices)
    assert off[0, 3, 4].item() == pytest.approx(5, abs=1e-3)


def test_what_is_asked_for_speaks_for_the_colors_known_at_a_place(indices: torch.Tensor) -> None:
    """As a table of all colors at all places would, of which only the known ones are kept."""
    counts = color_counts(indices)
    model = Generator(16, 4, counts, head_channels=3, condition=7, condition_composition="sum")
    head = model.layers[-1]
    assert head.condition_weight.shape == (int((counts > 0).sum()), 7)
    whole = torch.randn(576, len(PALETTE), 7)
    with torch.no_grad():
        head.condition_weight.copy_(
            whole.gather(1, head.colors.long()[..., None].expand(-1, -1, 7))[head.valid]
        )
    condition = torch.rand(5, 7)
    features = model.features(torch.randn(5, 16), condition)
    without, told = (head.logits(features, y, slice(None)) for y in (None, condition))
    expected = torch.einsum("pck,nk->npc", whole, condition)
    expected = expected.gather(2, head.colors.long().expand(5, -1, -1)).transpose(0, 1)
    valid = head.valid[:, None].expand_as(told)
    assert torch.allclose((told - without)[valid], expected[valid], atol=1e-4)


def test_what_is_asked_for_says_no_more_than_its_height(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, condition=7)
    head = model.layers[-1]
    nn.init.normal_(head.condition_weight, 0, 100)
    with torch.no_grad():
        head.z_order[2] = 1.0
    condition = torch.eye(7)
    features = model.features(torch.randn(7, 16), condition)
    without, told = (head.logits(features, y, slice(None)) for y in (None, condition))
    most = (told - without).abs().amax(dim=(0, 2))
    assert torch.allclose(most, 10 * head.z_order.exp(), rtol=1e-3)

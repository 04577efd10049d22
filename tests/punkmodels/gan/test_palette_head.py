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


def test_head_selects_colors_that_occur_at_each_position(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3).eval()
    nn.init.normal_(model.layers[-1].weight, 0, 50)
    generated, palette_error = quantize(model(torch.randn(50, 16)).detach())
    assert palette_error.max() < 0.01
    occurs = color_counts(indices) > 0
    positions = torch.arange(576).expand(50, -1)
    assert occurs[positions, generated.flatten(1).long()].all()
    assert len(generated.flatten(1).unique(dim=0)) > 25


def test_gradient_reaches_colors_that_were_not_selected(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    z = torch.randn(8, 16, requires_grad=True)
    model(z).square().sum().backward()
    head = model.layers[-1]
    assert z.grad.abs().max() > 0
    has_gradient = head.weight.grad.abs().amax(dim=1) > 0
    assert has_gradient[head.valid].float().mean() > 0.9
    assert not has_gradient[~head.valid].any()


def test_pixel_nll_equals_a_softmax_over_all_colors(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    head = model.layers[-1]
    nn.init.normal_(head.weight)
    features = model.features(torch.randn(40, 16))
    logits = torch.full((40, 576, len(PALETTE)), -torch.inf)
    entries = torch.einsum("ncp,pcm->npm", features.flatten(2), head.weight) + head.bias[:, 0]
    logits.scatter_(2, head.colors.long().expand(40, -1, -1), entries)
    logits[:, color_counts(indices) == 0] = -torch.inf
    probability = logits.softmax(dim=2).gather(2, indices.flatten(1).long()[:, :, None])
    expected = -probability.log().sum(dim=(1, 2))
    assert torch.allclose(head.pixel_nll(features, indices), expected, rtol=1e-4)


def test_positions_with_one_color_have_no_loss() -> None:
    indices = torch.zeros(8, 24, 24, dtype=torch.uint8)
    indices[:4, 3, 3] = 5
    model = Generator(16, 4, color_counts(indices), head_channels=3)
    head = model.layers[-1]
    features = model.features(torch.randn(8, 16))
    assert head.pixel_nll(features, indices).min() > 0
    head.pixel_nll(features, indices).sum().backward()
    has_gradient = head.weight.grad.flatten(1).abs().sum(dim=1) > 0
    assert has_gradient.nonzero().flatten().tolist() == [3 * 24 + 3]


def test_color_counts_are_per_position(indices: torch.Tensor) -> None:
    counts = color_counts(indices)
    assert counts.shape == (576, len(PALETTE))
    assert (counts.sum(dim=1) == 40).all()
    assert counts[25, 3] == (indices[:, 1, 1] == 3).sum()


def test_quantize_returns_the_nearest_color_and_its_distance(indices: torch.Tensor) -> None:
    images = to_rgba(indices, color_table())
    quantized, palette_error = quantize(images)
    assert torch.equal(quantized, indices)
    assert palette_error.max() < 1e-3
    images[0, 2, 3, 4] += 5 / 127.5
    quantized, palette_error = quantize(images)
    assert torch.equal(quantized, indices)
    assert palette_error[0, 3, 4].item() == pytest.approx(5, abs=1e-3)


def test_condition_logits_equal_a_table_of_all_colors(indices: torch.Tensor) -> None:
    counts = color_counts(indices)
    model = Generator(16, 4, counts, head_channels=3, condition_dim=7, condition_composition="sum")
    head = model.layers[-1]
    assert head.condition_weight.shape == (int((counts > 0).sum()), 7)
    table = torch.randn(576, len(PALETTE), 7)
    with torch.no_grad():
        entries = table.gather(1, head.colors.long()[..., None].expand(-1, -1, 7))
        head.condition_weight.copy_(entries[head.valid])
    condition = torch.rand(5, 7)
    features = model.features(torch.randn(5, 16), condition)
    without, conditioned = (head.logits(features, y, slice(None)) for y in (None, condition))
    expected = torch.einsum("pck,nk->npc", table, condition)
    expected = expected.gather(2, head.colors.long().expand(5, -1, -1)).transpose(0, 1)
    valid = head.valid[:, None].expand_as(conditioned)
    assert torch.allclose((conditioned - without)[valid], expected[valid], atol=1e-4)


def test_z_order_bounds_the_logits_of_its_condition(indices: torch.Tensor) -> None:
    model = Generator(16, 4, color_counts(indices), head_channels=3, condition_dim=7)
    head = model.layers[-1]
    nn.init.normal_(head.condition_weight, 0, 100)
    with torch.no_grad():
        head.z_order[2] = 1.0
    condition = torch.eye(7)
    features = model.features(torch.randn(7, 16), condition)
    without, conditioned = (head.logits(features, y, slice(None)) for y in (None, condition))
    largest = (conditioned - without).abs().amax(dim=(0, 2))
    assert torch.allclose(largest, 10 * head.z_order.exp(), rtol=1e-3)

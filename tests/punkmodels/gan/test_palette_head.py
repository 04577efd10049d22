from __future__ import annotations

import pytest
import torch
from torch import nn

from punkdata.images.palette import PALETTE
from punkmodels.data.palette import color_counts, color_table, quantize, to_rgba
from punkmodels.gan.palette_head import PaletteHead

INDICES = torch.randint(0, 9, (40, 24, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
COUNTS = color_counts(INDICES)


@pytest.fixture
def head() -> PaletteHead:
    head = PaletteHead(3, COUNTS)
    nn.init.normal_(head.weight)
    return head


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(40, 3, 24, 24)


def test_sample_selects_colors_that_occur_at_each_position(
    head: PaletteHead, features: torch.Tensor
) -> None:
    sprites = head.sample(features)
    assert (sprites.shape, sprites.dtype) == ((40, 24, 24), torch.uint8)
    positions = torch.arange(576).expand(40, -1)
    assert (COUNTS > 0)[positions, sprites.flatten(1).long()].all()
    assert len(sprites.flatten(1).unique(dim=0)) == 40


def test_forward_returns_the_sampled_colors(head: PaletteHead, features: torch.Tensor) -> None:
    quantized, palette_error = quantize(head(features).detach())
    assert palette_error.max() < 0.01
    assert torch.equal(quantized, head.sample(features))


def test_gradient_reaches_colors_that_were_not_selected(
    head: PaletteHead, features: torch.Tensor
) -> None:
    head(features.requires_grad_()).square().sum().backward()
    assert features.grad is not None
    assert features.grad.abs().max() > 0
    has_gradient = head.weight.grad.abs().amax(dim=1) > 0
    assert has_gradient[head.valid].float().mean() > 0.9
    assert not has_gradient[~head.valid].any()


def test_pixel_nll_equals_a_softmax_over_all_colors(
    head: PaletteHead, features: torch.Tensor
) -> None:
    logits = torch.full((40, 576, len(PALETTE)), -torch.inf)
    entries = torch.einsum("ncp,pcm->npm", features.flatten(2), head.weight) + head.bias[:, 0]
    logits.scatter_(2, head.colors.long().expand(40, -1, -1), entries)
    logits[:, COUNTS == 0] = -torch.inf
    probability = logits.softmax(dim=2).gather(2, INDICES.flatten(1).long()[:, :, None])
    expected = -probability.log().sum(dim=(1, 2))
    assert torch.allclose(head.pixel_nll(features, INDICES), expected, rtol=1e-4)


def test_positions_with_one_color_have_no_loss() -> None:
    indices = torch.zeros(8, 24, 24, dtype=torch.uint8)
    indices[:4, 3, 3] = 5
    head, features = PaletteHead(3, color_counts(indices)), torch.randn(8, 3, 24, 24)
    assert head.pixel_nll(features, indices).min() > 0
    head.pixel_nll(features, indices).sum().backward()
    has_gradient = head.weight.grad.flatten(1).abs().sum(dim=1) > 0
    assert has_gradient.nonzero().flatten().tolist() == [3 * 24 + 3]


def test_color_counts_are_per_position() -> None:
    assert COUNTS.shape == (576, len(PALETTE))
    assert (COUNTS.sum(dim=1) == 40).all()
    assert COUNTS[25, 3] == (INDICES[:, 1, 1] == 3).sum()


def test_quantize_returns_the_nearest_color_and_its_distance() -> None:
    images = to_rgba(INDICES, color_table())
    quantized, palette_error = quantize(images)
    assert torch.equal(quantized, INDICES)
    assert palette_error.max() < 1e-3
    images[0, 2, 3, 4] += 5 / 127.5
    quantized, palette_error = quantize(images)
    assert torch.equal(quantized, INDICES)
    assert palette_error[0, 3, 4].item() == pytest.approx(5, abs=1e-3)

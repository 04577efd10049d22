from __future__ import annotations

import pytest
import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, encode_labels
from punkmodels.data.palette import (
    SKIN_TONE_COLORS,
    SKIN_TONE_PIXEL,
    color_counts,
    detect_skin_tones,
)
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.network import CONDITION_DIM, Renderer, encode_condition

MALE, FEMALE = (
    torch.from_numpy(encode_labels(punk_type, ["Pipe", "VR"]))[None]
    for punk_type in ("Male", "Female")
)


def make_renderer() -> Renderer:
    """Return a renderer of two colors, of which 3 is more frequent, at position 7 only."""
    images = torch.full((4, 24, 24), 5, dtype=torch.uint8)
    images[:3, 0, 7] = 3
    return Renderer(color_counts(images))


def test_condition_has_an_entry_for_each_trait() -> None:
    condition = encode_condition(MALE, torch.tensor([2]))
    assert condition.shape == (1, CONDITION_DIM) == (1, 92 + 87 + 4)
    assert condition.dtype == torch.float32
    entries = condition[0].nonzero()[:, 0].tolist()
    assert entries == [*(LABELS.index(name) for name in ("Male", "Pipe", "VR")), 92 + 87 + 1]


def test_female_accessories_are_repeated() -> None:
    condition = encode_condition(FEMALE, torch.tensor([0]))[0]
    assert torch.equal(condition[:92], FEMALE[0].float())
    assert torch.equal(condition[92:-4], FEMALE[0, 5:].float())
    assert not condition[-4:].any(), "skin tone 0 sets no entry"


def test_skin_tone_is_detected_by_the_neck() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    row, column = SKIN_TONE_PIXEL
    for i, rgb in enumerate(SKIN_TONE_COLORS):
        sprites[i, row, column] = PALETTE.tolist().index([*rgb, 255])
    assert detect_skin_tones(sprites).tolist() == [1, 2, 3, 4, 0]


def test_untrained_renderer_draws_the_most_frequent_color() -> None:
    sprites = make_renderer()(torch.ones(2, CONDITION_DIM))
    assert (sprites.shape, sprites.dtype) == ((2, 24, 24), torch.uint8)
    assert sprites[0, 0, 7] == 3
    sprites[:, 0, 7] = 5
    assert (sprites == 5).all()


def test_nll_is_that_of_the_color_frequencies() -> None:
    images = torch.full((2, 24, 24), 5, dtype=torch.uint8)
    images[0, 0, 7] = 3
    nll = make_renderer().nll(torch.zeros(2, CONDITION_DIM), images)
    assert nll.exp().tolist() == pytest.approx([4 / 3, 4])


def test_condition_with_the_highest_z_order_decides_the_color() -> None:
    model = make_renderer()
    pairs = [int(model.pairs[7, entry]) for entry in range(2)]
    assert model.colors[7, :2].tolist() == [3, 5]
    with torch.no_grad():
        for condition in (0, 1):  # Condition 0 wants color 3, and condition 1 wants color 5.
            model.weight[pairs[condition], condition] = 3.0
            model.weight[pairs[1 - condition], condition] = -3.0
    both = torch.zeros(1, CONDITION_DIM)
    both[0, :2] = 1
    for top, color in ((0, 3), (1, 5)):
        with torch.no_grad():
            model.z_order[:2] = 0
            model.z_order[top] = 1
        assert model(both)[0, 0, 7] == color


def test_renderer_learns_to_draw_conditions(train: SplitTensors) -> None:
    images = train.images[:8]
    condition = torch.eye(CONDITION_DIM)[:8]
    model = Renderer(color_counts(train.images))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(40):
        optimizer.zero_grad()
        model.nll(condition, images).mean().backward()
        optimizer.step()
    assert torch.equal(model(condition), images)
    assert not torch.equal(model(condition.roll(1, 0)), images)

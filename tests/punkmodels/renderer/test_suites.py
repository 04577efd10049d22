from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.layered_punks import LayeredPunks

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.outfits import Compositor
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.suites import load_suites, make_suites_table, score_suites


def make_split(punks: LayeredPunks, count: int) -> SplitTensors:
    images, labels = punks.generate(count)
    tensor = torch.from_numpy(labels).float()
    sprites = torch.from_numpy(images).view(-1, 24, 24)
    return SplitTensors(np.arange(count), sprites, tensor, tensor, True, "v", "hash", Path())


@pytest.fixture(scope="module")
def splits() -> list[SplitTensors]:
    punks = LayeredPunks()
    return [make_split(punks, count) for count in (1000, 100, 100)]


def test_a_perfect_renderer_has_no_wrong_pixels(splits: list[SplitTensors]) -> None:
    suites = load_suites(*splits, count=20)
    truth = {suite.labels.tobytes(): suite.sprites for suite in suites.values()}

    def render(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        assert len(labels) == len(skin_tones)
        return torch.from_numpy(truth[labels.numpy().tobytes()]).view(-1, 24, 24)

    def render_one_wrong(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        sprites = render(labels, skin_tones).clone()
        sprites[0, :2, 0] += 1
        return sprites

    for suite in score_suites(render, suites, splits[0]).values():
        assert (suite["pixel_exact_match"], suite["wrong_pixels_mean"]) == (1, 0)
        assert suite["train_layers_exact_match"] > 0.8
    scores = score_suites(render_one_wrong, suites, splits[0])
    for suite in scores.values():
        count = suite["num_samples"]
        assert suite["pixel_exact_match"] == pytest.approx(1 - 1 / count)
        assert suite["wrong_pixels_mean"] == pytest.approx(2 / count)
    table = make_suites_table(scores).to_markdown()
    assert "| legal outfits | new sets | six and more | unusual types |" in table


def test_training_layers_are_compared_with_the_suites(splits: list[SplitTensors]) -> None:
    train = splits[0]
    suites = load_suites(*splits, count=20)
    compositor = Compositor(
        recover_layers(train.images.flatten(1).numpy(), train.labels.bool().numpy())
    )
    suite = suites["new_sets"]
    drawn = compositor.draw(*compositor.encode(suite.labels, suite.sprites))
    expected = (drawn == suite.sprites).all(axis=1).mean()

    def blank(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(labels), 24, 24, dtype=torch.uint8)

    scores = score_suites(blank, suites, train)["new_sets"]
    assert scores["train_layers_exact_match"] == pytest.approx(expected)
    assert scores["pixel_exact_match"] == 0

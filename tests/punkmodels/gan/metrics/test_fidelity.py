from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from punkdata.traits import LABELS
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.metrics.fidelity import (
    NearestNeighborIndex,
    SampleStatistics,
    average_scores,
    expected_copy_rate,
    fidelity_scores,
    label_shares,
    off_alpha,
    total_variation,
)


@pytest.fixture(scope="module")
def parts(built_root: Path) -> tuple[SplitTensors, SplitTensors]:
    return load_split(built_root, "latest", "default", "train"), load_split(
        built_root, "latest", "default", "test"
    )


def test_the_nearest_real_one_has_the_fewest_differing_pixels(
    parts: tuple[SplitTensors, SplitTensors],
) -> None:
    train, test = parts
    which, distance = NearestNeighborIndex(train.images).nearest(test.images)
    differing = (test.images[:, None] != train.images[None]).sum(dim=(2, 3))
    assert torch.equal(distance, differing.amin(dim=1))
    assert torch.equal(differing[torch.arange(len(test)), which], distance)
    _, of_itself = NearestNeighborIndex(train.images).nearest(train.images)
    assert not of_itself.any()


@pytest.fixture
def eight(parts: tuple[SplitTensors, SplitTensors]) -> SampleStatistics:
    """Eight sprites, one of them twice."""
    train, _ = parts
    zeros = torch.zeros(8, 24, 24)
    return SampleStatistics(
        train.images[torch.tensor([0, 1, 2, 2, 3, 4, 5, 6])],
        torch.randn(8, 5, generator=torch.Generator().manual_seed(0)),
        train.visible[:8].bool(),
        torch.tensor([0, 0, 3, 3, 9, 1, 1, 2]),
        zeros,
        zeros,
    )


def test_copies_repeats_and_validity_are_shares(eight: SampleStatistics) -> None:
    off = torch.zeros(8, 24, 24)
    off[0] = 9
    found = fidelity_scores(eight, replace(eight, off=off))
    assert found.train_copy_rate == 2 / 8
    assert found.duplicate_rate == 1 / 8
    assert found.palette_validity == 7 / 8
    assert found.alpha_validity == 1
    assert found.nn_distance_px_mean == 19 / 8
    assert found.nn_distance_px_median == 1.5
    assert found.type_total_variation == found.label_total_variation == 0
    assert found.frechet_distance == pytest.approx(0, abs=1e-5)
    twice = average_scores([found, replace(found, train_copy_rate=0.0, frechet_distance=1.0)])
    assert twice.train_copy_rate == 1 / 8
    assert twice.frechet_distance == pytest.approx(0.5, abs=1e-5)


def test_without_distances_they_are_not_known(eight: SampleStatistics) -> None:
    found = fidelity_scores(eight, eight, distances=False)
    assert found.frechet_distance is None
    assert average_scores([found, found]).kernel_distance is None


def test_some_are_taken_of_everything(eight: SampleStatistics) -> None:
    some = eight.take(slice(2, 5))
    assert len(some) == 3
    assert torch.equal(some.nearest, torch.tensor([3, 3, 9]))
    assert torch.equal(some.features, eight.features[2:5])


def test_total_variation_compares_mixes() -> None:
    real = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    assert total_variation(real, real) == 0
    assert total_variation(real, torch.tensor([[0, 0, 1]]).bool()) == 1
    assert total_variation(real, torch.tensor([[1, 0, 0]]).bool()) == pytest.approx(1 / 3)


def test_shares_come_with_the_farthest_first() -> None:
    real, drawn = torch.zeros(4, len(LABELS)).bool(), torch.zeros(4, len(LABELS)).bool()
    real[:, 7], drawn[:3, 7], drawn[:2, 9] = True, True, True
    assert label_shares(real, drawn)[:2] == [(LABELS[9], 0, 0.5), (LABELS[7], 1, 0.75)]


def test_alpha_is_measured_from_the_nearest_of_the_palette() -> None:
    image = torch.full((1, 4, 1, 3), -1.0)
    image[0, 3, 0] = torch.tensor([0, 120, 250]) / 127.5 - 1
    assert torch.allclose(off_alpha(image), torch.tensor([[[0.0, 8.0, 5.0]]]), atol=1e-4)
    table = color_table()
    assert off_alpha(to_rgba(torch.arange(222).view(1, 1, 222), table)).max() < 1e-4


def test_the_chance_of_copies_is_that_of_redrawing_the_tone(
    parts: tuple[SplitTensors, SplitTensors],
) -> None:
    """Two tones, 3 to 1; one held-out punk's labels are known in the rarer tone, one's are not."""
    train, _ = parts
    images, labels = torch.zeros(4, 24, 24).to(torch.uint8), torch.zeros(4, len(LABELS))
    images[:, 23, 9] = torch.tensor([5, 5, 5, 6])
    labels[:, 3] = 1
    labels[0, 10] = labels[1, 11] = labels[2, 12] = labels[3, 13] = 1
    known = replace(train, images=images, visible=labels)
    held_out = replace(train, images=images[2:], visible=labels[[3, 3]].clone())
    held_out.visible[1, 14] = 1
    assert expected_copy_rate(known, held_out) == (1 / 4 + 0) / 2
    assert expected_copy_rate(known, known) == (3 * 3 / 4 + 1 / 4) / 4

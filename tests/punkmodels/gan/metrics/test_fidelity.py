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
    compute_alpha_error,
    expected_copy_rate,
    fidelity_scores,
    label_frequencies,
    total_variation,
)


@pytest.fixture(scope="module")
def train(built_root: Path) -> SplitTensors:
    return load_split(built_root, "latest", "default", "train")


@pytest.fixture
def statistics(train: SplitTensors) -> SampleStatistics:
    """Statistics of eight sprites, two of which are equal."""
    no_error = torch.zeros(8, 24, 24)
    return SampleStatistics(
        train.images[torch.tensor([0, 1, 2, 2, 3, 4, 5, 6])],
        torch.randn(8, 5, generator=torch.Generator().manual_seed(0)),
        train.visible[:8].bool(),
        torch.tensor([0, 0, 3, 3, 9, 1, 1, 2]),
        no_error,
        no_error,
    )


def test_nearest_neighbor_has_the_fewest_differing_pixels(
    train: SplitTensors, built_root: Path
) -> None:
    test = load_split(built_root, "latest", "default", "test")
    rows, distance = NearestNeighborIndex(train.images).nearest(test.images)
    differing = (test.images[:, None] != train.images[None]).sum(dim=(2, 3))
    assert torch.equal(distance, differing.amin(dim=1))
    assert torch.equal(differing[torch.arange(len(test)), rows], distance)
    _, distance = NearestNeighborIndex(train.images).nearest(train.images)
    assert not distance.any()


def test_rates_and_validities_are_fractions(statistics: SampleStatistics) -> None:
    palette_error = torch.zeros(8, 24, 24)
    palette_error[0] = 9
    scores = fidelity_scores(statistics, replace(statistics, palette_error=palette_error))
    assert scores.train_copy_rate == 2 / 8
    assert scores.duplicate_rate == 1 / 8
    assert scores.palette_validity == 7 / 8
    assert scores.alpha_validity == 1
    assert scores.nn_distance_px_mean == 19 / 8
    assert scores.nn_distance_px_median == 1.5
    assert scores.type_total_variation == scores.label_total_variation == 0
    assert scores.frechet_distance == pytest.approx(0, abs=1e-5)


def test_average_scores_are_means(statistics: SampleStatistics) -> None:
    scores = fidelity_scores(statistics, statistics)
    mean = average_scores([scores, replace(scores, train_copy_rate=0.0, frechet_distance=1.0)])
    assert mean.train_copy_rate == 1 / 8
    assert mean.frechet_distance == pytest.approx(0.5, abs=1e-5)


def test_distances_can_be_left_out(statistics: SampleStatistics) -> None:
    scores = fidelity_scores(statistics, statistics, with_distances=False)
    assert scores.frechet_distance is None
    assert average_scores([scores, scores]).kernel_distance is None


def test_take_selects_rows_of_all_statistics(statistics: SampleStatistics) -> None:
    subset = statistics.take(slice(2, 5))
    assert len(subset) == 3
    assert torch.equal(subset.nn_distance_px, torch.tensor([3, 3, 9]))
    assert torch.equal(subset.features, statistics.features[2:5])


def test_total_variation_compares_label_distributions() -> None:
    real = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    assert total_variation(real, real) == 0
    assert total_variation(real, torch.tensor([[0, 0, 1]]).bool()) == 1
    assert total_variation(real, torch.tensor([[1, 0, 0]]).bool()) == pytest.approx(1 / 3)


def test_most_misrepresented_labels_come_first() -> None:
    real, generated = (torch.zeros(4, len(LABELS)).bool() for _ in range(2))
    real[:, 7], generated[:3, 7], generated[:2, 9] = True, True, True
    frequencies = label_frequencies(real, generated)
    assert frequencies[:2] == [(LABELS[9], 0, 0.5), (LABELS[7], 1, 0.75)]


def test_alpha_error_is_the_distance_from_the_palette() -> None:
    image = torch.full((1, 4, 1, 3), -1.0)
    image[0, 3, 0] = torch.tensor([0, 120, 250]) / 127.5 - 1
    expected = torch.tensor([[[0.0, 8.0, 5.0]]])
    assert torch.allclose(compute_alpha_error(image), expected, atol=1e-4)
    all_colors = to_rgba(torch.arange(222).view(1, 1, 222), color_table())
    assert compute_alpha_error(all_colors).max() < 1e-4


def test_expected_copy_rate_depends_on_labels_and_skin_tones(train: SplitTensors) -> None:
    """Of four training punks, three have one skin tone and the last one another.

    The first held-out punk has the labels of the last training punk; the second has new labels.
    """
    images, labels = torch.zeros(4, 24, 24).to(torch.uint8), torch.zeros(4, len(LABELS))
    images[:, 23, 9] = torch.tensor([5, 5, 5, 6])
    labels[:, 3] = 1
    labels[0, 10] = labels[1, 11] = labels[2, 12] = labels[3, 13] = 1
    known = replace(train, images=images, visible=labels)
    held_out = replace(train, images=images[2:], visible=labels[[3, 3]].clone())
    held_out.visible[1, 14] = 1
    assert expected_copy_rate(known, held_out) == (1 / 4 + 0) / 2
    assert expected_copy_rate(known, known) == (3 * 3 / 4 + 1 / 4) / 4

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from punkdata.traits import LABELS
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.metrics import (
    Samples,
    average_scores,
    feature_scores,
    fidelity_scores,
    frechet_distance,
    kernel_distance,
    label_frequencies,
    nearest_neighbors,
    project_pixels,
    snap_to_palette,
    total_variation,
)

DIM = 6
Sets = tuple[torch.Tensor, torch.Tensor]


class Identity(nn.Module):
    """Feature extractor for torchmetrics whose images are already features."""

    num_features = DIM

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).double()


@pytest.fixture(scope="module")
def sets() -> Sets:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(300, DIM, generator=generator).abs()
    generated = torch.randn(200, DIM, generator=generator).abs() * 1.2 + 0.3
    return real, generated


@pytest.fixture(scope="module")
def train(built_root: Path) -> SplitTensors:
    return load_split(built_root, "latest", "default", "train")


@pytest.fixture
def samples(train: SplitTensors) -> Samples:
    """Eight sprites, two of which are equal."""
    rows = torch.tensor([0, 1, 2, 2, 3, 4, 5, 6])
    features = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    distance = torch.tensor([0, 0, 3, 3, 9, 1, 1, 2])
    legal_distance = torch.tensor([0, 0, 0, 0, 1, 1, 2, 4])
    visible = train.visible[:8].bool()
    is_held_out = torch.arange(8) == 5
    sprites = train.images[rows]
    projections = project_pixels(sprites)
    return Samples(
        sprites, features, projections, visible, rows, distance, legal_distance, is_held_out
    )


def test_frechet_distance_equals_that_of_torchmetrics(sets: Sets) -> None:
    metric = FrechetInceptionDistance(feature=Identity(), input_img_size=(DIM, 1, 1))
    metric.set_dtype(torch.float64)
    for features, is_real in zip(sets, (True, False), strict=True):
        metric.update(features[:, :, None, None].double(), real=is_real)
    assert frechet_distance(*sets) == pytest.approx(metric.compute().item(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
def test_kernel_distance_equals_that_of_torchmetrics(sets: Sets) -> None:
    real, generated = sets[0][:200], sets[1]
    metric = KernelInceptionDistance(feature=Identity(), subsets=1, subset_size=200)
    metric.update(real[:, :, None, None], real=True)
    metric.update(generated[:, :, None, None], real=False)
    assert kernel_distance(real, generated) == pytest.approx(metric.compute()[0].item(), rel=1e-6)


def test_identical_sets_have_distance_0_and_full_feature_scores(sets: Sets) -> None:
    real, _ = sets
    scores = feature_scores(real, real)
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert scores["precision"] == scores["recall"] == scores["coverage"] == 1


def test_missing_modes_lower_recall_and_bad_samples_lower_precision() -> None:
    generator = torch.Generator().manual_seed(1)
    real = torch.cat([torch.randn(100, 2, generator=generator) + center for center in (0, 50)])
    one_mode = torch.randn(100, 2, generator=generator)
    scores = feature_scores(real, one_mode)
    assert scores["precision"] > 0.9
    assert scores["recall"] < 0.55
    half_bad = torch.cat([real[::2] + 0.01, torch.full((100, 2), 1000.0)])
    assert feature_scores(real, half_bad)["precision"] == pytest.approx(0.5, abs=0.05)


def test_density_counts_neighborhoods_and_coverage_real_points() -> None:
    # The fifth neighbor of each real point in the middle of this line is 3 away.
    real = torch.arange(20, dtype=torch.float64)[:, None]
    generated = torch.full((10, 1), 9.5, dtype=torch.float64)
    scores = feature_scores(real, generated, with_distances=False)
    # 9.5 is in the neighborhoods of the six points 7 to 12, of which five count as 1.
    assert scores["density"] == pytest.approx(6 / 5)
    assert scores["coverage"] == pytest.approx(6 / 20)


def test_nearest_neighbor_has_the_fewest_differing_pixels(
    train: SplitTensors, built_root: Path
) -> None:
    test = load_split(built_root, "latest", "default", "test")
    rows, distance = nearest_neighbors(train.images, test.images)
    differing = (test.images[:, None] != train.images[None]).sum(dim=(2, 3))
    assert torch.equal(distance, differing.amin(dim=1))
    assert torch.equal(differing[torch.arange(len(test)), rows], distance)
    _, distance = nearest_neighbors(train.images, train.images)
    assert not distance.any()


def test_rates_are_fractions(samples: Samples) -> None:
    scores = fidelity_scores(samples, samples)
    assert scores["train_copy_rate"] == 2 / 8
    assert scores["held_out_copy_rate"] == 1 / 8
    assert scores["duplicate_rate"] == 1 / 8
    assert scores["palette_validity"] == scores["alpha_validity"] == 1
    assert scores["nn_distance_px_mean"] == 19 / 8
    assert scores["nn_distance_px_median"] == 1.5
    assert (scores["legal_rate"], scores["legal_distance_px_mean"]) == (4 / 8, 1)
    assert scores["type_total_variation"] == scores["label_total_variation"] == 0
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert scores["frechet_distance_pixels"] == pytest.approx(0, abs=1e-3)
    without = fidelity_scores(samples, samples, with_distances=False)
    assert not {"frechet_distance", "frechet_distance_pixels"} & without.keys()


def test_projections_preserve_the_number_of_different_pixels(train: SplitTensors) -> None:
    first, second = train.images[:20], train.images[20:40]
    num_different = (first != second).sum(dim=(1, 2))
    found = (project_pixels(first) - project_pixels(second)).square().sum(dim=1)
    assert (found / num_different).mean().item() == pytest.approx(1, abs=0.2)
    assert torch.equal(project_pixels(first), project_pixels(first))


def test_average_scores_are_means() -> None:
    assert average_scores([{"recall": 0.5}, {"recall": 0.25}]) == {"recall": 0.375}


def test_index_selects_rows_of_all_fields(samples: Samples) -> None:
    subset = samples[2:5]
    assert torch.equal(subset.nn_distance_px, torch.tensor([3, 3, 9]))
    assert torch.equal(subset.features, samples.features[2:5])


def test_total_variation_compares_label_distributions() -> None:
    real = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    assert total_variation(real, real) == 0
    assert total_variation(real, torch.tensor([[0, 0, 1]]).bool()) == 1
    assert total_variation(real, torch.tensor([[1, 0, 0]]).bool()) == pytest.approx(1 / 3)


def test_most_misrepresented_labels_come_first() -> None:
    real, generated = (torch.zeros(4, len(LABELS)).bool() for _ in range(2))
    real[:, 7], generated[:3, 7], generated[:2, 9] = True, True, True
    assert label_frequencies(real, generated)[:2] == [
        {"label": LABELS[9], "held_out": 0, "generated": 0.5},
        {"label": LABELS[7], "held_out": 1, "generated": 0.75},
    ]


def test_validity_is_the_fraction_of_pixels_close_to_the_palette(train: SplitTensors) -> None:
    rgba = to_rgba(train.images[:4], color_table())
    rgba[0, 0] += 20 / 127.5
    rgba[1:3, 3, 0, 0] = torch.tensor([7, 64]) / 127.5 - 1
    sprites, validity = snap_to_palette(rgba)
    assert torch.equal(sprites[3], train.images[3])
    assert validity == {
        "palette_validity": pytest.approx((4 * 576 - 577) / (4 * 576)),
        "alpha_validity": pytest.approx((4 * 576 - 1) / (4 * 576)),
    }
    indices, measured = snap_to_palette(train.images)
    assert indices is train.images
    assert measured == {}, "palette indices are valid by construction"

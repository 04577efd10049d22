from __future__ import annotations

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from punkmodels.gan.metrics.distances import frechet_distance, kernel_distance, neighbors

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


def test_identical_sets_have_distance_0_and_full_overlap(sets: Sets) -> None:
    real, _ = sets
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    overlap = neighbors(real, real)
    assert overlap.precision == overlap.recall == overlap.coverage == 1


def test_missing_modes_lower_recall_and_bad_samples_lower_precision() -> None:
    generator = torch.Generator().manual_seed(1)
    real = torch.cat([torch.randn(100, 2, generator=generator) + center for center in (0, 50)])
    one_mode = torch.randn(100, 2, generator=generator)
    overlap = neighbors(real, one_mode)
    assert overlap.precision > 0.9
    assert overlap.recall < 0.55
    half_bad = torch.cat([real[::2] + 0.01, torch.full((100, 2), 1000.0)])
    assert neighbors(real, half_bad).precision == pytest.approx(0.5, abs=0.05)


def test_density_counts_neighborhoods_and_coverage_real_points() -> None:
    # The fifth neighbor of each real point in the middle of this line is 3 away.
    real = torch.arange(20, dtype=torch.float64)[:, None]
    generated = torch.full((10, 1), 9.5, dtype=torch.float64)
    overlap = neighbors(real, generated)
    # 9.5 is in the neighborhoods of the six points 7 to 12, of which five count as 1.
    assert overlap.density == pytest.approx(6 / 5)
    assert overlap.coverage == pytest.approx(6 / 20)

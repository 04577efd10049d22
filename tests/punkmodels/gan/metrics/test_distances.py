from __future__ import annotations

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from punkmodels.gan.metrics.distances import frechet_distance, kernel_distance, neighbors

WIDE = 6


class Given(nn.Module):
    """Hands over as features what it gets as images."""

    num_features = WIDE

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).double()


@pytest.fixture(scope="module")
def sets() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(300, WIDE, generator=generator).abs()
    drawn = torch.randn(200, WIDE, generator=generator).abs() * 1.2 + 0.3
    return real, drawn


def test_the_frechet_distance_is_torchmetrics(sets: tuple[torch.Tensor, torch.Tensor]) -> None:
    theirs = FrechetInceptionDistance(feature=Given(), input_img_size=(WIDE, 1, 1))
    theirs.set_dtype(torch.float64)
    for features, is_real in zip(sets, (True, False), strict=True):
        theirs.update(features[:, :, None, None].double(), real=is_real)
    assert frechet_distance(*sets) == pytest.approx(theirs.compute().item(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
def test_the_kernel_distance_is_torchmetrics(sets: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, drawn = sets[0][:200], sets[1]
    theirs = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=200)
    theirs.update(real[:, :, None, None], real=True)
    theirs.update(drawn[:, :, None, None], real=False)
    assert kernel_distance(real, drawn) == pytest.approx(theirs.compute()[0].item(), rel=1e-6)


def test_a_set_is_no_distance_from_itself(sets: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, _ = sets
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    found = neighbors(real, real)
    assert found.precision == found.recall == found.coverage == 1


def test_precision_and_recall_tell_bad_samples_from_missing_kinds() -> None:
    generator = torch.Generator().manual_seed(1)
    real = torch.cat([torch.randn(100, 2, generator=generator) + at for at in (0, 50)])
    one_kind = torch.randn(100, 2, generator=generator)
    found = neighbors(real, one_kind)
    assert found.precision > 0.9
    assert found.recall < 0.55
    half_bad = torch.cat([real[::2] + 0.01, torch.full((100, 2), 1000.0)])
    assert neighbors(real, half_bad).precision == pytest.approx(0.5, abs=0.05)


def test_density_counts_neighborhoods_and_coverage_real_ones_found() -> None:
    # On a line, each real point reaches as far as its fifth neighbor.
    real = torch.arange(20, dtype=torch.float64)[:, None]
    middle = torch.full((10, 1), 9.5, dtype=torch.float64)
    found = neighbors(real, middle)
    # Points 7 … 12 reach 3 to either side: 9.5 is inside six neighborhoods, of which five count 1.
    assert found.density == pytest.approx(6 / 5)
    assert found.coverage == pytest.approx(6 / 20)

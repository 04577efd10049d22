"""Distances between the features of real and generated images, computed in float64.

All functions take features (N, D) of real and (M, D) of generated images. The values depend on the
feature network and on the number of images, so only values with the same network and number can be
compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


def frechet_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the Fréchet distance between normal distributions that are fitted to the features.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), as in Heusel et al., "GANs Trained by a Two Time-Scale
    Update Rule" (2017), who use the features of another network.
    """
    (mean_1, cov_1), (mean_2, cov_2) = _moments(real), _moments(generated)
    # The trace of the matrix root is the sum of the roots of the eigenvalues.
    trace_of_root = torch.linalg.eigvals(cov_1 @ cov_2).sqrt().real.sum()
    squared_gap = (mean_1 - mean_2).square().sum()
    return float(squared_gap + cov_1.trace() + cov_2.trace() - 2 * trace_of_root)


def kernel_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³.

    The expected value for two samples of one distribution is 0, so small negative values occur.
    See Bińkowski et al., "Demystifying MMD GANs" (2018), who average it over subsets.
    """
    x, y = real.double(), generated.double()
    within = [
        (k.sum() - k.trace()) / (len(k) * (len(k) - 1))
        for k in (_cubic_kernel(x, x), _cubic_kernel(y, y))
    ]
    return float(within[0] + within[1] - 2 * _cubic_kernel(x, y).mean())


@dataclass(frozen=True)
class Neighbors:
    """Overlap of two sets of features.

    The neighborhood of a point has the radius of the distance to its k-th nearest neighbor in its
    own set.
    """

    precision: float
    """Fraction of generated images in the neighborhood of any real image, k = 3."""
    recall: float
    """Fraction of real images in the neighborhood of any generated image, k = 3."""
    density: float
    """Mean number of neighborhoods of real images that a generated image is in, divided by k = 5;
    can exceed 1."""
    coverage: float
    """Fraction of real images with a generated image in their neighborhood, k = 5."""


def neighbors(real: torch.Tensor, generated: torch.Tensor) -> Neighbors:
    """Return precision, recall, density and coverage of two sets of features.

    See Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models"
    (2019), and Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models"
    (2020), each with the k of its authors.
    """
    distances = _distances(real, generated)
    real_distances = _distances(real, real)
    generated_distances = _distances(generated, generated)
    in_real_3 = distances <= _radius(real_distances, 3)[:, None]
    in_generated_3 = distances <= _radius(generated_distances, 3)[None]
    in_real_5 = distances <= _radius(real_distances, 5)[:, None]
    return Neighbors(
        precision=_fraction(in_real_3.any(dim=0)),
        recall=_fraction(in_generated_3.any(dim=1)),
        density=float(in_real_5.sum(dim=0).double().mean() / 5),
        coverage=_fraction(in_real_5.any(dim=1)),
    )


def _moments(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean (D,) and the covariance (D, D) of features."""
    features = features.double()
    return features.mean(dim=0), features.T.cov()


def _cubic_kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _radius(distances: torch.Tensor, k: int) -> torch.Tensor:
    """Return the distance of each point to its k-th nearest neighbor, from distances (N, N)."""
    return distances.kthvalue(k + 1, dim=1).values  # The nearest point is the point itself.


def _fraction(matches: torch.Tensor) -> float:
    return float(matches.double().mean())


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # The default, a matrix product, is faster but inaccurate for small distances.
    return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")

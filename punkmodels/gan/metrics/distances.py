"""How far one set of punks is from another, in the features of a network. Pure; in float64.

All of them take features (N, D) of real and of drawn punks. Their values depend on the network
and on N, so only figures of one network and one N can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


def frechet_distance(real: torch.Tensor, drawn: torch.Tensor) -> float:
    """Between two normal distributions with the means and covariances of the features:
    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). Heusel and others (2017) use it with another network.
    """
    (mean_1, cov_1), (mean_2, cov_2) = _moments(real), _moments(drawn)
    # The root's trace is the sum of the roots of the product's eigenvalues.
    roots = torch.linalg.eigvals(cov_1 @ cov_2).sqrt().real.sum()
    gap = (mean_1 - mean_2).square().sum()
    return float(gap + cov_1.trace() + cov_2.trace() - 2 * roots)


def _moments(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    wide = features.double()
    return wide.mean(dim=0), wide.T.cov()


def kernel_distance(real: torch.Tensor, drawn: torch.Tensor) -> float:
    """The squared maximum mean discrepancy with the kernel (x·y / D + 1)³, without bias: 0 is
    expected of two samples of one distribution, and values a little below occur.

    Bińkowski and others, "Demystifying MMD GANs" (2018); there as a mean over subsets.
    """
    x, y = real.double(), drawn.double()
    n, m = len(x), len(y)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    within = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    return float(within[0] + within[1] - 2 * kernel(x, y).sum() / (n * m))


@dataclass(frozen=True)
class Neighbors:
    """Shares of two sets that lie in each other's reach. A punk's reach is its distance to its
    k-th nearest other of its own set.
    """

    precision: float
    """of drawn punks within a real one's reach, k = 3"""
    recall: float
    """of real punks within a drawn one's reach, k = 3"""
    density: float
    """in how many real punks' reach a drawn one lies, k = 5, in fifths; it can exceed 1"""
    coverage: float
    """of real punks with a drawn one within their own reach, k = 5"""


def neighbors(real: torch.Tensor, drawn: torch.Tensor) -> Neighbors:
    """Kynkäänniemi and others, "Improved Precision and Recall Metric" (2019), and Naeem and others,
    "Reliable Fidelity and Diversity Metrics" (2020), each with the k that they chose.
    """
    between = _distances(real, drawn)
    of_real, of_drawn = _distances(real, real), _distances(drawn, drawn)

    def reach(within: torch.Tensor, k: int) -> torch.Tensor:
        return within.kthvalue(k + 1, dim=1).values  # the nearest is the punk itself

    wide = between <= reach(of_real, 5)[:, None]
    return Neighbors(
        precision=_share((between <= reach(of_real, 3)[:, None]).any(dim=0)),
        recall=_share((between <= reach(of_drawn, 3)[None]).any(dim=1)),
        density=float(wide.sum(dim=0).double().mean() / 5),
        coverage=_share(wide.any(dim=1)),
    )


def _share(found: torch.Tensor) -> float:
    return float(found.double().mean())


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # The quicker way by a product loses the small distances, of which this is all about.
    return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")

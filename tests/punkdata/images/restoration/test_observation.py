"""The Gaussian likelihood treats matrices and diagonals alike."""

from __future__ import annotations

import numpy as np

from punkdata.images.restoration.forward_model import GaussianLikelihood


def random_membership(rng: np.random.Generator) -> np.ndarray:
    """Return a random partition of the 576 pixels into three sets, (3, 576)."""
    return (rng.integers(3, size=576) == np.arange(3)[:, None]).astype(np.float32)


def make_likelihood(luma: np.ndarray, chroma: np.ndarray) -> GaussianLikelihood:
    information = np.zeros((576, 3), np.float32)
    return GaussianLikelihood(luma, chroma, information, (1.0, 1.0, 1.0), (1.0, 1.0))


def test_diagonal_precision_equals_the_full_matrix() -> None:
    rng = np.random.default_rng(0)
    luma, chroma = rng.uniform(1, 2, (2, 576)).astype(np.float32)
    diagonal = make_likelihood(luma, chroma)
    full = make_likelihood(np.diag(luma), np.diag(chroma))
    membership = random_membership(rng)
    assert np.allclose(diagonal.apply_precision(membership), full.apply_precision(membership))
    assert np.allclose(diagonal.conditional_precision(), full.conditional_precision())


def test_precision_between_sets_is_the_sum_over_their_pixels() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(576, 576)).astype(np.float32)
    luma, chroma = root @ root.T, np.eye(576, dtype=np.float32)
    likelihood = make_likelihood(luma, chroma)
    membership = random_membership(rng)
    between = likelihood.apply_precision(membership) @ membership.T
    assert np.allclose(between[0], membership @ luma @ membership.T, rtol=1e-3)
    assert np.allclose(between[1], np.diag(membership.sum(axis=1)))
    assert np.allclose(likelihood.conditional_precision()[:, 0], np.diagonal(luma))

"""The forward model agrees with Pillow, and its likelihood treats matrices and diagonals alike."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.restoration.forward_model import (
    FILTERS,
    GaussianLikelihood,
    candidate_filters,
    render,
    resize_matrix,
)


def random_rgb(seed: int = 0) -> np.ndarray:
    """Return a sprite of colors far from black and white, so that no overshoot is clipped."""
    return np.random.default_rng(seed).integers(60, 190, (24, 24, 3)).astype(np.float64)


@pytest.mark.parametrize("side", [96, 250, 336, 512])
@pytest.mark.parametrize("resampling", FILTERS)
def test_render_equals_resizing_by_pillow(side: int, resampling: Resampling) -> None:
    sprite = Image.fromarray(random_rgb().astype(np.uint8))
    upscaled = sprite.resize((336, 336), Resampling.NEAREST)
    expected = upscaled if side == 336 else upscaled.resize((side, side), resampling)
    assert (np.asarray(render(random_rgb(), side, resampling)) == np.asarray(expected)).all()


@pytest.mark.parametrize("side", [96, 250, 512])
@pytest.mark.parametrize("resampling", [Resampling.BOX, Resampling.BILINEAR, Resampling.LANCZOS])
def test_resize_matrix_equals_rendering_up_to_rounding(side: int, resampling: Resampling) -> None:
    gray = random_rgb()[..., 0]
    matrix = resize_matrix(side, resampling)
    rendered = render(np.repeat(gray[..., None], 3, axis=2), side, resampling)
    assert np.abs(matrix @ gray @ matrix.T - np.asarray(rendered)[..., 0]).max() < 1.6


def test_candidate_filters_of_336_pixels_are_nearest_only() -> None:
    assert candidate_filters(336) == [Resampling.NEAREST]
    assert set(candidate_filters(250)) == set(FILTERS)


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

"""The forward model agrees with Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Resampling

from punkdata.images.restoration.forward_model import (
    FILTERS,
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

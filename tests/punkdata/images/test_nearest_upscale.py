from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import all_colors

from punkdata.images.nearest_upscale import blank_transparent, exact_sprite


def large(side: int, via: int = 24) -> np.ndarray:
    image = Image.fromarray(all_colors()).resize((via, via), Image.Resampling.NEAREST)
    return np.asarray(image.resize((side, side), Image.Resampling.NEAREST)).copy()


@pytest.mark.parametrize("via", [24, 336])
@pytest.mark.parametrize("side", [24, 48, 336, 60, 61, 100, 250, 512, 777, 1024, 2399])
def test_an_enlargement_by_any_factor_comes_back(side: int, via: int) -> None:
    found = exact_sprite(large(side, via))
    assert found is not None
    assert (found == all_colors()).all()


@pytest.mark.parametrize("side", [48, 100, 336, 512])
def test_one_changed_pixel_is_noticed(side: int) -> None:
    rng = np.random.default_rng(side)
    for row, column in rng.integers(side, size=(20, 2)):
        pixels = large(side)
        pixels[row, column] = (1, 2, 3, 255)
        assert exact_sprite(pixels) is None


def test_borders_that_are_not_straight_are_noticed() -> None:
    pixels = large(250)
    pixels[100:150] = np.roll(pixels[100:150], 1, axis=1)
    assert exact_sprite(pixels) is None


def test_shifted_cells_are_noticed() -> None:
    for shift_px in (4, 8, 12):
        assert exact_sprite(np.roll(large(512), shift_px, axis=0)) is None


@pytest.mark.parametrize("side", [48, 100])
def test_a_color_that_nobody_sees_does_not_count(side: int) -> None:
    pixels = large(side)
    pixels[..., 0] = np.where(pixels[..., 3] == 0, np.arange(side) % 256, pixels[..., 0])
    found = exact_sprite(pixels)
    assert found is not None
    assert (found == all_colors()).all()
    assert (blank_transparent(pixels) == large(side)).all()


def test_below_60_pixels_only_whole_factors_are_certain() -> None:
    assert exact_sprite(large(59)) is None

"""Nearest-neighbor upscaling is inverted exactly, and all other images are rejected."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import make_color_chart

from punkdata.images.nearest_upscale import undo_nearest_upscale
from punkdata.images.sprite import zero_transparent


def upscale(side: int, intermediate: int = 24) -> np.ndarray:
    """Return the color chart, upscaled to side `intermediate` and then to `side`."""
    image = Image.fromarray(make_color_chart())
    image = image.resize((intermediate, intermediate), Image.Resampling.NEAREST)
    return np.asarray(image.resize((side, side), Image.Resampling.NEAREST)).copy()


@pytest.mark.parametrize("intermediate", [24, 336])
@pytest.mark.parametrize("side", [24, 48, 336, 60, 61, 100, 250, 512, 777, 1024, 2399])
def test_upscaling_by_any_factor_is_inverted(side: int, intermediate: int) -> None:
    sprite = undo_nearest_upscale(upscale(side, intermediate))
    assert sprite is not None
    assert (sprite == make_color_chart()).all()


@pytest.mark.parametrize("side", [48, 100, 336, 512])
def test_one_changed_pixel_is_detected(side: int) -> None:
    rng = np.random.default_rng(side)
    for row, column in rng.integers(side, size=(20, 2)):
        pixels = upscale(side)
        pixels[row, column] = (1, 2, 3, 255)
        assert undo_nearest_upscale(pixels) is None


def test_block_borders_that_are_not_straight_are_detected() -> None:
    pixels = upscale(250)
    pixels[100:150] = np.roll(pixels[100:150], 1, axis=1)
    assert undo_nearest_upscale(pixels) is None


def test_shifted_blocks_are_detected() -> None:
    for shift_px in (4, 8, 12):
        assert undo_nearest_upscale(np.roll(upscale(512), shift_px, axis=0)) is None


@pytest.mark.parametrize("side", [48, 100])
def test_color_of_transparent_pixels_is_ignored(side: int) -> None:
    pixels = upscale(side)
    pixels[..., 0] = np.where(pixels[..., 3] == 0, np.arange(side) % 256, pixels[..., 0])
    sprite = undo_nearest_upscale(pixels)
    assert sprite is not None
    assert (sprite == make_color_chart()).all()
    assert (zero_transparent(pixels) == upscale(side)).all()


def test_uneven_factor_below_60_pixels_is_refused() -> None:
    assert undo_nearest_upscale(upscale(59)) is None

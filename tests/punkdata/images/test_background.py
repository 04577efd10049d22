"""Removal of plain backgrounds, and refusal of those that may belong to the punk."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import make_color_chart

from punkdata.errors import ImageError
from punkdata.images.background import (
    KNOWN_BACKGROUNDS,
    check_background_color,
    composite_palette,
    remove_background,
)
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR

WHITE = np.array([255, 255, 255], np.uint8)


def composite(sprite: np.ndarray, background: str) -> np.ndarray:
    """Return the sprite over an opaque background color, as Pillow composites it."""
    canvas = Image.new("RGBA", (24, 24), background)
    canvas.alpha_composite(Image.fromarray(sprite))
    return np.asarray(canvas)


@pytest.mark.parametrize("background", [BACKGROUND_COLOR, "#ff00ff", "#123456"])
def test_plain_background_is_removed_and_named(background: str) -> None:
    sprite, name = remove_background(composite(make_color_chart(), background))
    assert (sprite == make_color_chart()).all()
    assert name == background


@pytest.mark.parametrize("alpha", [128 / 255, 0.5])
@pytest.mark.parametrize("round_", [np.floor, np.ceil, np.rint])
@pytest.mark.parametrize("gray", [0x0E, 0x26, 0x80])
def test_half_transparent_mixture_is_exact_or_refused(
    gray: int, round_: np.ufunc, alpha: float
) -> None:
    smoke = np.zeros((24, 24, 4), np.uint8)
    smoke[5:15, 5:15] = (0, 0, 0, 255)
    for row, color in enumerate(PALETTE[PALETTE[:, 3] == 128]):
        smoke[8 + row, 8] = color
    # Image libraries round the mixture differently, and represent one half as 128/255 or 0.5.
    opacity = np.where(smoke[..., 3:] == 128, alpha, smoke[..., 3:] / 255)
    mixed = round_(smoke * opacity + gray * (1 - opacity))
    mixed[..., 3] = 255
    try:
        sprite, _ = remove_background(mixed.astype(np.uint8))
    except ImageError:
        return
    assert (sprite == smoke).all()


def test_corners_of_different_colors_are_refused() -> None:
    pixels = composite(make_color_chart(), BACKGROUND_COLOR).copy()
    pixels[0, 23] = (1, 2, 3, 255)
    with pytest.raises(ImageError, match="corners have different colors"):
        remove_background(pixels)


def test_white_is_background_only_where_connected_to_the_border() -> None:
    is_background = np.zeros((24, 24), bool)
    is_background[0] = True
    is_background[:, 3] = True
    check_background_color(WHITE, is_background)
    is_background[10, 10] = True
    with pytest.raises(ImageError, match="enclosed white pixels"):
        check_background_color(WHITE, is_background)


def test_background_in_another_palette_color_is_refused() -> None:
    with pytest.raises(ImageError, match="#000000, which is also a color of punks"):
        check_background_color(np.zeros(3, np.uint8), np.zeros((24, 24), bool))


def test_composite_palette_equals_compositing_by_pillow() -> None:
    rgb = composite_palette(np.array(KNOWN_BACKGROUNDS[0], np.float64))
    canvas = Image.new("RGBA", (len(PALETTE), 1), BACKGROUND_COLOR)
    canvas.alpha_composite(Image.fromarray(PALETTE[None]))
    assert np.abs(rgb - np.asarray(canvas.convert("RGB"))[0]).max() < 0.6

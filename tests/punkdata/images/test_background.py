from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import all_colors

from punkdata.errors import ImageError
from punkdata.images.background import check_telling, painted, remove_background
from punkdata.images.palette import PALETTE

WHITE = np.array([255, 255, 255], np.uint8)


def on(sprite: np.ndarray, background: str) -> np.ndarray:
    behind = Image.new("RGBA", (24, 24), background)
    behind.alpha_composite(Image.fromarray(sprite))
    return np.asarray(behind)


@pytest.mark.parametrize("background", ["#638596", "#ff00ff", "#123456"])
def test_a_plain_color_is_taken_away_and_named(background: str) -> None:
    sprite, name = remove_background(on(all_colors(), background))
    assert (sprite == all_colors()).all()
    assert name == background


@pytest.mark.parametrize("alpha", [128 / 255, 0.5])
@pytest.mark.parametrize("round_", [np.floor, np.ceil, np.rint])
@pytest.mark.parametrize("gray", [0x0E, 0x26, 0x80])
def test_smoke_mixed_by_any_program_is_right_or_refused(
    gray: int, round_: np.ufunc, alpha: float
) -> None:
    smoke = np.zeros((24, 24, 4), np.uint8)
    smoke[5:15, 5:15] = (0, 0, 0, 255)
    for row, color in enumerate(PALETTE[PALETTE[:, 3] == 128]):
        smoke[8 + row, 8] = color
    over = np.where(smoke[..., 3:] == 128, alpha, smoke[..., 3:] / 255)
    mixed = round_(smoke * over + gray * (1 - over))
    mixed[..., 3] = 255
    try:
        sprite, _ = remove_background(mixed.astype(np.uint8))
    except ImageError:
        return
    assert (sprite == smoke).all()


def test_corners_of_two_colors_are_no_background() -> None:
    pixels = on(all_colors(), "#638596").copy()
    pixels[0, 23] = (1, 2, 3, 255)
    with pytest.raises(ImageError, match="corners of different colors"):
        remove_background(pixels)


def test_white_that_touches_the_border_is_background_and_enclosed_white_is_not_certain() -> None:
    outside = np.zeros((24, 24), bool)
    outside[0] = True
    outside[:, 3] = True
    check_telling(WHITE, outside)
    outside[10, 10] = True
    with pytest.raises(ImageError, match="white inside"):
        check_telling(WHITE, outside)


def test_any_other_color_of_punks_is_refused() -> None:
    with pytest.raises(ImageError, match="#000000, which is also a color of punks"):
        check_telling(np.zeros(3, np.uint8), np.zeros((24, 24), bool))


def test_the_palette_over_a_background() -> None:
    rgb = painted(np.array([0x63, 0x85, 0x96], np.float64))
    behind = Image.new("RGBA", (len(PALETTE), 1), "#638596")
    behind.alpha_composite(Image.fromarray(PALETTE[None]))
    assert np.abs(rgb - np.asarray(behind.convert("RGB"))[0]).max() < 0.6

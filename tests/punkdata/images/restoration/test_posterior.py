from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sprites import DrawnPunk, all_colors, enlarged, picture_bytes

from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.jpeg import JpegRendition
from punkdata.images.restoration.posterior import Restoration, restore

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])


def restored(
    sprite: np.ndarray, side: int = 336, background: str = "#638596", **options: Any
) -> Restoration:
    image = enlarged(sprite, side, background)
    data = picture_bytes(image, "JPEG", **{"quality": 85} | options)
    return restore(JpegRendition(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("side", [250, 336])
def test_the_same_picture_gives_the_same_answer(side: int) -> None:
    first, second = restored(PUNK.sprite, side), restored(PUNK.sprite, side)
    assert (first.indices == second.indices).all()
    assert first.odds == second.odds


def test_a_sprite_of_all_colors_comes_back_though_that_is_unlikely() -> None:
    found = restored(all_colors(), 336, quality=95)
    assert (found.indices == palette_indices(all_colors()).reshape(-1)).all()


def test_the_background_is_found_and_a_well_known_one_exactly() -> None:
    assert restored(PUNK.sprite).background.tolist() == [0x63, 0x85, 0x96]
    assert (
        np.abs(restored(PUNK.sprite, background="#40c0ff").background - [64, 192, 255]).max() <= 2
    )


def test_the_coarser_a_picture_the_less_sure_is_the_answer() -> None:
    odds = [restored(all_colors(), 250, quality=quality).odds for quality in (95, 60, 20)]
    assert odds == sorted(odds)
    assert odds[0] < 0.01 < odds[-1]


def test_colors_off_the_palette_are_strange() -> None:
    assert restored(PUNK.sprite).strangeness < 4
    strange = PUNK.sprite.copy()
    strange[10:14, 8:12] = (40, 220, 180, 255)
    assert restored(strange).strangeness > 6


def test_a_color_like_the_background_is_named_as_hidden() -> None:
    assert restored(PUNK.sprite).hidden.size == 0
    hidden = restored(PUNK.sprite, background="#5c7f91").hidden
    assert PALETTE[hidden].tolist() == [[0x5C, 0x7F, 0x91, 255]]


def test_one_pixel_of_a_near_color_is_kept_where_the_picture_tells_it() -> None:
    # Two colors of the palette that differ by 2 in 255, side by side.
    near = np.zeros((24, 24, 4), np.uint8)
    near[4:20, 4:20] = (0x86, 0x58, 0x1E, 255)
    near[10, 10] = (0x85, 0x56, 0x1E, 255)
    found = restored(near, 336, quality=95)
    assert (PALETTE[found.indices].reshape(24, 24, 4) == near).all()

"""Restored sprites, and the confidence in them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, encode_image, enlarge_sprite, make_color_chart

from punkdata.images.background import KNOWN_BACKGROUNDS
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.jpeg import JpegObservation
from punkdata.images.restoration.posterior import Restoration, restore
from punkdata.images.sprite import BACKGROUND_COLOR

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])


def restore_jpeg(
    sprite: np.ndarray, side: int = 336, background: str = BACKGROUND_COLOR, **options: Any
) -> Restoration:
    """Restore the sprite from a JPEG, of quality 85 unless the options say otherwise."""
    image = enlarge_sprite(sprite, side, background)
    data = encode_image(image, "JPEG", **{"quality": 85} | options)
    return restore(JpegObservation(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("side", [250, 336])
def test_restore_is_deterministic(side: int) -> None:
    first, second = restore_jpeg(PUNK.sprite, side), restore_jpeg(PUNK.sprite, side)
    assert (first.indices == second.indices).all()
    assert first.alternative_odds == second.alternative_odds


def test_restore_returns_a_sprite_that_the_prior_disfavors() -> None:
    restored = restore_jpeg(make_color_chart(), 336, quality=95)
    assert (restored.indices == palette_indices(make_color_chart())).all()


def test_restore_snaps_to_a_known_background() -> None:
    assert restore_jpeg(PUNK.sprite).background.tolist() == list(KNOWN_BACKGROUNDS[0])
    unknown = restore_jpeg(PUNK.sprite, background="#40c0ff").background
    assert np.abs(unknown - [0x40, 0xC0, 0xFF]).max() <= 2


def test_alternative_odds_increase_as_quality_decreases() -> None:
    odds = [
        restore_jpeg(make_color_chart(), 250, quality=quality).alternative_odds
        for quality in (95, 60, 20)
    ]
    assert odds == sorted(odds)
    assert odds[0] < 0.01 < odds[-1]


def test_unknown_color_has_a_large_deviation() -> None:
    assert restore_jpeg(PUNK.sprite).max_color_deviation < 4
    with_unknown_color = PUNK.sprite.copy()
    with_unknown_color[10:14, 8:12] = (40, 220, 180, 255)
    assert restore_jpeg(with_unknown_color).max_color_deviation > 6


def test_palette_color_near_the_background_is_reported() -> None:
    assert restore_jpeg(PUNK.sprite).background_like.size == 0
    background_like = restore_jpeg(PUNK.sprite, background="#5c7f91").background_like
    assert PALETTE[background_like].tolist() == [[0x5C, 0x7F, 0x91, 255]]


def test_single_pixel_of_a_similar_color_is_restored() -> None:
    # Two neighboring colors of the palette that differ by 2 in 255.
    sprite = np.zeros((24, 24, 4), np.uint8)
    sprite[4:20, 4:20] = (0x86, 0x58, 0x1E, 255)
    sprite[10, 10] = (0x85, 0x56, 0x1E, 255)
    restored = restore_jpeg(sprite, 336, quality=95)
    assert (PALETTE[restored.indices] == sprite).all()

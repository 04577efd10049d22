"""Lossy and smoothly resized images decode to the exact sprite, or are refused with a reason."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from support.sprites import (
    FakePunk,
    encode_image,
    enlarge_sprite,
    make_color_chart,
    make_punks,
    svg_uri,
)

from punkdata.errors import ImageError
from punkdata.images.decode import MIN_CONFIDENCE, decode_image
from punkdata.images.sprite import BACKGROUND_COLOR

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])


def parse_rgb(name: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(name[1:]), np.uint8).astype(int)


@pytest.mark.parametrize(
    ("kind", "side", "quality", "background"),
    [
        ("AVIF", 336, 90, BACKGROUND_COLOR),
        ("WEBP", 512, 80, BACKGROUND_COLOR),
        ("JPEG", 336, 85, BACKGROUND_COLOR),
        ("JPEG", 250, 85, BACKGROUND_COLOR),
        ("JPEG", 500, 60, "#c0ffee"),
        ("WEBP", 512, 90, "#c0ffee"),
        ("AVIF", 512, 80, None),
        ("PNG", 250, None, BACKGROUND_COLOR),
        ("PNG", 250, None, None),
    ],
)
def test_lossy_image_is_exact_or_refused(
    kind: str, side: int, quality: int | None, background: str | None
) -> None:
    num_decoded = 0
    options = {"quality": quality} if quality else {}
    for punk in make_punks(12):
        data = encode_image(enlarge_sprite(punk.sprite, side, background), kind, **options)
        try:
            decoded = decode_image(data)
        except ImageError:
            continue
        assert (decoded.sprite == punk.sprite).all()
        assert decoded.scale == side / 24
        assert MIN_CONFIDENCE <= decoded.confidence <= 1
        if background is None:
            assert decoded.background is None
        else:
            assert decoded.background is not None
            difference = parse_rgb(decoded.background) - parse_rgb(background)
            assert np.abs(difference).max() <= 2
        num_decoded += 1
    assert num_decoded >= 6


def test_ambiguous_image_is_refused() -> None:
    data = encode_image(enlarge_sprite(make_color_chart(), 128), "JPEG", quality=30)
    with pytest.raises(ImageError, match="is ambiguous: .*confidence 0[.]"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_image_that_is_not_an_enlarged_sprite_is_refused(kind: str) -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (336, 336, 3), np.uint8))
    finer_grid = Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8))
    finer_grid = finer_grid.resize((336, 336), Image.Resampling.NEAREST)
    shifted = Image.new("RGB", (336, 336), BACKGROUND_COLOR)
    shifted.paste(enlarge_sprite(PUNK.sprite), (7, 5))
    for image in (noise, finer_grid, shifted):
        with pytest.raises(ImageError):
            decode_image(encode_image(image, kind))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_color_outside_the_palette_is_refused(kind: str) -> None:
    sprite = PUNK.sprite.copy()
    sprite[10:14, 8:12] = (40, 220, 180, 255)
    with pytest.raises(ImageError, match="that no punk has|is ambiguous|detail finer"):
        decode_image(encode_image(enlarge_sprite(sprite), kind, quality=90))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_background_in_a_palette_color_is_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="also a color of punks"):
        decode_image(encode_image(enlarge_sprite(PUNK.sprite, 336, "#000000"), kind, quality=90))


def test_lossy_white_background_is_removed_unless_white_is_enclosed() -> None:
    square = np.zeros((24, 24, 4), np.uint8)
    square[5:15, 5:15] = (0, 0, 0, 255)
    on_white = enlarge_sprite(square, 336, "#ffffff")
    assert (decode_image(encode_image(on_white, "JPEG", quality=85)).sprite == square).all()
    square[8:10, 8:10] = 255
    on_white = enlarge_sprite(square, 336, "#ffffff")
    with pytest.raises(ImageError, match="enclosed white pixels"):
        decode_image(encode_image(on_white, "JPEG", quality=85))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "SVG"])
def test_damaged_image_raises_only_image_errors(kind: str) -> None:
    original = svg_uri(PUNK.sprite).encode()
    if kind != "SVG":
        original = encode_image(enlarge_sprite(PUNK.sprite, 120), kind, quality=80)
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(original)
        for position in rng.integers(len(data), size=3):
            data[position] = rng.integers(256)
        with suppress(ImageError):
            decode_image(bytes(data[: rng.integers(1, len(data) + 1)]))

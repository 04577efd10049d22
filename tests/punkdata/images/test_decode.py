"""Lossless images decode to the exact sprite, or are refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sprites import (
    FakePunk,
    encode_image,
    enlarge_sprite,
    make_color_chart,
    png_bytes,
    svg_uri,
)

from punkdata.errors import ImageError, UsageError
from punkdata.images.decode import decode_image
from punkdata.images.sprite import BACKGROUND_COLOR, pack_chunk, pixels_sha256, zero_transparent

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])
BLANK = np.zeros((24, 24, 4), np.uint8)
HALF_TRANSPARENT = (221, 221, 221, 128)


@pytest.mark.parametrize("scale", [1, 2, 14, 40])
@pytest.mark.parametrize("background", [None, BACKGROUND_COLOR, "#ff00ff"])
def test_enlarged_png_with_or_without_background_is_exact(
    scale: int, background: str | None
) -> None:
    mode = "RGB" if background else "RGBA"
    decoded = decode_image(png_bytes(PUNK.sprite, scale, background, mode))
    assert (decoded.sprite == PUNK.sprite).all()
    assert (decoded.scale, decoded.background) == (scale, background)


@pytest.mark.parametrize("side", [60, 100, 250, 337, 512, 1000, 1024])
@pytest.mark.parametrize("background", [None, BACKGROUND_COLOR])
def test_png_enlarged_by_an_uneven_factor_is_exact(side: int, background: str | None) -> None:
    image = enlarge_sprite(make_color_chart(), side, background, Image.Resampling.NEAREST)
    decoded = decode_image(encode_image(image, "PNG"))
    assert (decoded.sprite == make_color_chart()).all()
    assert decoded.scale == side / 24
    assert (decoded.background, decoded.confidence) == (background, 1)


def test_indexed_png_with_transparency_is_exact() -> None:
    image = Image.open(io.BytesIO(png_bytes(PUNK.sprite, 3)))
    # The sprite has fewer than 256 colors, so quantization does not change any.
    indexed = image.quantize(256, method=Image.Quantize.FASTOCTREE)
    assert (decode_image(encode_image(indexed, "PNG")).sprite == PUNK.sprite).all()


def test_lossless_webp_is_exact() -> None:
    data = encode_image(Image.fromarray(make_color_chart()), "WEBP", lossless=True, exact=True)
    assert (decode_image(data).sprite == make_color_chart()).all()


@pytest.mark.parametrize("wrap", [str, lambda uri: uri.partition(",")[2]], ids=["uri", "svg"])
def test_on_chain_svg_is_exact(wrap: Callable[[str], str]) -> None:
    decoded = decode_image(wrap(svg_uri(make_color_chart())).encode())
    assert (decoded.sprite == make_color_chart()).all()
    assert (decoded.scale, decoded.background, decoded.confidence) == (1, None, 1)
    assert decoded.sprite.flags.writeable  # torch warns about read-only arrays.


def test_color_of_transparent_pixels_is_ignored() -> None:
    hidden_color = PUNK.sprite.copy()
    hidden_color[hidden_color[..., 3] == 0, 0] = 77
    assert (decode_image(png_bytes(hidden_color)).sprite == PUNK.sprite).all()
    assert pixels_sha256(zero_transparent(hidden_color)) == pixels_sha256(PUNK.sprite)


@pytest.mark.parametrize("mode", ["RGBA", "P", "PA"])
def test_pil_image_of_any_mode_is_exact(mode: str) -> None:
    image = Image.open(io.BytesIO(png_bytes(PUNK.sprite, 3))).quantize(
        256, method=Image.Quantize.FASTOCTREE
    )
    image = image.convert(mode) if mode != "P" else image
    assert (decode_image(image).sprite == PUNK.sprite).all()


def test_path_and_data_uri_are_read(tmp_path: Path) -> None:
    file = tmp_path / "punk.png"
    file.write_bytes(png_bytes(PUNK.sprite, 2))
    for source in (file, str(file), svg_uri(PUNK.sprite)):
        assert (decode_image(source).sprite == PUNK.sprite).all()


def test_result_is_shown_as_a_short_text_and_a_picture() -> None:
    decoded = decode_image(png_bytes(PUNK.sprite, 2, "#ff00ff", "RGB"))
    facts = "24x24 RGBA, scale 2, background '#ff00ff', confidence 1"
    assert repr(decoded) == f"DecodedImage({facts})"
    assert (np.asarray(decoded.image) == PUNK.sprite).all()
    assert (decode_image(decoded._repr_png_()).sprite == PUNK.sprite).all()


def test_errors_name_the_image(tmp_path: Path) -> None:
    file = tmp_path / "punk.png"
    file.write_bytes(b"abc")
    with pytest.raises(ImageError, match=r"punk.png' is in an unknown format"):
        decode_image(file)
    with pytest.raises(ImageError, match=r"^the image is in an unknown format"):
        decode_image(b"abc")
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*none.png'"):
        decode_image(tmp_path / "none.png")


@pytest.mark.parametrize("source", [None, 5, np.zeros((24, 24, 4), np.uint8)])
def test_other_types_are_refused(source: Any) -> None:
    with pytest.raises(UsageError, match="an image is a path, the bytes of a file, or a PIL image"):
        decode_image(source)


def test_failure_of_a_lossy_pil_image_suggests_its_file() -> None:
    photo = Image.open(io.BytesIO(encode_jpeg(BLANK)))
    with pytest.raises(ImageError, match="pass the JPEG file itself: its path, or its bytes"):
        decode_image(photo)


# -- backgrounds that are ambiguous ------------------------------------------------------------


def test_white_background_is_removed_unless_white_is_enclosed() -> None:
    square = BLANK.copy()
    square[5:15, 5:15] = (0, 0, 0, 255)
    assert (decode_image(png_bytes(square, 2, "#ffffff", "RGB")).sprite == square).all()
    square[8, 8] = (255, 255, 255, 255)
    with pytest.raises(ImageError, match="enclosed white pixels"):
        decode_image(png_bytes(square, 2, "#ffffff", "RGB"))


def test_background_that_hides_half_transparent_pixels_is_refused() -> None:
    smoke = PUNK.sprite.copy()
    smoke[10, 20] = HALF_TRANSPARENT
    with pytest.raises(ImageError, match="look the same"):
        decode_image(png_bytes(smoke, 1, "#dddddd", "RGB"))


def test_mixture_with_unknown_rounding_is_refused() -> None:
    smoke = PUNK.sprite.copy()
    smoke[10, 20] = HALF_TRANSPARENT
    data = png_bytes(smoke, 1, BACKGROUND_COLOR, "RGB")
    pixels = np.asarray(Image.open(io.BytesIO(data))).copy()
    pixels[10, 20] -= 1
    with pytest.raises(ImageError, match="that no punk has"):
        decode_image(encode_image(Image.fromarray(pixels), "PNG"))


def test_half_transparent_background_is_refused() -> None:
    sprite = PUNK.sprite.copy()
    sprite[sprite[..., 3] == 0] = (99, 133, 150, 200)
    with pytest.raises(ImageError, match="neither all transparent nor all opaque"):
        decode_image(png_bytes(sprite))


# -- unreadable images -------------------------------------------------------------------------


def encode_jpeg(sprite: np.ndarray, mode: str = "RGB") -> bytes:
    return png_bytes(sprite, 14, BACKGROUND_COLOR, mode, format="JPEG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n", "without a header"),
        (b"<html>", "HTML"),
        (png_bytes(PUNK.sprite, mode="RGB", format="JPEG"), "24 pixels wide, too small"),
        (png_bytes(PUNK.sprite, format="WEBP"), "24 pixels wide, too small"),
        (png_bytes(PUNK.sprite, format="AVIF"), "24 pixels wide, too small"),
        (png_bytes(PUNK.sprite, format="GIF"), "is GIF, not a PNG"),
        (encode_jpeg(PUNK.sprite, "CMYK"), "without RGB colors .*CMYK"),
        (encode_jpeg(PUNK.sprite, "L"), "without RGB colors .*mode is L"),
        (encode_jpeg(PUNK.sprite)[:-900], "damaged JPEG"),
        (png_bytes(BLANK, 14), "not a punk sprite: it has only one color"),
        (encode_jpeg(BLANK), "not a punk sprite: it has only one color"),
        (png_bytes(PUNK.sprite)[:-40], "damaged"),
        (png_bytes(PUNK.sprite) + b"\0" * 9_000_000, "more than 8,000,000"),
    ],
)
def test_unreadable_image_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data)


def test_png_with_very_many_chunks_is_refused() -> None:
    png = png_bytes(FakePunk(1, "Ape").sprite)
    with_many_chunks = png[:33] + pack_chunk(b"teSt", b"") * 100_000 + png[33:]
    with pytest.raises(ImageError, match="more than 1,000 chunks"):
        decode_image(with_many_chunks)


# -- damaged PNGs ------------------------------------------------------------------------------


def test_any_flipped_bit_in_a_png_is_detected() -> None:
    png = png_bytes(PUNK.sprite)
    for bit in range(8 * 8, 8 * len(png)):  # The 8 bytes of the signature decide the format.
        data = bytearray(png)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ImageError):
            decode_image(bytes(data))


def test_damaged_png_raises_only_image_errors() -> None:
    png = png_bytes(PUNK.sprite, 2)
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(png)
        for position in rng.integers(8, len(data), 3):
            data[position] = rng.integers(256)
        try:
            decode_image(bytes(data[: rng.integers(1, len(data) + 1)]))
        except ImageError:
            continue


def test_chunk_that_pillow_cannot_parse_is_reported_as_damage() -> None:
    png = png_bytes(FakePunk(1, "Ape").sprite)
    # The checksum of this empty color profile is correct, so only Pillow detects the damage.
    with pytest.raises(ImageError, match="damaged PNG"):
        decode_image(png[:-12] + pack_chunk(b"iCCP", b"") + png[-12:])

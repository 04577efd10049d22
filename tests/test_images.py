from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from drawing import DrawnPunk, draw_punks, png_bytes
from PIL import Image

from punkdata.errors import DataError, ImageError
from punkdata.cells import blank_transparent
from punkdata.images import (
    decode_image,
    decode_sprites,
    encode_png,
    pixels_sha256,
)
from punkdata.palette import PALETTE

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])
BLUE = "#638596"


def all_colours() -> np.ndarray:
    """A sprite that shows every colour of the palette, inside a transparent frame."""
    sprite = np.zeros((24, 24, 4), np.uint8)
    inner = np.zeros((256, 4), np.uint8)  # 16 x 16 places
    inner[:222] = PALETTE
    sprite[4:20, 4:20] = inner.reshape(16, 16, 4)
    return sprite


# -- our own PNGs ------------------------------------------------------------------------


def test_our_png_comes_back_exactly_and_is_an_ordinary_png() -> None:
    sprites = np.stack([p.sprite for p in draw_punks(10)] + [all_colours()])
    pngs = [encode_png(s) for s in sprites]
    assert (decode_sprites(pngs) == sprites).all()
    for png, sprite in zip(pngs, sprites, strict=True):
        image = Image.open(io.BytesIO(png))
        assert (image.mode, image.size) == ("RGBA", (24, 24))
        assert (np.asarray(image) == sprite).all()


def test_a_png_that_we_did_not_write_is_refused_by_the_fast_reader() -> None:
    strange = png_bytes(np.zeros((24, 24, 4), np.uint8), scale=2)
    with pytest.raises(DataError, match="not written by punkdata"):
        decode_sprites([encode_png(PUNK.sprite), strange])


def test_a_png_with_row_filters_is_refused_by_the_fast_reader() -> None:
    ours = encode_png(PUNK.sprite)
    rows = bytearray(zlib.decompress(ours[41:-16]))
    rows[97] = 1
    body = zlib.compress(bytes(rows))
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body
    png = ours[:33] + chunk + struct.pack(">I", zlib.crc32(b"IDAT" + body)) + ours[-12:]
    with pytest.raises(DataError, match="row filters"):
        decode_sprites([png])


@pytest.mark.parametrize("at", range(45, 80, 5))
def test_a_changed_byte_in_our_png_is_found(at: int) -> None:
    png = bytearray(encode_png(PUNK.sprite))
    png[at] ^= 0x55
    with pytest.raises(DataError, match="damaged"):
        decode_sprites([bytes(png)])


# -- anybody's PNGs ----------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 2, 14, 40])
@pytest.mark.parametrize("background", [None, BLUE, "#ff00ff"])
def test_enlarged_and_with_a_background_the_sprite_comes_back(
    scale: int, background: str | None
) -> None:
    mode = "RGB" if background else "RGBA"
    found = decode_image(png_bytes(PUNK.sprite, scale, background, mode))
    assert (found.sprite == PUNK.sprite).all()
    assert (found.scale, found.background) == (scale, background)


def test_all_222_colours_come_back_from_the_collection_s_own_background() -> None:
    sprite = all_colours()
    assert (decode_image(png_bytes(sprite, 14, BLUE, "RGB")).sprite == sprite).all()


def test_an_indexed_png_with_transparency_comes_back() -> None:
    # Few enough colours for an exact palette.
    data = png_bytes(PUNK.sprite, 3)
    indexed = Image.open(io.BytesIO(data)).quantize(256, method=Image.Quantize.FASTOCTREE)
    file = io.BytesIO()
    indexed.save(file, "PNG")
    assert (decode_image(file.getvalue()).sprite == PUNK.sprite).all()


def test_colour_under_transparent_pixels_does_not_count() -> None:
    messy = PUNK.sprite.copy()
    messy[messy[..., 3] == 0, 0] = 77
    assert (decode_image(png_bytes(messy)).sprite == PUNK.sprite).all()
    assert pixels_sha256(blank_transparent(messy)) == pixels_sha256(PUNK.sprite)


def test_white_outside_is_background_but_white_inside_is_uncertain() -> None:
    plain = np.zeros((24, 24, 4), np.uint8)
    plain[5:15, 5:15] = (0, 0, 0, 255)
    assert (decode_image(png_bytes(plain, 2, "#ffffff", "RGB")).sprite == plain).all()
    plain[8, 8] = (255, 255, 255, 255)
    with pytest.raises(ImageError, match="white inside"):
        decode_image(png_bytes(plain, 2, "#ffffff", "RGB"))


def test_a_background_that_punks_also_wear_is_refused() -> None:
    with pytest.raises(ImageError, match="#000000, which is also a colour of punks"):
        decode_image(png_bytes(PUNK.sprite, 2, "#000000", "RGB"))


def test_a_background_on_which_smoke_vanishes_is_refused() -> None:
    smoke = PUNK.sprite.copy()
    smoke[10, 20] = (221, 221, 221, 128)
    grey = "#%02x%02x%02x" % ((221,) * 3)
    with pytest.raises(ImageError, match="look the same"):
        decode_image(png_bytes(smoke, 1, grey, "RGB"))


def test_smoke_mixed_by_a_program_that_rounds_otherwise_is_refused() -> None:
    smoke = PUNK.sprite.copy()
    smoke[10, 20] = (221, 221, 221, 128)
    flat = np.asarray(Image.open(io.BytesIO(png_bytes(smoke, 1, BLUE, "RGB")))).copy()
    flat[10, 20] -= 1
    file = io.BytesIO()
    Image.fromarray(flat).save(file, "PNG")
    with pytest.raises(ImageError, match="that no punk has"):
        decode_image(file.getvalue())


def test_a_half_transparent_background_is_refused() -> None:
    sprite = PUNK.sprite.copy()
    sprite[sprite[..., 3] == 0] = (99, 133, 150, 200)
    with pytest.raises(ImageError, match="neither transparent nor opaque"):
        decode_image(png_bytes(sprite))


def test_no_flipped_bit_changes_a_pixel_unseen() -> None:
    whole = png_bytes(PUNK.sprite)
    for bit in range(8 * 8, 8 * len(whole)):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ImageError):
            decode_image(bytes(data))


def smooth() -> bytes:
    image = Image.open(io.BytesIO(png_bytes(PUNK.sprite, 4))).resize((48, 48), Image.BILINEAR)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def sixteen_bit() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((24, 24), np.uint16)).save(file, "PNG")
    return file.getvalue()


def animated() -> bytes:
    frames = [Image.fromarray(p.sprite) for p in draw_punks(2)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def corners_differ() -> bytes:
    image = Image.new("RGB", (24, 24), "red")
    image.putpixel((0, 0), (0, 0, 255))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n", "without a header"),
        (b"<html>", "HTML"),
        (png_bytes(PUNK.sprite, mode="RGB", format="JPEG"), "JPEG"),
        (png_bytes(PUNK.sprite, format="WEBP"), "WebP"),
        (png_bytes(PUNK.sprite, format="AVIF"), "AVIF"),
        (png_bytes(PUNK.sprite, format="GIF"), "GIF"),
        (png_bytes(PUNK.sprite)[:-40], "damaged"),
        (png_bytes(PUNK.sprite) + b"\0" * 9_000_000, "more than 8,000,000"),
        (smooth(), "not of one colour"),
        (sixteen_bit(), "16 bits"),
        (animated(), "animation"),
        (corners_differ(), "corners of different colours"),
    ],
)
def test_what_is_not_certainly_a_punk_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data)


@pytest.mark.parametrize(
    "size", [(23, 23), (24, 48), (100, 100), (1, 1), (2424, 2424), (9600, 9600)]
)
def test_a_size_that_is_no_enlargement_is_refused_before_decoding(size: tuple[int, int]) -> None:
    header = struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(ImageError, match=f"{size[0]}x{size[1]} pixels"):
        decode_image(data)


def test_no_cut_or_changed_png_escapes_as_another_error() -> None:
    whole = png_bytes(PUNK.sprite, 2)
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(8, len(data), 3):
            data[at] = rng.integers(256)
        try:
            decode_image(bytes(data[: rng.integers(1, len(data) + 1)]))
        except ImageError:
            continue


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_png_of_very_many_parts_is_refused_at_once() -> None:
    png = png_bytes(DrawnPunk(1, "Ape").sprite)
    stuffed = png[:33] + chunk(b"teSt") * 100_000 + png[33:]
    with pytest.raises(ImageError, match="more than 1,000 parts"):
        decode_image(stuffed)


def test_whatever_pillow_stumbles_over_is_a_damaged_png() -> None:
    png = png_bytes(DrawnPunk(1, "Ape").sprite)
    with pytest.raises(ImageError, match="damaged PNG"):
        decode_image(png[:-12] + chunk(b"iCCP") + png[-12:])

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from support.sprites import (
    DrawnPunk,
    all_colors,
    draw_punks,
    enlarged,
    picture_bytes,
    png_bytes,
    svg_uri,
)

from punkdata.errors import DataError, ImageError
from punkdata.images.decode import (
    MIN_CONFIDENCE,
    decode_image,
    decode_sprites,
    encode_png,
    pixels_sha256,
)
from punkdata.images.nearest_upscale import blank_transparent

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])
BLUE = "#638596"


# -- our own PNGs ------------------------------------------------------------------------


def test_our_png_comes_back_exactly_and_is_an_ordinary_png() -> None:
    sprites = np.stack([p.sprite for p in draw_punks(10)] + [all_colors()])
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


@pytest.mark.parametrize("rows", [bytes(50_000_000), bytes(2327), bytes(2329)])
def test_our_png_never_swells(rows: bytes) -> None:
    body = zlib.compress(rows)
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body
    ours = encode_png(PUNK.sprite)
    png = ours[:33] + chunk + struct.pack(">I", zlib.crc32(b"IDAT" + body)) + ours[-12:]
    tracemalloc.start()
    with pytest.raises(DataError, match="damaged"):
        decode_sprites([png])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


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


def test_all_222_colors_come_back_from_the_collection_s_own_background() -> None:
    sprite = all_colors()
    assert (decode_image(png_bytes(sprite, 14, BLUE, "RGB")).sprite == sprite).all()


def test_an_indexed_png_with_transparency_comes_back() -> None:
    # Few enough colors for an exact palette.
    data = png_bytes(PUNK.sprite, 3)
    indexed = Image.open(io.BytesIO(data)).quantize(256, method=Image.Quantize.FASTOCTREE)
    file = io.BytesIO()
    indexed.save(file, "PNG")
    assert (decode_image(file.getvalue()).sprite == PUNK.sprite).all()


def test_color_under_transparent_pixels_does_not_count() -> None:
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
    with pytest.raises(ImageError, match="#000000, which is also a color of punks"):
        decode_image(png_bytes(PUNK.sprite, 2, "#000000", "RGB"))


def test_a_background_on_which_smoke_vanishes_is_refused() -> None:
    smoke = PUNK.sprite.copy()
    smoke[10, 20] = (221, 221, 221, 128)
    gray = "#%02x%02x%02x" % ((221,) * 3)
    with pytest.raises(ImageError, match="look the same"):
        decode_image(png_bytes(smoke, 1, gray, "RGB"))


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
        (png_bytes(PUNK.sprite, mode="RGB", format="JPEG"), "24 pixels wide, too small"),
        (png_bytes(PUNK.sprite, format="WEBP"), "too small for a WebP"),
        (png_bytes(PUNK.sprite, format="AVIF"), "too small for a AVIF"),
        (png_bytes(PUNK.sprite, format="GIF"), "is not a PNG, .* but GIF"),
        (png_bytes(PUNK.sprite, 14, "#638596", "CMYK", format="JPEG"), "for print"),
        (png_bytes(PUNK.sprite, 14, "#638596", "L", format="JPEG"), "is gray"),
        (png_bytes(PUNK.sprite, 14, "#638596", "RGB", format="JPEG")[:-900], "damaged JPEG"),
        (png_bytes(np.zeros((24, 24, 4), np.uint8), 14), "nothing but one plain color"),
        (png_bytes(np.zeros((24, 24, 4), np.uint8), 14, "#638596", "RGB", format="JPEG"), "plain"),
        (png_bytes(PUNK.sprite)[:-40], "damaged"),
        (png_bytes(PUNK.sprite) + b"\0" * 9_000_000, "more than 8,000,000"),
        (sixteen_bit(), "16 bits"),
        (animated(), "animation"),
        (corners_differ(), "corners of different colors"),
    ],
)
def test_what_is_not_certainly_a_punk_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data)


@pytest.mark.parametrize(
    "size", [(23, 23), (24, 48), (1, 1), (2401, 2401), (9600, 9600), (2**31 - 1, 2**31 - 1)]
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


# -- lossless pictures of any size -----------------------------------------------------------


@pytest.mark.parametrize("side", [60, 100, 250, 337, 512, 1000, 1024])
@pytest.mark.parametrize("background", [None, BLUE])
def test_uneven_enlargements_come_back(side: int, background: str | None) -> None:
    image = enlarged(all_colors(), side, background, Image.Resampling.NEAREST)
    found = decode_image(picture_bytes(image, "PNG"))
    assert (found.sprite == all_colors()).all()
    assert found.scale == side / 24
    assert (found.background, found.confidence) == (background, 1)


def test_a_lossless_webp_is_exact_at_any_size() -> None:
    data = picture_bytes(Image.fromarray(all_colors()), "WEBP", lossless=True, exact=True)
    assert (decode_image(data).sprite == all_colors()).all()


@pytest.mark.parametrize("wrap", [str, lambda uri: uri.partition(",")[2]])
def test_the_on_chain_svg_comes_back(wrap: Callable[[str], str]) -> None:
    found = decode_image(wrap(svg_uri(all_colors())).encode())
    assert (found.sprite == all_colors()).all()
    assert (found.scale, found.background, found.confidence) == (1, None, 1)
    assert found.sprite.flags.writeable  # or torch warns


# -- lossy pictures ----------------------------------------------------------------------------

LOSSY = [
    ("AVIF", 336, 90, BLUE),
    ("WEBP", 512, 80, BLUE),
    ("JPEG", 336, 85, BLUE),
    ("JPEG", 250, 85, BLUE),
    ("JPEG", 500, 60, "#c0ffee"),
    ("WEBP", 512, 90, "#c0ffee"),
    ("AVIF", 512, 80, None),
    ("PNG", 250, None, BLUE),
    ("PNG", 250, None, None),
]


@pytest.mark.parametrize(("kind", "side", "quality", "background"), LOSSY)
def test_lossy_pictures_come_back_exactly_or_not_at_all(
    kind: str, side: int, quality: int | None, background: str | None
) -> None:
    read = 0
    options = {"quality": quality} if quality else {}
    for punk in draw_punks(12):
        data = picture_bytes(enlarged(punk.sprite, side, background), kind, **options)
        try:
            found = decode_image(data)
        except ImageError:
            continue
        assert (found.sprite == punk.sprite).all()
        assert found.scale == side / 24
        assert MIN_CONFIDENCE <= found.confidence <= 1
        if background is None:
            assert found.background is None
        else:
            assert found.background is not None
            apart = [a - b for a, b in zip(*map(rgb, (found.background, background)), strict=True)]
            assert max(map(abs, apart)) <= 2
        read += 1
    assert read >= 6


def rgb(name: str) -> bytes:
    return bytes.fromhex(name[1:])


def test_what_may_be_two_sprites_is_refused() -> None:
    data = picture_bytes(enlarged(all_colors(), 128), "JPEG", quality=30)
    with pytest.raises(ImageError, match="more than one way .confidence 0[.]"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_what_is_no_enlarged_sprite_is_refused(kind: str) -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (336, 336, 3), np.uint8))
    fine = Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).resize((336, 336), 0)
    shifted = Image.new("RGB", (336, 336), BLUE)
    shifted.paste(enlarged(PUNK.sprite), (7, 5))
    for image in (noise, fine, shifted):
        with pytest.raises(ImageError):
            decode_image(picture_bytes(image, kind))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_colors_that_no_punk_has_are_refused(kind: str) -> None:
    strange = PUNK.sprite.copy()
    strange[10:14, 8:12] = (40, 220, 180, 255)
    with pytest.raises(ImageError, match="that no punk has|more than one way|detail finer"):
        decode_image(picture_bytes(enlarged(strange), kind, quality=90))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_a_background_that_punks_wear_is_refused_in_lossy_pictures_too(kind: str) -> None:
    with pytest.raises(ImageError, match="also a color of punks"):
        decode_image(picture_bytes(enlarged(PUNK.sprite, 336, "#000000"), kind, quality=90))


def test_white_behind_a_lossy_picture_is_removed_unless_it_may_be_punk() -> None:
    plain = np.zeros((24, 24, 4), np.uint8)
    plain[5:15, 5:15] = (0, 0, 0, 255)
    white = enlarged(plain, 336, "#ffffff")
    assert (decode_image(picture_bytes(white, "JPEG", quality=85)).sprite == plain).all()
    plain[8:10, 8:10] = 255
    white = enlarged(plain, 336, "#ffffff")
    with pytest.raises(ImageError, match="white inside"):
        decode_image(picture_bytes(white, "JPEG", quality=85))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "SVG"])
def test_no_cut_or_changed_picture_escapes_as_another_error(kind: str) -> None:
    whole = svg_uri(PUNK.sprite).encode()
    if kind != "SVG":
        whole = picture_bytes(enlarged(PUNK.sprite, 120), kind, quality=80)
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(len(data), size=3):
            data[at] = rng.integers(256)
        with suppress(ImageError):
            decode_image(bytes(data[: rng.integers(1, len(data) + 1)]))

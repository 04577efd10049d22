"""Formats are detected from the first bytes, and unsuitable files are refused before decoding."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, encode_image, enlarge_sprite, make_punks, png_bytes, svg_uri

from punkdata.errors import ImageError
from punkdata.images.formats import (
    check_complete,
    detect_format,
    is_lossless,
    load_pixels,
    open_image,
)
from punkdata.images.sprite import BACKGROUND_COLOR, PNG_SIGNATURE, pack_chunk

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])
IMAGE = enlarge_sprite(PUNK.sprite)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "an empty file"),
        (png_bytes(PUNK.sprite), "PNG"),
        (encode_image(IMAGE, "JPEG"), "JPEG"),
        (encode_image(IMAGE, "WEBP"), "WebP"),
        (encode_image(IMAGE, "AVIF"), "AVIF"),
        (encode_image(IMAGE, "GIF"), "GIF"),
        (svg_uri(PUNK.sprite).encode(), "SVG"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><!-- a comment --><svg/>", "SVG"),
        (b"<?xml version='1.0'?><rss/>", "XML"),
        (b"<!DOCTYPE html>", "HTML"),
        (b'{"detail": "gone"}', "JSON"),
        (b"hello", "in an unknown format"),
    ],
)
def test_first_bytes_decide_the_format(data: bytes, name: str) -> None:
    assert detect_format(data) == name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_truncated_file_is_refused(kind: str) -> None:
    data = encode_image(IMAGE, kind)
    check_complete(data)
    with pytest.raises(ImageError, match="is a truncated"):
        check_complete(data[: len(data) // 2])


def test_lossless_files_are_recognized_by_their_chunks() -> None:
    assert is_lossless(png_bytes(PUNK.sprite))
    assert is_lossless(encode_image(IMAGE, "WEBP", lossless=True))
    transparent = Image.fromarray(PUNK.sprite)
    assert is_lossless(encode_image(transparent, "WEBP", lossless=True, exif=b"Exif\0\0"))
    for kind in ("WEBP", "JPEG", "AVIF"):
        assert not is_lossless(encode_image(IMAGE, kind))
    assert not is_lossless(encode_image(transparent.resize((96, 96)), "WEBP"))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_animation_is_refused(kind: str) -> None:
    frames = [enlarge_sprite(punk.sprite, 96) for punk in make_punks(2)]
    data = encode_image(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="is an animation|is GIF"):
        open_image(data)


def make_webp_header(size: tuple[int, int], kind: bytes) -> bytes:
    """Return a WebP file that states this size in a chunk of this type, without image data."""
    width, height = size
    match kind:
        case b"VP8X":
            body = (
                b"\0" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            )
        case b"VP8L":
            body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\0" * 5
        case _:
            body = b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
@pytest.mark.parametrize("size", [(16383, 16383), (300, 200), (1, 1)])
def test_webp_of_unsupported_size_is_refused_by_its_header(
    kind: bytes, size: tuple[int, int]
) -> None:
    with pytest.raises(ImageError, match=f"is {size[0]}x{size[1]} pixels"):
        open_image(make_webp_header(size, kind))


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
@pytest.mark.parametrize("size", [(2401, 2401), (300, 200), (16, 16)])
def test_unsupported_size_is_refused(kind: str, size: tuple[int, int]) -> None:
    data = encode_image(Image.new("RGB", size, BACKGROUND_COLOR), kind)
    with pytest.raises(ImageError, match=f"is {size[0]}x{size[1]} pixels, not a square of 24 to"):
        open_image(data)


def test_jpeg_with_very_many_scans_is_refused() -> None:
    data = encode_image(IMAGE, "JPEG", progressive=True)
    offset = data.index(b"\xff\xda")
    with pytest.raises(ImageError, match="more than 100 scans"):
        open_image(data[:offset] + data[offset:-2] * 20 + data[-2:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_rotated_image_is_refused(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(ImageError, match="rotated or mirrored"):
        open_image(encode_image(IMAGE, kind, exif=exif))


# -- PNG ---------------------------------------------------------------------------------------


def make_png(header: tuple[int, ...], rows: bytes) -> bytes:
    """Return a PNG with an IHDR of these fields and these filtered rows."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header)), (b"IDAT", zlib.compress(rows))]
    return PNG_SIGNATURE + b"".join(pack_chunk(*chunk) for chunk in [*chunks, (b"IEND", b"")])


def test_interlaced_png_is_read() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 4), np.uint8)
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for y, x, down, across in [*adam7, (1, 0, 2, 1)]
        for row in pixels[y::down, x::across]
    )
    image = load_pixels(open_image(make_png((24, 24, 8, 6, 0, 0, 1), rows)))
    assert (np.asarray(image) == pixels).all()


@pytest.mark.parametrize(
    ("header", "num_rows", "reason"),
    [
        ((24, 24, 8, 6, 0, 0, 0), 23, "too few or too many rows"),
        ((24, 24, 8, 6, 0, 0, 0), 25, "too few or too many rows"),
        ((24, 24, 8, 6, 0, 0, 0), 500_000, "too few or too many rows"),
        ((24, 24, 8, 7, 0, 0, 0), 24, "damaged PNG"),
        ((24, 24, 3, 6, 0, 0, 0), 24, "damaged PNG"),
        ((24, 24, 16, 6, 0, 0, 0), 24, "16 bits"),
        ((24, 20, 8, 6, 0, 0, 0), 24, "24x20 pixels"),
        ((23, 23, 8, 6, 0, 0, 0), 24, "23x23 pixels"),
        ((2401, 2401, 8, 6, 0, 0, 0), 24, "2401x2401 pixels"),
        ((2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0), 24, "not a square"),
        ((30_000, 30_000, 8, 6, 0, 0, 0), 24, "30000x30000 pixels"),
    ],
)
def test_png_header_that_contradicts_the_image_is_refused(
    header: tuple[int, ...], num_rows: int, reason: str
) -> None:
    data = make_png(header, bytes(num_rows * (1 + 4 * 24)))
    tracemalloc.start()
    with pytest.raises(ImageError, match=reason):
        open_image(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000

"""PNGs come out as Pillow reads them, though repeated rows are not unpacked."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from support.sprites import DrawnPunk, enlarged, picture_bytes

from punkdata.errors import ImageError
from punkdata.images.sprite_png import MAGIC, packed, read_png

SIDE = 48
ROW_BYTES = 4 * SIDE


def filtered(row: np.ndarray, above: np.ndarray, kind: int) -> bytes:
    """A row of RGBA bytes as PNG's filter `kind` writes it (PNG specification, 9.2)."""
    left, corner = (np.concatenate([np.zeros(4, int), r[:-4]]) for r in (row, above))
    distances = np.stack([abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)])
    paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
    guess = [0 * row, left, above, (left + above) // 2, paeth][kind]
    return bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()


def png_of(pixels: np.ndarray, kinds: list[int]) -> bytes:
    """An RGBA PNG whose rows use the filters `kinds`."""
    rows = [np.zeros(pixels.shape[1] * 4, int), *pixels.reshape(len(pixels), -1).astype(int)]
    written = [
        filtered(row, above, kind)
        for row, above, kind in zip(rows[1:], rows[:-1], kinds, strict=True)
    ]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 6, 0, 0, 0)
    body = zlib.compress(b"".join(written))
    parts = [(b"IHDR", header), (b"IDAT", body[:40]), (b"IDAT", body[40:]), (b"IEND", b"")]
    return MAGIC + b"".join(packed(*part) for part in parts)


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_any_filters_come_back_repeated_or_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    for y in np.flatnonzero(rng.random(SIDE - 1) < 0.6):
        pixels[y + 1] = pixels[y]
    pixels[: seed % 3] = 0
    data = png_of(pixels, rng.integers(0, 5, SIDE).tolist())
    assert (by_pillow(data) == pixels).all()
    assert (read_png(data) == pixels).all()


@pytest.mark.parametrize("kind", range(5))
def test_a_first_row_that_looks_repeated_is_read(kind: int) -> None:
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[1:] = 7
    assert (read_png(png_of(pixels, [kind] * SIDE)) == pixels).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("side", [24, 60, 125, 336])
def test_pictures_of_every_kind_are_read_as_pillow_reads_them(mode: str, side: int) -> None:
    image = enlarged(DrawnPunk(3, "Ape", ["Mole"]).sprite, side).convert(mode)
    for options in ({}, {"transparency": 0} if mode in "1LP" else {"bits": 8}):
        data = picture_bytes(image, "PNG", **options)
        assert (read_png(data) == by_pillow(data)).all()


def test_an_interlaced_png_is_read() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 4), np.uint8)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for y, x, down, across in [*passes, (1, 0, 2, 1)]
        for row in pixels[y::down, x::across]
    )
    header = struct.pack(">IIBBBBB", 24, 24, 8, 6, 0, 0, 1)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = MAGIC + b"".join(packed(*part) for part in parts)
    assert (by_pillow(data) == pixels).all()
    assert (read_png(data) == pixels).all()


def test_rows_too_many_or_too_few_are_refused() -> None:
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    for rows in (SIDE - 1, SIDE + 1):
        header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
        body = zlib.compress(bytes(rows * (1 + ROW_BYTES)))
        parts = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
        with pytest.raises(ImageError, match="too few or too many rows"):
            read_png(MAGIC + b"".join(packed(*part) for part in parts))
    assert (read_png(png_of(pixels, [0] * SIDE)) == pixels).all()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ((SIDE, SIDE, 8, 7, 0, 0, 0), "damaged PNG"),
        ((SIDE, SIDE, 3, 6, 0, 0, 0), "damaged PNG"),
        ((SIDE, SIDE, 16, 6, 0, 0, 0), "16 bits"),
        ((SIDE, 20, 8, 6, 0, 0, 0), "48x20 pixels"),
        ((2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0), "not a square"),
        ((30_000, 30_000, 8, 6, 0, 0, 0), "30000x30000 pixels"),
    ],
)
def test_a_header_that_fits_no_picture_is_refused(header: tuple[int, ...], reason: str) -> None:
    body = zlib.compress(bytes(SIDE * (1 + ROW_BYTES)))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), (b"IDAT", body), (b"IEND", b"")]
    with pytest.raises(ImageError, match=reason):
        read_png(MAGIC + b"".join(packed(*part) for part in parts))


def test_an_animation_and_a_turned_picture_are_refused() -> None:
    frames = [enlarged(DrawnPunk(i, "Ape").sprite, 96) for i in range(2)]
    data = picture_bytes(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="is an animation"):
        read_png(data)
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(ImageError, match="turned or mirrored"):
        read_png(picture_bytes(frames[0], "PNG", exif=exif))

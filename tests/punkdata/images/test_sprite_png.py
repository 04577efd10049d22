"""`read_png` decodes any PNG like Pillow, and the PNGs of snapshots decode to their sprites.

Most tests compare `read_png` with Pillow, because it skips repeated rows.
"""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from support.sprites import (
    FakePunk,
    encode_image,
    enlarge_sprite,
    make_color_chart,
    make_punks,
    png_bytes,
)

from punkdata.errors import DataError, ImageError
from punkdata.images.sprite_png import (
    PNG_SIGNATURE,
    decode_sprites,
    encode_png,
    pack_chunk,
    read_png,
)

SIDE = 48
ROW_BYTES = 4 * SIDE
PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])


def filter_row(row: np.ndarray, above: np.ndarray, filter_type: int) -> bytes:
    """Return a row of RGBA bytes with a PNG filter (PNG specification, section 9.2)."""
    left, corner = (np.concatenate([np.zeros(4, int), r[:-4]]) for r in (row, above))
    distances = np.stack([abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)])
    paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
    prediction = [0 * row, left, above, (left + above) // 2, paeth][filter_type]
    return bytes([filter_type]) + ((row - prediction) % 256).astype(np.uint8).tobytes()


def make_png(header: tuple[int, ...], *bodies: bytes) -> bytes:
    """Return a PNG with an IHDR of these fields and these compressed parts of image data."""
    parts = [pack_chunk(b"IHDR", struct.pack(">IIBBBBB", *header))]
    parts += [pack_chunk(b"IDAT", body) for body in bodies]
    return PNG_SIGNATURE + b"".join(parts) + pack_chunk(b"IEND", b"")


def filtered_png(pixels: np.ndarray, filters: list[int]) -> bytes:
    """Return an RGBA PNG whose rows use these filters, with the image data in two chunks."""
    rows = [np.zeros(pixels.shape[1] * 4, int), *pixels.reshape(len(pixels), -1).astype(int)]
    filtered = [
        filter_row(row, above, filter_type)
        for row, above, filter_type in zip(rows[1:], rows[:-1], filters, strict=True)
    ]
    body = zlib.compress(b"".join(filtered))
    return make_png((pixels.shape[1], len(pixels), 8, 6, 0, 0, 0), body[:40], body[40:])


def read_by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


# -- PNGs from any source ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_rows_with_any_filter_are_read_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    for y in np.flatnonzero(rng.random(SIDE - 1) < 0.6):
        pixels[y + 1] = pixels[y]
    pixels[: seed % 3] = 0
    data = filtered_png(pixels, rng.integers(0, 5, SIDE).tolist())
    assert (read_by_pillow(data) == pixels).all()
    assert (read_png(data) == pixels).all()


@pytest.mark.parametrize("filter_type", range(5))
def test_first_row_of_zeros_is_read(filter_type: int) -> None:
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[1:] = 7
    assert (read_png(filtered_png(pixels, [filter_type] * SIDE)) == pixels).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("side", [24, 60, 125, 336])
def test_all_color_modes_are_read_like_by_pillow(mode: str, side: int) -> None:
    image = enlarge_sprite(FakePunk(3, "Ape", ["Mole"]).sprite, side).convert(mode)
    for options in ({}, {"transparency": 0} if mode in "1LP" else {"bits": 8}):
        data = encode_image(image, "PNG", **options)
        assert (read_png(data) == read_by_pillow(data)).all()


def test_interlaced_png_is_read() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 24, 4), np.uint8)
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for y, x, down, across in [*adam7, (1, 0, 2, 1)]
        for row in pixels[y::down, x::across]
    )
    data = make_png((24, 24, 8, 6, 0, 0, 1), zlib.compress(rows))
    assert (read_by_pillow(data) == pixels).all()
    assert (read_png(data) == pixels).all()


@pytest.mark.parametrize("num_rows", [SIDE - 1, SIDE + 1])
def test_wrong_number_of_rows_is_refused(num_rows: int) -> None:
    body = zlib.compress(bytes(num_rows * (1 + ROW_BYTES)))
    with pytest.raises(ImageError, match="too few or too many rows"):
        read_png(make_png((SIDE, SIDE, 8, 6, 0, 0, 0), body))


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
def test_header_that_contradicts_the_image_is_refused(header: tuple[int, ...], reason: str) -> None:
    body = zlib.compress(bytes(SIDE * (1 + ROW_BYTES)))
    with pytest.raises(ImageError, match=reason):
        read_png(make_png(header, body))


def test_animated_png_is_refused() -> None:
    frames = [enlarge_sprite(FakePunk(i, "Ape").sprite, 96) for i in range(2)]
    data = encode_image(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="is an animation"):
        read_png(data)


def test_rotated_png_is_refused() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(ImageError, match="rotated or mirrored"):
        read_png(encode_image(enlarge_sprite(PUNK.sprite, 96), "PNG", exif=exif))


# -- PNGs of snapshots -------------------------------------------------------------------------


def replace_rows(png: bytes, rows: bytes) -> bytes:
    """Return a PNG made by `encode_png` with other decompressed image data."""
    return png[:33] + pack_chunk(b"IDAT", zlib.compress(rows)) + png[-12:]


def test_encoded_sprites_are_ordinary_pngs_and_decode_exactly() -> None:
    sprites = np.stack([p.sprite for p in make_punks(10)] + [make_color_chart()])
    pngs = [encode_png(s) for s in sprites]
    assert (decode_sprites(pngs) == sprites).all()
    for png, sprite in zip(pngs, sprites, strict=True):
        image = Image.open(io.BytesIO(png))
        assert (image.mode, image.size) == ("RGBA", (24, 24))
        assert (np.asarray(image) == sprite).all()


def test_decode_sprites_refuses_a_png_of_another_encoder() -> None:
    other = png_bytes(np.zeros((24, 24, 4), np.uint8), scale=2)
    with pytest.raises(DataError, match="not written by punkdata"):
        decode_sprites([encode_png(PUNK.sprite), other])


def test_decode_sprites_refuses_row_filters() -> None:
    png = encode_png(PUNK.sprite)
    rows = bytearray(zlib.decompress(png[41:-16]))
    rows[97] = 1
    with pytest.raises(DataError, match="row filters"):
        decode_sprites([replace_rows(png, bytes(rows))])


@pytest.mark.parametrize("num_bytes", [50_000_000, 2327, 2329])
def test_decode_sprites_bounds_memory_for_wrong_sizes(num_bytes: int) -> None:
    png = replace_rows(encode_png(PUNK.sprite), bytes(num_bytes))
    tracemalloc.start()
    with pytest.raises(DataError, match="damaged"):
        decode_sprites([png])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("offset", range(45, 80, 5))
def test_decode_sprites_detects_a_changed_byte(offset: int) -> None:
    png = bytearray(encode_png(PUNK.sprite))
    png[offset] ^= 0x55
    with pytest.raises(DataError, match="damaged"):
        decode_sprites([bytes(png)])

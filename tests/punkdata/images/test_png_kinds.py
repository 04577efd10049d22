"""PNGs of every color type and depth, and with one transparent color, are read exactly."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk

from punkdata.errors import ImageError
from punkdata.images.decode import decode_image
from punkdata.images.formats import load_pixels, open_any_image, open_image, to_rgba
from punkdata.images.sprite import PNG_SIGNATURE, pack_chunk

GRAY, RGB, INDEXED, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6  # Color types.
SAMPLES = np.arange(24 * 24).reshape(24, 24) % 4
"""Four shades, 0 to 3; shade 1 is transparent."""
LEVELS = {1: (0, 1, 0, 1), 2: (0, 1, 2, 3), 4: (0, 7, 3, 15), 8: (0, 7, 99, 255)}
LEVELS[16] = tuple(257 * level for level in LEVELS[8])


def make_png(
    color_type: int,
    depth: int,
    samples: np.ndarray,
    extra: bytes = b"",
    *,
    interlaced: bool = False,
) -> bytes:
    """Return a PNG of samples (24, 24) or (24, 24, C), which are packed into bits."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = [
        row.reshape(-1)
        for y, x, down, across in ([*passes, (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)])
        for row in samples[y::down, x::across]
    ]
    packed = b"".join(b"\0" + pack_samples(row, depth) for row in rows)
    header = struct.pack(">IIBBBBB", 24, 24, depth, color_type, 0, 0, interlaced)
    data = pack_chunk(b"IDAT", zlib.compress(packed))
    return PNG_SIGNATURE + pack_chunk(b"IHDR", header) + extra + data + pack_chunk(b"IEND", b"")


def pack_samples(row: np.ndarray, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def read(data: bytes) -> np.ndarray:
    return np.asarray(load_pixels(open_image(data)).convert("RGBA"))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_gray_png_keeps_its_transparent_shade(depth: int, interlaced: bool) -> None:
    levels = np.array(LEVELS[depth])
    extra = pack_chunk(b"tRNS", struct.pack(">H", levels[1]))
    data = make_png(GRAY, depth, levels[SAMPLES], extra, interlaced=interlaced)
    pixels = read(data)
    expected = levels[SAMPLES] * 255 // ((1 << depth) - 1)
    assert (pixels[..., :3] == expected[..., None]).all()
    assert (pixels[..., 3] == np.where(levels[SAMPLES] == levels[1], 0, 255)).all()
    assert (np.asarray(to_rgba(open_any_image(data, lambda *size: None))) == pixels).all()
    opaque = read(make_png(GRAY, depth, levels[SAMPLES], interlaced=interlaced))
    assert (opaque[..., :3] == pixels[..., :3]).all()
    assert (opaque[..., 3] == 255).all()


@pytest.mark.parametrize("depth", [8, 16])
def test_rgb_png_keeps_its_transparent_color(depth: int) -> None:
    colors = np.array([LEVELS[depth], LEVELS[depth][::-1], [0, 1, 2, 3]]).T
    extra = pack_chunk(b"tRNS", struct.pack(">HHH", *colors[1]))
    data = make_png(RGB, depth, colors[SAMPLES], extra)
    pixels = np.asarray(to_rgba(open_any_image(data, lambda *size: None)))
    assert (pixels[..., :3] == colors[SAMPLES] >> (depth - 8)).all()
    assert (pixels[..., 3] == np.where(SAMPLES == 1, 0, 255)).all()
    if depth == 8:
        assert (read(data) == pixels).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_indexed_png_keeps_its_transparent_colors(depth: int) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (4, 4), np.uint8)[: 1 << depth]
    palette = pack_chunk(b"PLTE", colors[:, :3].tobytes())
    palette += pack_chunk(b"tRNS", colors[:, 3].tobytes())
    samples = SAMPLES % len(colors)
    assert (read(make_png(INDEXED, depth, samples, palette)) == colors[samples]).all()


def test_alpha_channels_are_kept() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 4))
    assert (read(make_png(RGBA, 8, pixels)) == pixels).all()
    gray = read(make_png(GRAY_ALPHA, 8, pixels[..., 2:]))
    assert (gray == pixels[..., [2, 2, 2, 3]]).all()
    for color_type, channels in ((RGBA, 4), (GRAY_ALPHA, 2)):
        data = make_png(color_type, 16, pixels[..., :channels] * 257)
        expected = pixels if channels == 4 else pixels[..., [0, 0, 0, 1]]
        assert (np.asarray(to_rgba(open_any_image(data, lambda *size: None))) == expected).all()


@pytest.mark.parametrize("color_type", [GRAY, RGB, GRAY_ALPHA, RGBA])
def test_png_of_16_bits_that_8_bits_cannot_hold_is_refused(color_type: int) -> None:
    channels = {GRAY: 1, RGB: 3, GRAY_ALPHA: 2, RGBA: 4}[color_type]
    samples = np.repeat(SAMPLES[..., None] * 1000, channels, axis=2)
    with pytest.raises(ImageError, match=r"16 bits per channel"):
        load_pixels(open_image(make_png(color_type, 16, samples)))


def test_sprite_in_gray_of_16_bits_is_decoded_with_its_transparency() -> None:
    sprite = FakePunk(11, "Male", ["Pipe"]).sprite
    shades = np.where(sprite[..., 3] == 0, 0x1234, np.where(sprite[..., 0] > 99, 65535, 0))
    extra = pack_chunk(b"tRNS", struct.pack(">H", 0x1234))
    # The transparent shade needs 16 bits, but no pixel of the sprite does.
    data = make_png(GRAY, 16, shades, extra)
    for source in (data, Image.open(io.BytesIO(data))):
        decoded = decode_image(source)
        assert decoded.background is None
        assert (decoded.sprite[..., 3] == sprite[..., 3]).all()

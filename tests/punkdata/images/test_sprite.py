"""The PNGs of snapshots decode to their sprites, and all other PNGs are refused."""

from __future__ import annotations

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, make_color_chart, make_punks, png_bytes

from punkdata.errors import DataError
from punkdata.images.sprite import decode_sprites, encode_png, pack_chunk

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])


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

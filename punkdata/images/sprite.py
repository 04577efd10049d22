"""The sprite format: its size, its array type, its content hash, and its compact PNG encoding.

A sprite is a uint8 array of shape (24, 24, 4): red, green, blue and alpha, each 0 to 255. All
four channels are zero wherever the sprite is transparent. The PNGs in a snapshot are ordinary RGBA
files whose rows use no filter, so all of them decompress straight into one array.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError

Sprite: TypeAlias = NDArray[np.uint8]
SIDE_PX = 24  # Width and height of a sprite.
BACKGROUND_COLOR = "#638596"  # The blue-gray on which Larva Labs shows the punks.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def pixels_sha256(sprite: Sprite) -> str:
    """Return the SHA-256 (hex) of a sprite's 2,304 bytes, row by row, RGBA."""
    return hashlib.sha256(np.ascontiguousarray(sprite).data).hexdigest()


def zero_transparent(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGBA `pixels` (..., 4) with red, green and blue set to 0 wherever alpha is 0."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)


def pack_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk as it is stored in a PNG file: length, type, data, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_ROW_BYTES = SIDE_PX * 4
_HEADER = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 6, 0, 0, 0)
_HEAD = PNG_SIGNATURE + pack_chunk(b"IHDR", _HEADER)
_TAIL = pack_chunk(b"IEND", b"")


def encode_png(sprite: Sprite) -> bytes:
    """Return the sprite as a 24x24 RGBA PNG that `decode_sprites` reads fast."""
    rows = np.zeros((SIDE_PX, 1 + _ROW_BYTES), np.uint8)  # Column 0 is the filter type: none.
    rows[:, 1:] = sprite.reshape(SIDE_PX, _ROW_BYTES)
    return _HEAD + pack_chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + _TAIL


def decode_sprites(pngs: Sequence[bytes]) -> NDArray[np.uint8]:
    """Decode N PNGs that `encode_png` made into one uint8 array of shape (N, 24, 24, 4).

    Raises DataError if one of them was not made by `encode_png`, or is damaged.
    """
    rows = np.empty((len(pngs), SIDE_PX, 1 + _ROW_BYTES), np.uint8)
    body = slice(len(_HEAD) + 8, -len(_TAIL) - 4)
    for i, png in enumerate(pngs):
        if not (png.startswith(_HEAD) and png.endswith(_TAIL)):
            raise DataError(f"image {i + 1} of {len(pngs)} in a table was not written by punkdata")
        try:
            decompressor = zlib.decompressobj()
            # One extra byte is enough to detect a larger image, and bounds the memory.
            decompressed = decompressor.decompress(png[body], rows[i].size + 1)
            if not decompressor.eof:
                raise ValueError("it has too few or too many rows")
            rows[i].reshape(-1)[:] = np.frombuffer(decompressed, np.uint8)
        except (zlib.error, ValueError) as error:
            raise DataError(f"image {i + 1} of {len(pngs)} is damaged ({error})") from None
    if rows[:, :, 0].any():
        raise DataError("an image in a table was not written by punkdata: it has row filters")
    return rows[:, :, 1:].reshape(-1, SIDE_PX, SIDE_PX, 4)

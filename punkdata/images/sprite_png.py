"""Reading any PNG of a sprite, and the compact PNG encoding that snapshots use.

`read_png` reads PNGs from any source. It checks every chunk, and it decodes only the rows that
differ from the row above them: in an enlarged sprite most rows are repeated, and PNG's filters
store a repeated row as zeros, so for large images most of the decoding time is saved.

`encode_png` and `decode_sprites` write and read the PNGs inside a snapshot. They are ordinary
RGBA PNGs whose rows use no filter, so all of them decompress straight into one array
(benchmarks/snapshot.py compares the speed with Pillow's).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError, ImageError
from punkdata.images.formats import check_size, load_pixels, open_upright
from punkdata.images.sprite import SIDE_PX, Sprite

Chunk: TypeAlias = tuple[bytes, bytes]
"""A PNG chunk: its four-letter type and its data."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 1000
"""Largest accepted number of chunks in a PNG."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel, by PNG color type."""
_FILTER_NONE, _FILTER_UP = 0, 2
_CHUNK_OVERHEAD = 12  # Length, type and checksum have 4 bytes each.


def pack_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk as it is stored in a PNG file: length, type, data, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# -- PNGs inside a snapshot ------------------------------------------------------------------

_ROW_BYTES = SIDE_PX * 4
_SNAPSHOT_HEAD = PNG_SIGNATURE + pack_chunk(
    b"IHDR", struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 6, 0, 0, 0)
)
_SNAPSHOT_TAIL = pack_chunk(b"IEND", b"")


def encode_png(sprite: Sprite) -> bytes:
    """Return the sprite as a 24x24 RGBA PNG that `decode_sprites` reads fast."""
    rows = np.zeros((SIDE_PX, 1 + _ROW_BYTES), np.uint8)  # Column 0 is the filter type: none.
    rows[:, 1:] = sprite.reshape(SIDE_PX, _ROW_BYTES)
    return _SNAPSHOT_HEAD + pack_chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + _SNAPSHOT_TAIL


def decode_sprites(pngs: Sequence[bytes]) -> NDArray[np.uint8]:
    """Decode N PNGs that `encode_png` made into one uint8 array of shape (N, 24, 24, 4).

    Raises:
        DataError: One of them was not made by `encode_png`, or is damaged.
    """
    rows = np.empty((len(pngs), SIDE_PX, 1 + _ROW_BYTES), np.uint8)
    body = slice(len(_SNAPSHOT_HEAD) + 8, -len(_SNAPSHOT_TAIL) - 4)
    for i, png in enumerate(pngs):
        if not (png.startswith(_SNAPSHOT_HEAD) and png.endswith(_SNAPSHOT_TAIL)):
            raise DataError(f"PNG {i} of {len(pngs)} was not written by punkdata")
        try:
            decompressor = zlib.decompressobj()
            # One extra byte is enough to detect a larger image, and bounds the memory.
            decompressed = decompressor.decompress(png[body], rows[i].size + 1)
            if not decompressor.eof:
                raise ValueError("it has too few or too many rows")
            rows[i].reshape(-1)[:] = np.frombuffer(decompressed, np.uint8)
        except (zlib.error, ValueError) as error:
            raise DataError(f"PNG {i} of {len(pngs)} is damaged ({error})") from None
    if rows[:, :, 0].any():
        raise DataError("a PNG with row filters was not written by punkdata")
    return rows[:, :, 1:].reshape(-1, SIDE_PX, SIDE_PX, 4)


# -- PNGs from any source --------------------------------------------------------------------


def read_png(data: bytes) -> NDArray[np.uint8]:
    """Decode a square PNG of 24 to 2,400 pixels a side.

    Returns:
        uint8 (n, n, 4), RGBA.

    Raises:
        ImageError: The image has another size, or a chunk is damaged, duplicated or missing.
            Pillow alone would decode a damaged file as far as it can.
    """
    chunks = _split_chunks(data)
    rows = _decompress_rows(chunks)
    if rows is None or len(rows) <= 2 * SIDE_PX:  # Skipping rows saves no time in a small image.
        return np.asarray(load_pixels(open_upright(data, "PNG"), "PNG").convert("RGBA"))
    is_new = _find_new_rows(rows)
    reduced = _replace_rows(chunks, rows[is_new])
    pixels = np.asarray(load_pixels(open_upright(reduced, "PNG"), "PNG").convert("RGBA"))
    repeated: NDArray[np.uint8] = pixels[np.cumsum(is_new) - 1]
    return repeated


def _split_chunks(data: bytes) -> list[Chunk]:
    """Return all chunks up to IEND, after checking their checksums and their order."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise ImageError("is a PNG without a header")
    check_size(*struct.unpack(">II", data[16:24]))
    offset = len(PNG_SIGNATURE)
    chunks: list[Chunk] = []
    while offset < len(data) and (not chunks or chunks[-1][0] != b"IEND"):
        length = int.from_bytes(data[offset : offset + 4], "big")
        kind, body = data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + length]
        if data[offset + 8 + length : offset + 12 + length] != struct.pack(
            ">I", zlib.crc32(kind + body)
        ):
            raise ImageError("is a damaged PNG (the checksum of a chunk does not match)")
        chunks.append((kind, body))
        if len(chunks) > MAX_CHUNKS:
            raise ImageError(f"is a PNG with more than {MAX_CHUNKS:,} chunks")
        offset += _CHUNK_OVERHEAD + length
    kinds = [kind for kind, _ in chunks]
    if kinds.count(b"IHDR") != 1 or kinds[-1] != b"IEND":
        raise ImageError("is a damaged PNG (a required chunk is missing or duplicated)")
    if b"acTL" in kinds or b"fcTL" in kinds:
        raise ImageError("is an animation")
    return chunks


def _decompress_rows(chunks: list[Chunk]) -> NDArray[np.uint8] | None:
    """Return the filtered rows as uint8 (height, 1 + row bytes), or None if interlaced.

    The first byte of each row is its filter type.
    """
    width, height, depth, color_type, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth == 16:
        raise ImageError("has 16 bits per channel", hint="save it with 8 bits per channel")
    row_bytes = (width * depth * _CHANNELS.get(color_type, 0) + 7) // 8
    decompressor = zlib.decompressobj()
    body = b"".join(part for kind, part in chunks if kind == b"IDAT")
    try:
        # Interlaced images have up to twice as many rows, each padded to a whole byte.
        rows = decompressor.decompress(body, 2 * height * (2 + row_bytes))
    except zlib.error as error:
        raise ImageError(f"is a damaged PNG ({error})") from None
    if not decompressor.eof or (not interlaced and len(rows) != height * (1 + row_bytes)):
        raise ImageError("is a damaged PNG (it has too few or too many rows)")
    return None if interlaced else np.frombuffer(rows, np.uint8).reshape(height, -1)


def _find_new_rows(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask of the filtered rows that may differ from the row above, bool (height,)."""
    filters = rows[:, 0]
    is_zero = ~rows[:, 1:].any(axis=1)
    is_same = (rows[1:] == rows[:-1]).all(axis=1)
    is_repeat = ((filters == _FILTER_UP) & is_zero)[1:] | ((filters[1:] == _FILTER_NONE) & is_same)
    return np.concatenate([[True], ~is_repeat])


def _replace_rows(chunks: list[Chunk], rows: NDArray[np.uint8]) -> bytes:
    """Return the PNG file with its image data replaced by these filtered rows."""
    header = bytearray(chunks[0][1])
    header[4:8] = len(rows).to_bytes(4, "big")
    first = next(i for i, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    parts = [(b"IHDR", bytes(header)), *chunks[1:first]]
    parts.append((b"IDAT", zlib.compress(rows.tobytes(), 1)))
    parts += [chunk for chunk in chunks[first:] if chunk[0] != b"IDAT"]
    return PNG_SIGNATURE + b"".join(pack_chunk(*part) for part in parts)

"""PNG files: checked part by part, and unpacked without the rows that repeat. Pure.

In an enlarged sprite most rows repeat the one above. PNG's filters write such a row as
zeros, so what it shows is known before it is unpacked, which for large pictures is most of
the time.
"""

from __future__ import annotations

import struct
import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import ImageError
from punkdata.images.formats import MIN_SIDE_PX, check_size, loaded, open_upright

Chunk: TypeAlias = tuple[bytes, bytes]
"""a part of a PNG: its four letters, and what is in it"""

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 1000

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""how many numbers a pixel has, by color type"""
_PLAIN, _UP = 0, 2
"""filters of rows: written as they are, and as what they are more than the one above"""


def read_png(data: bytes) -> NDArray[np.uint8]:
    """The pixels, RGBA: uint8 (n, n, 4), n from 24 to 2,400.

    Raises:
        ImageError: it is not such a picture, or has a damaged, doubled or missing part, which
            Pillow would read as far as it can.
    """
    chunks = _chunks(data)
    rows = _unpacked(chunks)
    if rows is None or len(rows) <= 2 * MIN_SIDE_PX:  # as it comes it is small enough
        return np.asarray(loaded(open_upright(data, "PNG"), "PNG").convert("RGBA"))
    is_new = _is_new(rows)
    short = _with_rows(chunks, rows[is_new])
    pixels = np.asarray(loaded(open_upright(short, "PNG"), "PNG").convert("RGBA"))
    whole: NDArray[np.uint8] = pixels[np.cumsum(is_new) - 1]
    return whole


def packed(kind: bytes, body: bytes) -> bytes:
    """A chunk as a PNG holds it."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> list[Chunk]:
    """All parts up to the last."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise ImageError("is a PNG without a header")
    check_size(*struct.unpack(">II", data[16:24]))
    at = len(MAGIC)
    chunks: list[Chunk] = []
    while at < len(data) and (not chunks or chunks[-1][0] != b"IEND"):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if data[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(kind + body)):
            raise ImageError("is a damaged PNG (a part has another checksum)")
        chunks.append((kind, body))
        if len(chunks) > MAX_CHUNKS:
            raise ImageError(f"is a PNG of more than {MAX_CHUNKS:,} parts")
        at += 12 + length
    kinds = [kind for kind, _ in chunks]
    if kinds.count(b"IHDR") != 1 or kinds[-1] != b"IEND":
        raise ImageError("is a damaged PNG (a part is missing or doubled)")
    if b"acTL" in kinds or b"fcTL" in kinds:
        raise ImageError("is an animation")
    return chunks


def _unpacked(chunks: list[Chunk]) -> NDArray[np.uint8] | None:
    """The rows, each after the number of its filter: (height, 1 + bytes). None if interlaced."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth == 16:
        raise ImageError("has 16 bits a channel", hint="save it with 8")
    row_bytes = (width * depth * _SAMPLES.get(color, 0) + 7) // 8
    unpacker = zlib.decompressobj()
    body = b"".join(part for kind, part in chunks if kind == b"IDAT")
    try:
        # Interlaced ones have up to twice as many rows, and bits to fill them up.
        rows = unpacker.decompress(body, 2 * height * (2 + row_bytes))
    except zlib.error as error:
        raise ImageError(f"is a damaged PNG ({error})") from None
    if not unpacker.eof or (not interlaced and len(rows) != height * (1 + row_bytes)):
        raise ImageError("is a damaged PNG (it has too few or too many rows)")
    return None if interlaced else np.frombuffer(rows, np.uint8).reshape(height, -1)


def _is_new(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows are not known to show the same as the one above: (height,)"""
    filters = rows[:, 0]
    is_zero = ~rows[:, 1:].any(axis=1)
    is_same = (rows[1:] == rows[:-1]).all(axis=1)
    repeats = ((filters == _UP) & is_zero)[1:] | ((filters[1:] == _PLAIN) & is_same)
    return np.concatenate([[True], ~repeats])


def _with_rows(chunks: list[Chunk], rows: NDArray[np.uint8]) -> bytes:
    """The PNG with these rows instead of its own."""
    header = bytearray(chunks[0][1])
    header[4:8] = len(rows).to_bytes(4, "big")
    first = next(i for i, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    parts = [(b"IHDR", bytes(header)), *chunks[1:first]]
    parts.append((b"IDAT", zlib.compress(rows.tobytes(), 1)))
    parts += [chunk for chunk in chunks[first:] if chunk[0] != b"IDAT"]
    return MAGIC + b"".join(packed(*part) for part in parts)

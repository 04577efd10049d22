"""Checks of the sizes that PNG, WebP and JPEG files state in all their headers.

A codec allocates memory for the size in the header that it happens to use. So a file must not be so
ambiguous that Pillow and a codec could choose different headers.
"""

import struct
import zlib
from collections.abc import Iterator

from punkdata.errors import ImageError
from punkdata.images.sprite import PNG_SIGNATURE

MAX_JPEG_SCANS = 100  # Each scan of a progressive JPEG costs decoding time.
MAX_PNG_CHUNKS = 1000

_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # Samples per pixel, by color type.
_JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # Start of frame, for each kind of coding.
_JPEG_OTHERS = {0xC4, 0xCC, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}  # Tables, comments and metadata.
_JPEG_SCAN = 0xDA


def read_png_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG; raise ImageError if it has no header."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise ImageError("is a PNG without a header")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def check_png(data: bytes) -> None:
    """Check a PNG's header, checksums and number of rows, since Pillow decodes damaged files.

    Its size must have been checked before.
    """
    width, height, depth, color_type, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth == 16 and color_type:  # Pillow reads only gray images of 16 bits without loss.
        raise ImageError("has 16 bits per channel", hint="save it with 8 bits per channel")
    compressed = _read_png_data(data)
    if interlaced:
        return
    size = height * (1 + (width * depth * _PNG_SAMPLES.get(color_type, 0) + 7) // 8)
    decompressor, num_bytes = zlib.decompressobj(), 0
    try:
        while compressed and num_bytes <= size:
            num_bytes += len(decompressor.decompress(compressed, 1 << 16))
            compressed = decompressor.unconsumed_tail
    except zlib.error as error:
        raise ImageError(f"is a damaged PNG ({error})") from None
    if num_bytes != size or not decompressor.eof:
        raise ImageError("is a damaged PNG (it has too few or too many rows)")


def _read_png_data(data: bytes) -> bytes:
    """Return the compressed pixels of a PNG, after checking all chunks up to IEND."""
    names: list[bytes] = []
    parts: list[bytes] = []
    end = len(PNG_SIGNATURE)
    while end < len(data) and names[-1:] != [b"IEND"]:
        start, length = end + 8, int.from_bytes(data[end : end + 4])
        name, body = data[end + 4 : start], data[start : start + length]
        end = start + length + 4
        if data[end - 4 : end] != zlib.crc32(name + body).to_bytes(4):
            raise ImageError("is a damaged PNG (the checksum of a chunk does not match)")
        names.append(name)
        parts += [body] * (name == b"IDAT")
        if len(names) > MAX_PNG_CHUNKS:
            raise ImageError(f"is a PNG with more than {MAX_PNG_CHUNKS:,} chunks")
    if names.count(b"IHDR") != 1 or names[-1] != b"IEND":
        raise ImageError("is a damaged PNG (a required chunk is missing or duplicated)")
    return b"".join(parts)


def read_webp_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a WebP, for which Pillow allocates memory on opening.

    Raises ImageError if it is damaged, or has a frame that is larger.
    """
    if len(data) < 30:
        raise ImageError("is a WebP without a header")
    sizes = list(_iter_webp_sizes(data[12:]))
    if not sizes or data[12:16] not in (b"VP8X", b"VP8L", b"VP8 "):
        raise ImageError("is a damaged WebP (its first chunk is of an unknown type)")
    if any(width > sizes[0][0] or height > sizes[0][1] for width, height in sizes):
        raise ImageError("is a damaged WebP (a frame is larger than the image)")
    return sizes[0]


def _iter_webp_sizes(chunks: bytes) -> Iterator[tuple[int, int]]:
    """Yield the sizes that the chunks of a WebP state, those of frames in an animation included."""
    end = 0
    while end + 8 <= len(chunks):
        start, length = end + 8, int.from_bytes(chunks[end + 4 : end + 8], "little")
        head = chunks[start : start + 16]
        match chunks[end : end + 4]:
            case b"VP8X":
                width, height = (1 + int.from_bytes(head[i : i + 3], "little") for i in (4, 7))
                yield width, height
            case b"VP8L":
                bits = int.from_bytes(head[1:5], "little")
                yield 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
            case b"VP8 ":
                width, height = (int.from_bytes(head[i : i + 2], "little") for i in (6, 8))
                yield width & 0x3FFF, height & 0x3FFF
            case b"ANMF":
                yield from _iter_webp_sizes(chunks[start + 16 : start + length])
        end = start + length + length % 2  # Chunks have an even length.


def read_jpeg_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a JPEG.

    Raises ImageError unless it states one size before its first scan, without bytes to skip.
    """
    if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageError(f"is a JPEG with more than {MAX_JPEG_SCANS} scans")
    sizes: list[tuple[int, int]] = []
    position, marker = 2, 0
    while marker != _JPEG_SCAN:
        # Any number of bytes 0xff may precede a marker.
        start = position
        while data[position : position + 1] == b"\xff":
            position += 1
        marker = data[position] if start < position < len(data) else 0
        length = int.from_bytes(data[position + 1 : position + 3])
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[position + 4 : position + 8].ljust(4))
            sizes.append((width, height))
        elif marker not in (_JPEG_SCAN, *_JPEG_OTHERS) or length < 2:
            raise ImageError("is a damaged JPEG (its headers are incomplete)")
        position += 1 + length
    if len(sizes) != 1:
        raise ImageError("is a damaged JPEG (it does not have one size)")
    return sizes[0]

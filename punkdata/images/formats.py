"""Detection of image formats by their first bytes, and the checks that precede decoding.

The size, the shape and the number of frames are checked before any pixels are decompressed, so
that a hostile file cannot use much memory.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from punkdata.errors import ImageError
from punkdata.images.sprite import PNG_SIGNATURE, SIDE_PX

MAX_BYTES = 8_000_000
MAX_SIDE_PX = 2400
MAX_JPEG_SCANS = 100  # Each scan of a progressive JPEG costs decoding time.
MAX_PNG_CHUNKS = 1000

_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # Samples per pixel, by color type.
_EXIF_ORIENTATION = 0x0112
_SVG_STARTS = (b"<svg", b"<?xml", b"data:image/svg+xml")
_OTHERS = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"<": "HTML", b"{": "JSON"}
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "SVG": b"</svg>", "GIF": b";"}


def detect_format(data: bytes) -> str:
    """Return the format, such as "PNG", or a phrase that completes "is …": "an empty file"."""
    if not data:
        return "an empty file"
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_SVG_STARTS):
        # Other formats also start with an XML declaration, and a comment may precede <svg>.
        return "SVG" if b"<svg" in text or not text.startswith(b"<?xml") else "XML"
    return next(
        (name for magic, name in _OTHERS.items() if text.startswith(magic)), "in an unknown format"
    )


def check_complete(data: bytes) -> None:
    """Check that received bytes are an image file, of any kind, that no transfer has truncated."""
    name = detect_format(data)
    if name == "WebP":
        is_complete = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    elif name == "AVIF":
        is_complete = max(end for *_, end in iter_boxes(data)) == len(data)
    elif name in _ENDS:
        is_complete = _ENDS[name] in data
    else:
        raise ImageError(f"is {name}, not an image")
    if not is_complete:
        raise ImageError(f"is a truncated {name}")


def iter_boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box of an AVIF, and the start and the end of its content.

    In a damaged file the end may lie before the start, or beyond the data.
    """
    end = 0
    while end + 8 <= len(data):
        name, start, length = data[end + 4 : end + 8], end + 8, int.from_bytes(data[end : end + 4])
        if length == 1:  # The actual length, in 8 bytes, follows the name.
            start, length = end + 16, int.from_bytes(data[end + 8 : end + 16])
        # A length of 0 means that the box extends to the end of the file.
        end = end + length if length else len(data)
        yield name, start, end
        end = max(start, end)


def is_lossless(data: bytes) -> bool:
    """Return whether the file's format stores pixels without compression loss."""
    name = detect_format(data)
    return name == "PNG" or (name == "WebP" and b"VP8L" in data)


def open_image(data: bytes) -> Image.Image:
    """Open a PNG, JPEG, WebP or AVIF without decoding it; refuse what cannot be an exact sprite."""
    name = detect_format(data)
    match name:
        case "PNG":
            _check_png(data)
        case "WebP":
            _check_webp(data)
        case "JPEG" if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
            raise ImageError(f"is a JPEG with more than {MAX_JPEG_SCANS} scans")
        case "JPEG" | "AVIF":
            pass
        case _:
            message = f"is {name}, not a PNG, JPEG, WebP, AVIF or SVG"
            raise ImageError(message, hint="save it as a PNG")
    with _refuse_damaged(name):
        image = Image.open(io.BytesIO(data), formats=[name])
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    _check_size(*image.size)
    if getattr(image, "n_frames", 1) != 1:
        raise ImageError("is an animation")
    if orientation not in (0, 1):
        raise ImageError("is stored rotated or mirrored (EXIF orientation)", hint="save it upright")
    if name == "JPEG" and image.mode != "RGB":
        raise ImageError(f"is a JPEG without RGB colors (its mode is {image.mode})")
    return image


def load_pixels(image: Image.Image) -> Image.Image:
    """Decode an opened image, and return it."""
    with _refuse_damaged(image.format):
        image.load()
    return image


@contextmanager
def _refuse_damaged(name: str | None) -> Iterator[None]:
    """Raise ImageError for the many different exceptions of Pillow's decoders."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None


def _check_size(width: int, height: int) -> None:
    if width != height or not SIDE_PX <= width <= MAX_SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not a square of {SIDE_PX} to {MAX_SIDE_PX:,} pixels",
            hint="only complete images of one punk can be read",
        )


def _check_png(data: bytes) -> None:
    """Check a PNG's header, checksums and number of rows, since Pillow decodes damaged files."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise ImageError("is a PNG without a header")
    width, height, depth, color_type, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    _check_size(width, height)
    if depth == 16:
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


def _check_webp(data: bytes) -> None:
    """Check a WebP's size in its header, because Pillow allocates memory on opening."""
    if len(data) < 30:
        raise ImageError("is a WebP without a header")
    head = data[20:30]
    match data[12:16]:
        case b"VP8X":
            size = [1 + int.from_bytes(head[i : i + 3], "little") for i in (4, 7)]
        case b"VP8L":
            bits = int.from_bytes(head[1:5], "little")
            size = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
        case b"VP8 ":
            size = [int.from_bytes(head[i : i + 2], "little") & 0x3FFF for i in (6, 8)]
        case _:
            raise ImageError("is a damaged WebP (its first chunk is of an unknown type)")
    _check_size(*size)

"""Detection of image formats, and the checks that precede decoding.

The first bytes decide the format, never a file name or a content type. The size, the shape and
the number of frames are checked before any pixels are decompressed, so that a hostile file
cannot use much memory.
"""

from __future__ import annotations

import io

from PIL import Image

from punkdata.errors import ImageError
from punkdata.images.sprite import SIDE_PX

MAX_BYTES = 8_000_000
"""Largest accepted file size in bytes."""
MAX_SIDE_PX = 2400
"""Largest accepted width and height in pixels."""
MAX_JPEG_SCANS = 100
"""Largest accepted number of scans in a progressive JPEG; each costs decoding time."""
MAX_WEBP_CHUNKS = 100
"""Number of chunks of a WebP that are examined."""

_EXIF_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG_STARTS = (b"<svg", b"<?xml", b"data:image/svg+xml")
_OTHERS = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"<": "HTML", b"{": "JSON"}
_UNREADABLE_MODES = {
    "L": "is grayscale, so its colors are lost",
    "1": "is black and white, so its colors are lost",
    "CMYK": "has print colors (CMYK)",
    "YCCK": "has print colors (CMYK)",
}


def detect_format(data: bytes) -> str:
    """Return the format that the first bytes indicate: "PNG", "JPEG", "WebP", "AVIF", "SVG", …

    For an empty file or an unknown format, the result is a phrase that completes "is …", for
    example "in an unknown format".
    """
    if not data:
        return "an empty file"
    if data.startswith(_PNG):
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
        (name for magic, name in _OTHERS.items() if text.startswith(magic)),
        "in an unknown format",
    )


def check_complete(data: bytes) -> None:
    """Check that received bytes are an image file that no transfer has truncated.

    Whether a sprite can be decoded from the image is not checked; `decode_image` does that.

    Raises:
        ImageError: The bytes are not an image, or their end is missing.
    """
    ends = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "SVG": b"</svg>", "GIF": b";"}
    match name := detect_format(data):
        case "PNG" | "JPEG" | "GIF" | "SVG":
            is_complete = ends[name] in data
        case "WebP":
            is_complete = len(data) >= 8 + int.from_bytes(data[4:8], "little")
        case "AVIF":
            is_complete = _has_complete_boxes(data)
        case _:
            raise ImageError(f"is {name}, not an image")
    if not is_complete:
        raise ImageError(f"is a truncated {name}")


def is_lossless(data: bytes) -> bool:
    """Return True if the file's format stores pixels without compression loss."""
    return detect_format(data) == "PNG" or (
        detect_format(data) == "WebP" and "VP8L" in _webp_chunk_names(data)
    )


def open_image(data: bytes) -> Image.Image:
    """Open a JPEG, WebP or AVIF without decoding it yet; `read_png` opens PNGs.

    Raises:
        ImageError: The format is another one, the file is damaged, or the image is not a square
            of 24 to 2,400 pixels a side, has several frames, or has no RGB colors.
    """
    name = detect_format(data)
    if name == "WebP":
        _check_webp(data)
    elif name == "JPEG" and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageError(f"is a JPEG with more than {MAX_JPEG_SCANS} scans")
    elif name not in ("JPEG", "AVIF"):
        raise ImageError(f"is {name}, not a PNG, JPEG, WebP, AVIF or SVG", hint="save it as a PNG")
    image = open_upright(data, name)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) != 1:
        raise ImageError("is an animation")
    if name == "JPEG" and image.mode != "RGB":
        raise ImageError(_UNREADABLE_MODES.get(image.mode, f"has the color mode {image.mode}"))
    return image


def open_upright(data: bytes, name: str) -> Image.Image:
    """Open an image in the format `name`, without decoding it yet.

    Raises:
        ImageError: Pillow cannot open it, or its EXIF orientation rotates or mirrors it.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=[name])
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    # Pillow's decoders raise many different exceptions on damaged files.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None
    if orientation not in (0, 1):
        raise ImageError("is stored rotated or mirrored (EXIF orientation)", hint="save it upright")
    return image


def load_pixels(image: Image.Image, name: str) -> Image.Image:
    """Decode an opened image in the format `name`, and return it.

    Raises:
        ImageError: The file is damaged.
    """
    try:
        image.load()
    # Pillow's decoders raise many different exceptions on damaged files.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None
    return image


def check_size(width: int, height: int) -> None:
    """Check the size of an image, in pixels.

    Raises:
        ImageError: It is not square, is smaller than a sprite, or is larger than `MAX_SIDE_PX`.
    """
    if width != height or not SIDE_PX <= width <= MAX_SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not a square of {SIDE_PX} to {MAX_SIDE_PX:,} pixels",
            hint="only complete images of one punk can be read",
        )


def _webp_chunk_names(data: bytes) -> list[str]:
    """Return the four-letter names of at most the first `MAX_WEBP_CHUNKS` chunks."""
    offset = 12
    names: list[str] = []
    while offset + 8 <= len(data) and len(names) < MAX_WEBP_CHUNKS:
        names.append(data[offset : offset + 4].decode("latin-1"))
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        offset += 8 + length + length % 2
    return names


def _check_webp(data: bytes) -> None:
    """Check a WebP's size and frames in its header, because Pillow allocates memory on opening.

    Raises:
        ImageError: The header is damaged, or states an animation or an unsupported size.
    """
    if len(data) < 30:
        raise ImageError("is a WebP without a header")
    head = data[20:30]
    match data[12:16]:
        case b"VP8X":
            if head[0] & 2:
                raise ImageError("is an animation")
            size = [1 + int.from_bytes(head[i : i + 3], "little") for i in (4, 7)]
        case b"VP8L":
            bits = int.from_bytes(head[1:5], "little")
            size = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
        case b"VP8 ":
            size = [int.from_bytes(head[i : i + 2], "little") & 0x3FFF for i in (6, 8)]
        case _:
            raise ImageError("is a damaged WebP (its first chunk is of an unknown type)")
    check_size(*size)


def _has_complete_boxes(data: bytes) -> bool:
    """Return True if the lengths in the headers of an AVIF's boxes add up to the file size."""
    offset = 0
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4])
        if length == 1:  # The actual length, in 8 bytes, follows the name.
            length = int.from_bytes(data[offset + 8 : offset + 16])
        if length == 0:  # The box extends to the end of the file.
            return True
        offset += max(length, 8)
    return offset == len(data)

"""What kind of picture some bytes are, and whether it is safe to decode. Pure.

The first bytes decide, never a name or a content type. Size, shape and frames are checked
before anything is unpacked.
"""

from __future__ import annotations

import io

from PIL import Image

from punkdata.errors import ImageError

MAX_BYTES = 8_000_000
MIN_SIDE_PX = 24
MAX_SIDE_PX = 2400
MAX_SCANS = 100

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG_STARTS = (b"<svg", b"<?xml", b"data:image/svg+xml")
_OTHERS = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"<": "HTML", b"{": "JSON"}
_NO_MODE = {
    "L": "is gray, so the colors are lost",
    "1": "is black and white, so the colors are lost",
    "CMYK": "is in colors for print (CMYK)",
    "YCCK": "is in colors for print (CMYK)",
}


def format_name(data: bytes) -> str:
    """What the first bytes say that this is: "PNG", "JPEG", "WebP", "AVIF", "SVG", …"""
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
        # An XML declaration alone says little, and a comment may come first.
        return "SVG" if b"<svg" in text or not text.startswith(b"<?xml") else "XML"
    return next(
        (name for magic, name in _OTHERS.items() if text.startswith(magic)), "something else"
    )


def check_whole(data: bytes) -> None:
    """Refuse what a transfer cut short, or what is no picture at all; for received bytes.

    Raises:
        ImageError: so it is. Whether one sprite can be read from it is for `decode_image`.
    """
    ends = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "SVG": b"</svg>", "GIF": b";"}
    match name := format_name(data):
        case "PNG" | "JPEG" | "GIF" | "SVG":
            whole = ends[name] in data
        case "WebP":
            whole = len(data) >= 8 + int.from_bytes(data[4:8], "little")
        case "AVIF":
            whole = _has_whole_boxes(data)
        case _:
            raise ImageError(f"is {name}, not a picture")
    if not whole:
        raise ImageError(f"is a {name} that was cut short")


def is_lossless(data: bytes) -> bool:
    """Whether this kind of file holds pixels just as they were before it was saved."""
    return format_name(data) == "PNG" or (
        format_name(data) == "WebP" and "VP8L" in _webp_chunks(data)
    )


def open_picture(data: bytes) -> Image.Image:
    """The opened, not yet decoded picture: square, 24 to 2,400 pixels a side, one frame.

    Raises:
        ImageError: it is none of JPEG, WebP and AVIF (for PNG there is png.py), or is not such
            a picture.
    """
    name = format_name(data)
    if name == "WebP":
        _check_webp(data)
    elif name == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError(f"is a JPEG of more than {MAX_SCANS} scans")
    elif name not in ("JPEG", "AVIF"):
        raise ImageError(
            f"is not a PNG, JPEG, WebP, AVIF or SVG but {name}", hint="save it as a PNG"
        )
    image = open_upright(data, name)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) != 1:
        raise ImageError("is an animation")
    if name == "JPEG" and image.mode != "RGB":
        raise ImageError(_NO_MODE.get(image.mode, f"has the color mode {image.mode}"))
    return image


def open_upright(data: bytes, name: str) -> Image.Image:
    """Raises:
    ImageError: Pillow cannot open it, or it is to be shown turned.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=[name])
        turned = image.getexif().get(0x0112, 1)
    # On damaged files Pillow raises whatever its parts happen to raise.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None
    if turned not in (0, 1):
        raise ImageError("is stored turned or mirrored (EXIF)", hint="save it upright")
    return image


def loaded(image: Image.Image, name: str) -> Image.Image:
    """Raises:
    ImageError: it is damaged.
    """
    try:
        image.load()
    # As above.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None
    return image


def check_size(width: int, height: int) -> None:
    """Raises:
    ImageError: not square, smaller than a sprite, or larger than any that we read.
    """
    if width != height or not MIN_SIDE_PX <= width <= MAX_SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not a square of {MIN_SIDE_PX} to {MAX_SIDE_PX:,}",
            hint="only whole pictures of one punk can be read",
        )


def _webp_chunks(data: bytes) -> list[str]:
    """The names of the parts of a WebP file, the first 100 at most."""
    at = 12
    names: list[str] = []
    while at + 8 <= len(data) and len(names) < 100:
        names.append(data[at : at + 4].decode("latin-1"))
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return names


def _check_webp(data: bytes) -> None:
    """Refuse by the header what Pillow would allot memory for as soon as it opens it."""
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
            raise ImageError("is a damaged WebP (it begins with an unknown part)")
    check_size(*size)


def _has_whole_boxes(data: bytes) -> bool:
    """Whether the boxes that an AVIF file consists of, each with its length, fill it."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        if length == 1:  # the length follows the name, in 8 bytes
            length = int.from_bytes(data[at + 8 : at + 16])
        if length == 0:  # this one lasts to the end, wherever that is
            return True
        at += max(length, 8)
    return at == len(data)

"""What kind of picture some bytes are, and whether it is safe to decode. Pure.

The first bytes decide, never a name or a content type. Size, shape and frames are checked
before anything is unpacked.
"""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from punkdata.errors import ImageError

MAX_BYTES = 8_000_000
MIN_SIDE_PX = 24
MAX_SIDE_PX = 2400
MAX_CHUNKS = 1000
MAX_SCANS = 100

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG_STARTS = (b"<svg", b"<?xml", b"data:image/svg+xml")
_OTHERS = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"<": "HTML", b"{": "JSON"}
_NO_MODE = {
    "L": "is grey, so the colours are lost",
    "1": "is black and white, so the colours are lost",
    "CMYK": "is in colours for print (CMYK)",
    "YCCK": "is in colours for print (CMYK)",
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
    return next((name for magic, name in _OTHERS.items() if text.startswith(magic)), "no picture")


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
        ImageError: it is none of PNG, JPEG, WebP and AVIF, or is not such a picture.
    """
    name = format_name(data)
    if name == "PNG":
        _check_png(data)
    elif name == "WebP":
        _check_webp(data)
    elif name == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError(f"is a JPEG of more than {MAX_SCANS} scans")
    elif name not in ("JPEG", "AVIF"):
        raise ImageError(
            f"is not a PNG, JPEG, WebP, AVIF or SVG but {name}", try_next="save it as a PNG"
        )
    try:
        image = Image.open(io.BytesIO(data), formats=[name])
        turned = image.getexif().get(0x0112, 1)
    # On damaged files Pillow raises whatever its parts happen to raise.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None
    check_size(*image.size)
    if getattr(image, "n_frames", 1) != 1:
        raise ImageError("is an animation")
    if turned not in (0, 1):
        raise ImageError("is stored turned or mirrored (EXIF)", try_next="save it upright")
    if name == "JPEG" and image.mode != "RGB":
        raise ImageError(_NO_MODE.get(image.mode, f"has the colour mode {image.mode}"))
    return image


def check_size(width: int, height: int) -> None:
    """Raises:
    ImageError: not square, smaller than a sprite, or larger than any that we read.
    """
    if width != height or not MIN_SIDE_PX <= width <= MAX_SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not a square of {MIN_SIDE_PX} to {MAX_SIDE_PX:,}",
            try_next="only whole pictures of one punk can be read",
        )


def _check_png(data: bytes) -> None:
    """Refuse a PNG with a damaged, doubled or missing part, which Pillow reads as it can."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ImageError("is a PNG without a header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    check_size(width, height)
    if depth == 16:
        raise ImageError("has 16 bits a channel", try_next="save it with 8")
    at = len(_PNG)
    kinds: list[bytes] = [b""]
    rows_packed: list[bytes] = []
    while at < len(data) and kinds[-1] != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if data[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(kind + body)):
            raise ImageError("is a damaged PNG (a part has another checksum)")
        kinds.append(kind)
        if kind == b"IDAT":
            rows_packed.append(body)
        if len(kinds) > MAX_CHUNKS:
            raise ImageError(f"is a PNG of more than {MAX_CHUNKS:,} parts")
        at += 12 + length
    if kinds.count(b"IHDR") != 1 or kinds[-1] != b"IEND":
        raise ImageError("is a damaged PNG (a part is missing or doubled)")
    if b"acTL" in kinds or b"fcTL" in kinds:
        raise ImageError("is an animation")
    bits = width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(b"".join(rows_packed), 2 * height * (8 + bits // 8))
    except zlib.error as error:
        raise ImageError(f"is a damaged PNG ({error})") from None
    if not unpacker.eof or (not interlaced and len(rows) != height * (1 + (bits + 7) // 8)):
        raise ImageError("is a damaged PNG (it has too few or too many rows)")


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

"""Image bytes to the exact 24x24 RGBA sprite, or a reasoned refusal. Pure.

A *sprite* is uint8 (24, 24, 4): red, green, blue, alpha, each 0 to 255, with all four
zero where nothing is drawn. Two kinds of bytes are read here:

- `decode_image` takes any stranger's PNG of 24x24 or an integer enlargement, with
  transparency or with one plain background baked in;
- `encode_png` and `decode_sprites` are the writer and the reader of the PNGs inside our
  own snapshots: ordinary RGBA PNGs whose rows carry no filter, so that all of them unpack
  straight into one array (benchmarks/snapshot.py compares that with Pillow).
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, ImageError
from punkdata.palette import PALETTE, palette_indices

Sprite: TypeAlias = NDArray[np.uint8]

SIDE_PX = 24
MAX_BYTES = 8_000_000
MAX_SCALE = 100
MAX_CHUNKS = 1000

_MAGIC = b"\x89PNG\r\n\x1a\n"
_ROW_BYTES = SIDE_PX * 4
_NEEDS_ALPHA = "save it with a transparent background"
_WHITE = (255, 255, 255)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_HEAD = _MAGIC + _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 6, 0, 0, 0))
_TAIL = _chunk(b"IEND", b"")


def blank_transparent(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same (..., 4) pixels with red, green and blue zeroed wherever alpha is 0."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)


def pixels_sha256(sprite: Sprite) -> str:
    """SHA-256 (hex) of the sprite's 2,304 bytes, row by row, RGBA."""
    return hashlib.sha256(np.ascontiguousarray(sprite).data).hexdigest()


def encode_png(sprite: Sprite) -> bytes:
    """The sprite as a 24x24 RGBA PNG that `decode_sprites` reads fast."""
    rows = np.zeros((SIDE_PX, 1 + _ROW_BYTES), np.uint8)  # column 0: filter type 0, none
    rows[:, 1:] = sprite.reshape(SIDE_PX, _ROW_BYTES)
    return _HEAD + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + _TAIL


def decode_sprites(pngs: Sequence[bytes]) -> NDArray[np.uint8]:
    """uint8 (N, 24, 24, 4) of N PNGs made by `encode_png`.

    Raises:
        DataError: one of them was not made by `encode_png` or is damaged.
    """
    rows = np.empty((len(pngs), SIDE_PX, 1 + _ROW_BYTES), np.uint8)
    body = slice(len(_HEAD) + 8, -len(_TAIL) - 4)
    for i, png in enumerate(pngs):
        if not (png.startswith(_HEAD) and png.endswith(_TAIL)):
            raise DataError(f"PNG {i} of {len(pngs)} was not written by punkdata")
        try:
            rows[i].reshape(-1)[:] = np.frombuffer(zlib.decompress(png[body]), np.uint8)
        except (zlib.error, ValueError) as error:
            raise DataError(f"PNG {i} of {len(pngs)} is damaged ({error})") from None
    if rows[:, :, 0].any():
        raise DataError("a PNG with row filters was not written by punkdata")
    return rows[:, :, 1:].reshape(-1, SIDE_PX, SIDE_PX, 4)


@dataclass(frozen=True)
class DecodedImage:
    sprite: Sprite
    scale: int
    """how many image pixels a sprite pixel is wide"""
    background: str | None
    """the plain colour that stood behind the punk, as "#rrggbb"; None if transparent"""


def decode_image(data: bytes) -> DecodedImage:
    """The exact sprite in a PNG of 24x24 or an integer enlargement of it.

    Raises:
        ImageError: the bytes are not such a picture, or what they show is not certain.
            The message says why and starts with "is" or "has", to follow a file name.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"has {len(data):,} bytes, more than {MAX_BYTES:,}")
    if not data.startswith(_MAGIC):
        raise ImageError(f"is not a PNG but {_format_name(data)}")
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ImageError("is a PNG without a header")
    width, height, depth = struct.unpack(">IIB", data[16:25])
    if width != height or width % SIDE_PX or not 0 < width <= MAX_SCALE * SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not 24x24 or a whole multiple of it",
            try_next="only whole enlargements of a 24x24 original can be read",
        )
    if depth == 16:
        raise ImageError("has 16 bits a channel", try_next="save it with 8")
    _check_chunks(data)
    scale = width // SIDE_PX
    sprite = _reduce(_read_png(data), scale)
    if (sprite[..., 3] == 255).all():
        return DecodedImage(*_remove_background(sprite, scale))
    if sprite[[0, 0, -1, -1], [0, -1, 0, -1], 3].any():
        raise ImageError("is neither transparent nor opaque in all corners")
    return DecodedImage(sprite, scale, None)


def _reduce(pixels: NDArray[np.uint8], scale: int) -> Sprite:
    """The sprite that was enlarged to `pixels`, `scale` times."""
    whole = np.ascontiguousarray(pixels).view(np.uint32)  # a number a pixel: four times faster
    cells = whole.reshape(SIDE_PX, scale, SIDE_PX, scale)
    sprite = cells[:, :1, :, :1]
    if (cells != sprite).any():
        # Transparent pixels may differ in a colour that nobody sees.
        cells = blank_transparent(pixels).view(np.uint32).reshape(cells.shape)
        sprite = cells[:, :1, :, :1]
        if (cells != sprite).any():
            raise ImageError(
                f"has cells of {scale}x{scale} pixels that are not of one colour",
                try_next="enlarge the 24x24 original with nearest-neighbour",
            )
    small = np.ascontiguousarray(sprite).view(np.uint8).reshape(SIDE_PX, SIDE_PX, 4)
    return blank_transparent(small)


def _check_chunks(data: bytes) -> None:
    """Refuse a PNG with a damaged, doubled or missing part, which Pillow reads as it can."""
    at = len(_MAGIC)
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
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    bits = width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(b"".join(rows_packed), 2 * height * (8 + bits // 8))
    except zlib.error as error:
        raise ImageError(f"is a damaged PNG ({error})") from None
    if not unpacker.eof or (not interlaced and len(rows) != height * (1 + (bits + 7) // 8)):
        raise ImageError("is a damaged PNG (it has too few or too many rows)")


def _read_png(data: bytes) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGBA"))
    # On damaged files Pillow's PNG reader raises whatever its parts happen to raise.
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged PNG ({type(error).__name__})") from None


_KINDS = {
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"<svg": "SVG",
    b"<?xml": "XML",
    b"<": "HTML",
    b"{": "JSON",
}


def _format_name(data: bytes) -> str:
    """What the first bytes say that this is, whatever its name or content type says."""
    if not data:
        return "an empty file"
    if data.startswith(_MAGIC):
        return "PNG"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return next((name for magic, name in _KINDS.items() if data.startswith(magic)), "no picture")


def check_whole(data: bytes) -> None:
    """Refuse what a transfer cut short, or what is no picture at all; for received bytes.

    Raises:
        ImageError: so it is. Whether one sprite can be read from it is for `decode_image`.
    """
    ends = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "SVG": b"</svg>", "GIF": b";"}
    match name := _format_name(data):
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


def _remove_background(opaque: Sprite, scale: int) -> tuple[Sprite, int, str]:
    """The sprite that was painted onto one plain colour, the scale, and that colour.

    The corners of every punk are transparent, so they show the background. A half
    transparent pixel has become a mix with it, which is undone where only one colour
    can have made the mix.
    """
    corners = opaque[[0, 0, -1, -1], [0, -1, 0, -1]]
    if (corners != corners[0]).any():
        raise ImageError("has no transparency, and corners of different colours")
    behind = corners[0]
    name = "#" + bytes(behind[:3]).hex()
    is_behind = (opaque == behind).all(-1)
    if (behind == PALETTE).all(-1).any():
        # White is the one colour of the palette that no punk shows at its outer edge, so
        # white that touches the border is background; enclosed white can be either.
        if tuple(behind[:3]) != _WHITE:
            raise ImageError(
                f"has the background {name}, which is also a colour of punks", try_next=_NEEDS_ALPHA
            )
        if (is_behind & ~_reached_from_border(is_behind)).any():
            raise ImageError(
                "has white inside, which may be punk or background", try_next=_NEEDS_ALPHA
            )
    sprite = np.where(is_behind[..., None], np.uint8(0), opaque)
    solid = PALETTE[PALETTE[:, 3] == 255]
    for colour in PALETTE[PALETTE[:, 3] == 128]:
        mixed = _composite(colour, behind)
        is_mixed = (opaque == mixed).all(-1)
        if not is_mixed.any():
            continue
        if (mixed == behind).all() or (solid == mixed).all(-1).any():
            raise ImageError(
                f"has the background {name}, on which two colours look the same",
                try_next=_NEEDS_ALPHA,
            )
        sprite[is_mixed] = colour
    # Other programs round such mixes differently; what is left over may be one of those.
    if (PALETTE[palette_indices(sprite)] != sprite).any():
        raise ImageError(
            f"has colours on the background {name} that no punk has", try_next=_NEEDS_ALPHA
        )
    return sprite, scale, name


def _composite(colour: NDArray[np.uint8], behind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`colour` painted over the opaque `behind`: uint8 (4,), as Pillow rounds it."""
    over = [Image.new("RGBA", (1, 1), tuple(map(int, c))) for c in (behind, colour)]
    mixed: NDArray[np.uint8] = np.asarray(Image.alpha_composite(*over))[0, 0]
    return mixed


def _reached_from_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a 2-D mask that is joined to its border by shared edges."""
    reached = np.zeros_like(mask)
    border = np.ones_like(mask)
    border[1:-1, 1:-1] = False
    grown = mask & border
    while (grown != reached).any():
        reached = grown.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= mask
    return reached

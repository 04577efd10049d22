"""Image bytes to the exact 24x24 RGBA sprite, or a reasoned refusal. Pure.

A *sprite* is uint8 (24, 24, 4): red, green, blue, alpha, each 0 to 255, with all four
zero where nothing is drawn. Two kinds of bytes are read here:

- `decode_image` takes any stranger's picture of one sprite: PNG, JPEG, WebP, AVIF or the
  on-chain SVG, of any size, with transparency or with one plain background baked in;
- `encode_png` and `decode_sprites` are the writer and the reader of the PNGs inside our
  own snapshots: ordinary RGBA PNGs whose rows carry no filter, so that all of them unpack
  straight into one array (benchmarks/snapshot.py compares that with Pillow).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, ImageError
from punkdata.images.background import check_telling, corners_differ, painted, remove_background
from punkdata.images.formats import MAX_BYTES, format_name, is_lossless, loaded, open_picture
from punkdata.images.nearest_upscale import exact_sprite
from punkdata.images.palette import PALETTE
from punkdata.images.restoration import jpeg
from punkdata.images.restoration.avif_header import base_q_idx
from punkdata.images.restoration.forward_model import Rendition
from punkdata.images.restoration.pixels import COARSEST_Q_IDX, RasterRendition
from punkdata.images.restoration.posterior import Restoration, restore
from punkdata.images.sprite_png import MAGIC, packed, read_png
from punkdata.images.svg import read_svg, unwrap_data_uri

Sprite: TypeAlias = NDArray[np.uint8]

SIDE_PX = 24
MIN_CONFIDENCE = 0.98
MIN_LOSSY_SCALE = 4
MAX_LOSSY_PX = 1024
MAX_STRANGENESS = 6.0
MAX_ODDITY = 8.0
BACKDROP = "#18d0e0"
"""about as far from all 222 colors as a color can be"""

_ROW_BYTES = SIDE_PX * 4
_EMPTY = "shows nothing but one plain color"
_NEEDS_A_BETTER_ONE = "use a larger or a lossless picture of it"


_HEAD = MAGIC + packed(b"IHDR", struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 6, 0, 0, 0))
_TAIL = packed(b"IEND", b"")


def pixels_sha256(sprite: Sprite) -> str:
    """SHA-256 (hex) of the sprite's 2,304 bytes, row by row, RGBA."""
    return hashlib.sha256(np.ascontiguousarray(sprite).data).hexdigest()


def encode_png(sprite: Sprite) -> bytes:
    """The sprite as a 24x24 RGBA PNG that `decode_sprites` reads fast."""
    rows = np.zeros((SIDE_PX, 1 + _ROW_BYTES), np.uint8)  # column 0: filter type 0, none
    rows[:, 1:] = sprite.reshape(SIDE_PX, _ROW_BYTES)
    return _HEAD + packed(b"IDAT", zlib.compress(rows.tobytes(), 6)) + _TAIL


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
            unpacker = zlib.decompressobj()
            # One byte too many is enough to see that it is another picture.
            unpacked = unpacker.decompress(png[body], rows[i].size + 1)
            if not unpacker.eof:
                raise ValueError("it has too few or too many rows")
            rows[i].reshape(-1)[:] = np.frombuffer(unpacked, np.uint8)
        except (zlib.error, ValueError) as error:
            raise DataError(f"PNG {i} of {len(pngs)} is damaged ({error})") from None
    if rows[:, :, 0].any():
        raise DataError("a PNG with row filters was not written by punkdata")
    return rows[:, :, 1:].reshape(-1, SIDE_PX, SIDE_PX, 4)


@dataclass(frozen=True)
class DecodedImage:
    sprite: Sprite
    scale: float
    """how many image pixels a sprite pixel is wide; 1 for an SVG"""
    background: str | None
    """the plain color that stood behind the punk, as "#rrggbb"; None if transparent. From a
    lossy picture it is exact to about one step in each channel."""
    confidence: float
    """how sure every pixel is, 0 to 1: 1 for lossless pictures; benchmarks/renditions.py counts
    how often pictures of each confidence are right"""


def decode_image(data: bytes, min_confidence: float = MIN_CONFIDENCE) -> DecodedImage:
    """The exact sprite in a picture of it, or in a data URI of one.

    Lossless pictures are read as they are. From others the likeliest sprite is worked out
    (see search.py and restoration.py), and given only when no other one is likely.

    Args:
        min_confidence: the least that is accepted, 0 to 1.

    Raises:
        ImageError: the bytes are not such a picture, or what they show is not certain.
            The message says why and starts with a verb, to follow a file name.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"has {len(data):,} bytes, more than {MAX_BYTES:,}")
    data = unwrap_data_uri(data)
    name = format_name(data)
    if name == "SVG":
        return _finished(read_svg(data), 1)
    if name == "PNG":
        pixels = read_png(data)
        image = Image.fromarray(pixels)
    else:
        image = open_picture(data)
    if is_lossless(data):
        if name != "PNG":
            pixels = np.asarray(loaded(image, name).convert("RGBA"))
        sprite = exact_sprite(pixels)
        if sprite is not None:
            return _finished(sprite, image.width / SIDE_PX)
    return _restored(image, name, data, min_confidence)


def _finished(sprite: Sprite, scale: float) -> DecodedImage:
    if (sprite[..., 3] == 255).all():
        sprite, background = remove_background(sprite)
    else:
        background = None
    if sprite[[0, 0, -1, -1], [0, -1, 0, -1], 3].any():
        raise ImageError("is neither transparent nor opaque in all corners")
    if not sprite.any():
        raise ImageError(_EMPTY)
    return DecodedImage(sprite, scale, background, 1.0)


# -- pictures whose pixels are not exact ---------------------------------------------------


def _restored(image: Image.Image, name: str, data: bytes, min_confidence: float) -> DecodedImage:
    """The sprite of a smoothly resized or lossily compressed picture."""
    scale = image.width / SIDE_PX
    if scale < MIN_LOSSY_SCALE:
        raise ImageError(
            f"is {image.width} pixels wide, too small for a {name} that is not exact",
            hint=_NEEDS_A_BETTER_ONE,
        )
    rendition, is_transparent = _rendition(image, name, data)
    found = restore(rendition)
    confidence = 1 / (1 + found.odds)
    _check(rendition, found)
    if confidence < min_confidence:
        raise ImageError(
            f"can be read in more than one way (confidence {confidence:.2f})",
            hint=_NEEDS_A_BETTER_ONE,
        )
    background = bytes(found.background.astype(np.uint8)).hex()
    is_behind = np.isin(found.indices, [0, *found.hidden])
    for color in PALETTE[found.hidden]:
        check_telling(color, is_behind.reshape(SIDE_PX, SIDE_PX))
    indices = np.where(is_behind, 0, found.indices)
    if not indices.any():
        raise ImageError(_EMPTY)
    return DecodedImage(
        PALETTE[indices].reshape(SIDE_PX, SIDE_PX, 4),
        scale,
        None if is_transparent else f"#{background}",
        confidence,
    )


def _rendition(image: Image.Image, name: str, data: bytes) -> tuple[Rendition, bool]:
    """The picture as evidence, and whether its background is transparent."""
    if jpeg.can_read(image) and image.width <= MAX_LOSSY_PX:
        try:
            return jpeg.JpegRendition(image), False
        except OSError as error:
            raise ImageError(f"is a damaged {name} ({error})") from None
    q_idx = base_q_idx(data) if name == "AVIF" else None
    if name == "AVIF" and q_idx is None:
        q_idx = COARSEST_Q_IDX  # not known, so nothing is taken for granted
    pixels = loaded(image, name)
    if pixels.has_transparency_data:
        pixels = pixels.convert("RGBA")
    is_transparent = pixels.mode == "RGBA" and pixels.getchannel("A").getextrema() != (255, 255)
    if is_transparent:
        # Its alpha has been blurred like its colors; on one color that needs no thought.
        data = b""
        flat = Image.new("RGBA", pixels.size, BACKDROP)
        flat.alpha_composite(pixels)
        pixels = flat
    opaque = pixels.convert("RGB")
    if image.width > MAX_LOSSY_PX:
        opaque = opaque.resize((MAX_LOSSY_PX, MAX_LOSSY_PX), Image.Resampling.BOX)
        data = b""
    opaque.format = name.upper()
    rendition = RasterRendition(opaque, data, was_transparent=is_transparent, q_idx=q_idx)
    return rendition, is_transparent


def _check(rendition: Rendition, found: Restoration) -> None:
    """Refuse what fits no sprite.

    Raises:
        ImageError: so it is.
    """
    corners = found.indices.reshape(SIDE_PX, SIDE_PX)[[0, 0, -1, -1], [0, -1, 0, -1]]
    if not np.isin(corners, [0, *found.hidden]).all():
        raise corners_differ()
    picture = painted(found.background)[found.indices].reshape(SIDE_PX, SIDE_PX, 3)
    if rendition.oddity(picture) > MAX_ODDITY:
        raise ImageError(
            "is no enlarged sprite: it has detail finer than 24x24",
            hint="take one punk a picture, enlarged without smoothing (Image.NEAREST)",
        )
    if found.strangeness > MAX_STRANGENESS:
        raise ImageError("has colors that no punk has")

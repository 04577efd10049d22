"""Detection of image formats by their first bytes, and the checks that precede decoding.

The size, the shape and the number of frames are checked before any pixels are decompressed, so
that a hostile file cannot use much memory.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from punkdata.errors import ImageError
from punkdata.images.avif import check_avif, iter_boxes
from punkdata.images.headers import check_png, read_jpeg_size, read_png_size, read_webp_size
from punkdata.images.sprite import PNG_SIGNATURE, SIDE_PX

MAX_BYTES = 8_000_000
MAX_SIDE_PX = 2400

_EXIF_ORIENTATION = 0x0112
_FORMATS = {"PNG", "JPEG", "WebP", "AVIF", "GIF", "BMP", "TIFF", "PPM"}
"""Formats of `open_any_image`. Pillow starts external programs to decode some others."""
_TIFF_TILE = (322, 323)  # Tags of the width and height of a tile.
_SVG_STARTS = (b"<svg", b"<?xml", b"data:image/svg+xml")
_OTHERS = {
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    **{b"P%d" % i: "PPM" for i in range(1, 7)},
    b"<": "HTML",
    b"{": "JSON",
}
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


def is_lossless(data: bytes) -> bool:
    """Return whether the file's format stores pixels without compression loss."""
    name = detect_format(data)
    return name == "PNG" or (name == "WebP" and b"VP8L" in data)


def open_image(data: bytes) -> Image.Image:
    """Open a PNG, JPEG, WebP or AVIF without decoding it; refuse what cannot be an exact sprite."""
    name = detect_format(data)
    if name not in ("PNG", "JPEG", "WebP", "AVIF"):
        message = f"is {name}, not a PNG, JPEG, WebP, AVIF or SVG"
        raise ImageError(message, hint="save it as a PNG")
    image = open_any_image(data, _check_size)
    if name == "PNG":
        check_png(data)
    with _refuse_damaged(name):
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    if getattr(image, "n_frames", 1) != 1:
        raise ImageError("is an animation")
    if orientation not in (0, 1):
        raise ImageError("is stored rotated or mirrored (EXIF orientation)", hint="save it upright")
    if name == "JPEG" and image.mode != "RGB":
        raise ImageError(f"is a JPEG without RGB colors (its mode is {image.mode})")
    return image


def open_any_image(data: bytes, check_size: Callable[[int, int], None]) -> Image.Image:
    """Open an image in any supported format, without decoding it.

    `check_size` is called with the width and height before any memory is allocated for pixels, and
    raises an exception if they are too large. No codec allocates more than for that size. Raises
    ImageError if the file is damaged, ambiguous, or in another format.
    """
    name = detect_format(data)
    # Pillow allocates memory when it opens a WebP. Its codec reads the size of a JPEG by itself.
    readers = {"PNG": read_png_size, "WebP": read_webp_size, "JPEG": read_jpeg_size}
    if reader := readers.get(name):
        check_size(*reader(data))
    elif name not in _FORMATS:
        raise ImageError(f"is {name}, not an image", hint="save it as a PNG")
    with _refuse_damaged(name):
        image = Image.open(io.BytesIO(data), formats=[name])
        correct_transparency(image)
    check_size(*image.size)
    if name == "AVIF":
        check_avif(data, *image.size)
    if name == "TIFF":  # A tile may be larger than the image.
        tags = image.tag_v2  # type: ignore[attr-defined]
        check_size(*(max(image.size[i], tags.get(_TIFF_TILE[i], 0)) for i in (0, 1)))
    return image


def _check_size(width: int, height: int) -> None:
    if width != height or not SIDE_PX <= width <= MAX_SIDE_PX:
        raise ImageError(
            f"is {width}x{height} pixels, not a square of {SIDE_PX} to {MAX_SIDE_PX:,} pixels",
            hint="only complete images of one punk can be read",
        )


def load_pixels(image: Image.Image) -> Image.Image:
    """Decode an opened image, and return it with 8 bits per channel.

    Raises ImageError if it is damaged, or if 8 bits would be a loss.
    """
    with _refuse_damaged(image.format):
        image.load()
    if image.mode.startswith("I;16"):
        samples = np.asarray(image)
        if (samples[samples != image.info.get("transparency")] % 257).any():
            raise ImageError("has 16 bits per channel", hint="save it with 8 bits per channel")
        return to_rgba(image)
    return image


def correct_transparency(image: Image.Image) -> None:
    """Correct the one transparent color of an opened PNG, which must not be decoded yet.

    Pillow stores it with the bit depth of the file, but compares it with pixels of 8 bits. Call
    this only once for an image.
    """
    color, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    packing = tiles[0].args if tiles else None
    if image.format != "PNG" or color is None:
        return
    if packing in ("1", "L;2", "L;4"):  # Newer versions of Pillow correct those of one bit.
        scale = {"1": 255, "L;2": 85, "L;4": 17}[packing]
        image.info["transparency"] = min(255, color * scale)
    elif packing == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in color)


def to_rgba(image: Image.Image) -> Image.Image:
    """Return an opened image as RGBA with 8 bits per channel; gray of 16 bits is rounded."""
    if not image.mode.startswith("I;16"):
        return image.convert("RGBA")
    samples, transparent = np.asarray(image), image.info.get("transparency")
    gray = np.rint(samples / 257).astype(np.uint8)
    alpha = np.where(samples == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([gray, gray, gray, alpha], axis=-1))


@contextmanager
def _refuse_damaged(name: str | None) -> Iterator[None]:
    """Raise ImageError for the many different exceptions of Pillow's decoders."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        raise ImageError(f"is a damaged {name} ({type(error).__name__})") from None

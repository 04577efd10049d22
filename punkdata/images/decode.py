"""Decoding of image bytes to the exact 24x24 RGBA sprite; ambiguous images are refused.

`decode_image` reads an image of one sprite from any source: PNG, JPEG, WebP, AVIF or the on-chain
SVG, of any size, with a transparent background or with one plain background color. Snapshots have a
faster reader for their own PNGs, in `sprite`.
"""

import io
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike

import numpy as np
from PIL import Image

from punkdata.errors import ImageError, NoFileError, UsageError
from punkdata.images.background import (
    CORNERS,
    blank_error,
    check_background_color,
    composite_palette,
    corners_differ_error,
    remove_background,
)
from punkdata.images.formats import (
    MAX_BYTES,
    correct_transparency,
    detect_format,
    is_lossless,
    load_pixels,
    open_image,
)
from punkdata.images.nearest_upscale import undo_nearest_upscale
from punkdata.images.palette import PALETTE
from punkdata.images.restoration import jpeg
from punkdata.images.restoration.forward_model import Observation
from punkdata.images.restoration.pixels import PixelObservation
from punkdata.images.restoration.posterior import Restoration, restore
from punkdata.images.sprite import SIDE_PX, Sprite
from punkdata.images.svg import read_svg, unwrap_data_uri
from punkdata.paths import expand_user

MIN_CONFIDENCE = 0.98  # Default lower limit of the posterior probability of a restored sprite.
MIN_LOSSY_SCALE = 4  # Minimum number of image pixels per sprite pixel, in each direction.
MAX_LOSSY_PX = 1024  # Side above which a lossy image is scaled down before it is restored.
MAX_COLOR_DEVIATION = 6.0  # Maximum of a restored color from the palette, in standard errors.
MAX_BLOCK_RESIDUAL = 8.0  # Maximum `worst_block_residual` of an image that is an enlarged sprite.
TRANSPARENT_FILL = "#18d0e0"
"""Color that replaces transparency in lossy images; far from all 222 colors of the palette."""

_LARGE_IMAGE = threading.Lock()  # A fetch decodes many images at once, but only one large one.
_DISPLAY_SCALE = 8
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # Modes of PIL that a PNG can have.
_BETTER_IMAGE_HINT = "use a lossless version of the image, or a larger one of higher quality"


@dataclass(frozen=True, repr=False)
class DecodedImage:
    """A decoded sprite, and the scale, background and confidence with which it was found.

    Notebooks show it enlarged.

    Attributes:
        sprite: uint8 (24, 24, 4), RGBA; all four channels are 0 where the sprite is transparent.
        scale: Image pixels per sprite pixel; 1 for an SVG.
        background: The plain background color as "#rrggbb", or None if the background is
            transparent. For a lossy image, each channel may be wrong by about 1 in 255.
        confidence: Posterior probability that every pixel is correct, 0 to 1; 1 for lossless
            images.
    """

    sprite: Sprite
    scale: float
    background: str | None
    confidence: float

    @property
    def image(self) -> Image.Image:
        """The sprite as a PIL image, 24x24 RGBA."""
        return Image.fromarray(self.sprite)

    def __repr__(self) -> str:
        background = repr(self.background) if self.background else "transparent"
        facts = f"scale {self.scale:g}, background {background}, confidence {self.confidence:.4g}"
        return f"DecodedImage({SIDE_PX}x{SIDE_PX} RGBA, {facts})"

    def _repr_png_(self) -> bytes:
        side = SIDE_PX * _DISPLAY_SCALE
        return _encode_png(self.image.resize((side, side), Image.Resampling.NEAREST))


def decode_image(
    image: bytes | str | PathLike[str] | Image.Image, min_confidence: float = MIN_CONFIDENCE
) -> DecodedImage:
    """Return the exact sprite in an image of one punk, on a transparent or plain background.

    >>> decode_image("punk.jpg")
    DecodedImage(24x24 RGBA, scale 14, background '#638596', confidence 0.9997)

    Lossless images are read exactly. For smoothly resized or lossily compressed images, the most
    probable sprite is computed, as the page "From any image to the sprite" of the documentation
    explains. It is returned only if its posterior probability is high enough.

    Args:
        image: The path of a PNG, JPEG, WebP, AVIF or SVG, the bytes of such a file, a data URI, or
            a PIL image. Pass lossy images as files: PIL discards the compression parameters.
        min_confidence: Minimum posterior probability of a restored sprite, 0 to 1.

    Raises:
        ImageError: The image cannot be read, or its sprite is not certain; also a ValueError.
        UsageError: `image` has another type, or is a missing file (also a FileNotFoundError).
    """
    name, data = read_source(image)
    try:
        return decode_bytes(data, min_confidence)
    except ImageError as error:
        hint = error.hint
        if isinstance(image, Image.Image) and image.format not in (None, "PNG"):
            hint = f"pass the {image.format} file itself: its path, or its bytes"
        raise ImageError(f"{name} {error.message}", hint=hint) from None


def read_source(image: bytes | str | PathLike[str] | Image.Image) -> tuple[str, bytes]:
    """Return the name of an image in messages, and the bytes of its file.

    Raises as `decode_image` does. A PIL image is saved as a PNG.
    """
    if isinstance(image, Image.Image):
        try:
            return "the image", _encode_png(image)
        except ImageError as error:
            raise ImageError(f"the image {error.message}", hint=error.hint) from None
        except Exception as error:  # noqa: BLE001  # decoders raise arbitrary exceptions
            raise ImageError(f"the image cannot be read ({error})") from None
    if isinstance(image, bytes):
        return "the image", image
    if isinstance(image, str) and image[:5].lower() == "data:":
        return "the image", image.encode()
    if not isinstance(image, str | PathLike):
        raise UsageError(
            f"an image is a path, the bytes of a file, or a PIL image, not {type(image).__name__}",
            hint="turn arrays into PIL images with: PIL.Image.fromarray(array)",
        )
    try:
        with expand_user(image).open("rb") as file:
            return f"'{image}'", file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NoFileError(f"there is no file '{image}'") from None
    except OSError as error:
        raise ImageError(f"'{image}' cannot be read ({error.strerror})") from None


def _encode_png(image: Image.Image) -> bytes:
    if image.format == "PNG":
        correct_transparency(image)
        image = load_pixels(image)
    if image.mode not in _PNG_MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def decode_bytes(data: bytes, min_confidence: float = MIN_CONFIDENCE) -> DecodedImage:
    """Return the sprite in the bytes of an image file or in a data URI, as `decode_image` does.

    The messages of its ImageErrors start with a verb, so that they can follow a name.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"has more than {MAX_BYTES:,} bytes")
    data = unwrap_data_uri(data)
    if detect_format(data) == "SVG":
        return _finish_exact(read_svg(data), 1)
    image = open_image(data)
    with _LARGE_IMAGE if image.width > MAX_LOSSY_PX else nullcontext():
        if is_lossless(data):
            sprite = undo_nearest_upscale(np.asarray(load_pixels(image).convert("RGBA")))
            if sprite is not None:
                return _finish_exact(sprite, image.width / SIDE_PX)
        return _restore(image, data, min_confidence)


def _finish_exact(sprite: Sprite, scale: float) -> DecodedImage:
    """Remove the background of an exact 24x24 image, and check that a sprite remains."""
    background = None
    if (sprite[..., 3] == 255).all():
        sprite, background = remove_background(sprite)
    if sprite[..., 3][CORNERS].any():
        raise ImageError(
            "has corners that are neither all transparent nor all opaque",
            hint="crop it to one punk with a transparent or plain background",
        )
    if not sprite.any():
        raise blank_error()
    return DecodedImage(sprite, scale, background, 1.0)


# -- images whose pixels are not exact -------------------------------------------------------


def _restore(image: Image.Image, data: bytes, min_confidence: float) -> DecodedImage:
    """Return the most probable sprite of a smoothly resized or lossily compressed image."""
    scale = image.width / SIDE_PX
    if scale < MIN_LOSSY_SCALE:
        raise ImageError(
            f"is {image.width} pixels wide, too small for a lossy or smoothly resized image",
            hint=_BETTER_IMAGE_HINT,
        )
    observation, is_transparent = _observe(image, data)
    restored = restore(observation)
    _check_fit(observation, restored)
    confidence = 1 / (1 + restored.alternative_odds)
    if confidence < min_confidence:
        raise ImageError(
            f"is ambiguous: more than one sprite fits it (confidence {confidence:.2f})",
            hint=_BETTER_IMAGE_HINT,
        )
    is_background = np.isin(restored.indices, [0, *restored.background_like])
    if is_background.all():
        raise blank_error()
    for color in PALETTE[restored.background_like]:
        check_background_color(color, is_background)
    sprite = PALETTE[np.where(is_background, 0, restored.indices)]
    if not sprite.any():
        raise blank_error()
    background = "#" + bytes(restored.background.astype(np.uint8)).hex()
    return DecodedImage(sprite, scale, None if is_transparent else background, confidence)


def _observe(image: Image.Image, data: bytes) -> tuple[Observation, bool]:
    """Return the image as an observation of a sprite, and whether its background is transparent."""
    is_large = image.width > MAX_LOSSY_PX
    if jpeg.is_supported(image) and not is_large:
        return jpeg.JpegObservation(image), False
    pixels, is_transparent = load_pixels(image), False
    if pixels.has_transparency_data:
        # The alpha channel is as blurred as the colors. Composite the image onto one color, and
        # then treat it like an opaque image.
        pixels = pixels.convert("RGBA")
        is_transparent = pixels.getchannel("A").getextrema() != (255, 255)
        pixels = Image.alpha_composite(Image.new("RGBA", image.size, TRANSPARENT_FILL), pixels)
    pixels = pixels.convert("RGB")
    if is_large:
        pixels = pixels.resize((MAX_LOSSY_PX, MAX_LOSSY_PX), Image.Resampling.BOX)
    rgb = np.asarray(pixels)
    return PixelObservation(rgb, image.format, data, is_transparent), is_transparent


def _check_fit(observation: Observation, restored: Restoration) -> None:
    """Check that the image is an enlargement of the restored sprite, in colors of the palette."""
    if not np.isin(restored.indices[CORNERS], [0, *restored.background_like]).all():
        raise corners_differ_error()
    sprite_rgb = composite_palette(restored.background)[restored.indices]
    if observation.worst_block_residual(sprite_rgb) > MAX_BLOCK_RESIDUAL:
        raise ImageError(
            "is not a punk sprite: it has detail finer than 24x24 pixels, or shows several punks",
            hint="use an image of one punk, enlarged without smoothing (Image.NEAREST)",
        )
    if restored.max_color_deviation > MAX_COLOR_DEVIATION:
        raise ImageError("is not a punk sprite: it has colors that no punk has")

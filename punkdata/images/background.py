"""Detection and removal of the plain background color behind a sprite."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import BACKGROUND_COLOR, Sprite

KNOWN_BACKGROUNDS = [ImageColor.getrgb(c) for c in (BACKGROUND_COLOR, "#95554f", "#8e6fb6")]
"""RGB background colors that Larva Labs uses for punks not for sale, for sale, and with a bid."""
CORNERS = [0, 0, -1, -1], [0, -1, 0, -1]  # Index of the four pixels in which no punk is opaque.

_USE_TRANSPARENCY = "save it with a transparent background"
_IS_HALF_TRANSPARENT = PALETTE[:, 3] == 128
_PALETTE_RGB = PALETTE[:, :3].astype(np.float64)


def corners_differ_error() -> ImageError:
    """Return the error for an image with several punks, or with a patterned background."""
    return ImageError(
        "is not a punk sprite: it has no transparency, and its corners have different colors",
        hint="crop it to one punk on a plain background",
    )


def blank_error() -> ImageError:
    """Return the error for an image in which nothing is to be seen."""
    return ImageError(
        "is not a punk sprite: it has only one color", hint="use an image that shows one punk"
    )


def remove_background(opaque: Sprite) -> tuple[Sprite, str]:
    """Return an opaque sprite without its plain background, and the background as "#rrggbb".

    A half-transparent pixel shows a mixture of its color and the background, which is refused
    unless only one color of the palette can have produced it.
    """
    background = opaque[0, 0]
    if (opaque[CORNERS] != background).any():
        raise corners_differ_error()
    name = "#" + bytes(background[:3]).hex()
    is_background = (opaque == background).all(-1)
    if is_background.all():
        raise blank_error()
    if (background == PALETTE).all(-1).any():
        check_background_color(background, is_background)
    sprite = np.where(is_background[..., None], np.uint8(0), opaque)
    mixtures = np.rint(composite_palette(background[:3].astype(np.float64)))
    solid_rgb = _PALETTE_RGB[PALETTE[:, 3] == 255]
    for index in np.flatnonzero(_IS_HALF_TRANSPARENT):
        mixture = mixtures[index]
        # Image libraries round mixtures differently, by one in each channel.
        look_alikes = solid_rgb[np.abs(solid_rgb - mixture).max(axis=1) <= 1]
        has_look_alike = (opaque[:, :, None, :3] == look_alikes).all(-1).any()
        if has_look_alike or (mixture == background[:3]).all():
            raise ImageError(
                f"has the background {name}, on which two colors look the same",
                hint=_USE_TRANSPARENCY,
            )
        sprite[(opaque[..., :3] == mixture).all(-1)] = PALETTE[index]
    # A remaining unknown color may be a mixture that another library rounded differently.
    if (PALETTE[palette_indices(sprite)] != sprite).any():
        raise ImageError(
            f"is not a punk sprite: it has colors on the background {name} that no punk has",
            hint=_USE_TRANSPARENCY,
        )
    return sprite, name


def check_background_color(background: NDArray[np.uint8], is_background: NDArray[np.bool_]) -> None:
    """Check that a background in a color of the palette can be distinguished from the punk.

    `is_background`, bool (24, 24), is True where the image shows that color. Only white is never
    at the outline of a punk: white pixels that are connected to the border are background.
    """
    if (background[:3] != 255).any():
        name = "#" + bytes(background[:3]).hex()
        raise ImageError(
            f"has the background {name}, which is also a color of punks", hint=_USE_TRANSPARENCY
        )
    padded = np.pad(is_background.astype(np.uint8), 1, constant_values=1)
    framed = Image.fromarray(padded).copy()  # Only the copy is writable.
    ImageDraw.floodfill(framed, (0, 0), 0)
    if framed.getbbox():
        raise ImageError(
            "has enclosed white pixels, which may be punk or background", hint=_USE_TRANSPARENCY
        )


def composite_palette(background: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the palette over an RGB background, 0 to 255, without rounding: float (222, 3)."""
    rgb = _PALETTE_RGB.copy()
    rgb[_IS_HALF_TRANSPARENT] = (rgb[_IS_HALF_TRANSPARENT] * 128 + background * 127) / 255
    rgb[0] = background
    return rgb

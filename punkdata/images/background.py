"""Detection and removal of the plain background color behind a sprite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import BACKGROUND_COLOR

KNOWN_BACKGROUNDS = (
    ImageColor.getrgb(BACKGROUND_COLOR),
    (0x95, 0x55, 0x4F),
    (0x8E, 0x6F, 0xB6),
)
"""RGB background colors that Larva Labs uses for punks not for sale, for sale, and with a bid."""

_USE_TRANSPARENCY = "save it with a transparent background"
_WHITE = (255, 255, 255)
_IS_HALF_TRANSPARENT = PALETTE[:, 3] == 128
_PALETTE_RGB = PALETTE[:, :3].astype(np.float64)


def corners_differ_error() -> ImageError:
    """Return the error for an image with several punks, or with a patterned background."""
    return ImageError(
        "has no transparency, and its corners have different colors",
        hint="crop it to one punk on a plain background",
    )


def remove_background(opaque: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
    """Return the sprite without its plain background, and the background color as "#rrggbb".

    The corners of every punk are transparent, so they show the background color. A half
    transparent pixel shows a mixture of its color and the background; it is restored if only one
    color of the palette can have produced the mixture.

    Args:
        opaque: uint8 (24, 24, 4), with alpha 255 everywhere.

    Raises:
        ImageError: The corners differ, or the sprite cannot be separated from the background
            with certainty.
    """
    corners = opaque[[0, 0, -1, -1], [0, -1, 0, -1]]
    if (corners != corners[0]).any():
        raise corners_differ_error()
    background = corners[0]
    name = "#" + bytes(background[:3]).hex()
    is_background = (opaque == background).all(-1)
    if (background == PALETTE).all(-1).any():
        check_background_color(background, is_background)
    sprite = np.where(is_background[..., None], np.uint8(0), opaque)
    solid = PALETTE[PALETTE[:, 3] == 255]
    for color in PALETTE[_IS_HALF_TRANSPARENT]:
        mixed = _composite(color, background)
        for neighbor in solid[(np.abs(solid.astype(int) - mixed).max(axis=-1) == 1)]:
            # Image libraries round mixtures differently, so this may be either color.
            if (opaque == neighbor).all(-1).any():
                raise ImageError(
                    f"has the background {name}, on which two colors look nearly the same",
                    hint=_USE_TRANSPARENCY,
                )
        is_mixed = (opaque == mixed).all(-1)
        if not is_mixed.any():
            continue
        if (mixed == background).all() or (solid == mixed).all(-1).any():
            raise ImageError(
                f"has the background {name}, on which two colors look the same",
                hint=_USE_TRANSPARENCY,
            )
        sprite[is_mixed] = color
    # A remaining unknown color may be a mixture that another library rounded differently.
    if (PALETTE[palette_indices(sprite)] != sprite).any():
        raise ImageError(
            f"has colors on the background {name} that no punk has", hint=_USE_TRANSPARENCY
        )
    return sprite, name


def check_background_color(background: NDArray[np.uint8], is_background: NDArray[np.bool_]) -> None:
    """Check that a background in a color of the palette can be distinguished from the punk.

    White is the only color of the palette that no punk has at its outline. White pixels that are
    connected to the border of the image are therefore background, while enclosed white pixels may
    belong to the punk.

    Args:
        background: uint8 (3,) or (4,), the color of the palette that the background resembles.
        is_background: bool (24, 24), True where the image shows that color.

    Raises:
        ImageError: The color is not white, or some white pixels are enclosed.
    """
    if tuple(background[:3]) != _WHITE:
        name = "#" + bytes(background[:3]).hex()
        raise ImageError(
            f"has the background {name}, which is also a color of punks", hint=_USE_TRANSPARENCY
        )
    if (is_background & ~_connected_to_border(is_background)).any():
        raise ImageError(
            "has enclosed white pixels, which may be punk or background", hint=_USE_TRANSPARENCY
        )


def composite_palette(background: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the palette over a background color, without rounding.

    Args:
        background: float (3,), RGB from 0 to 255.

    Returns:
        float (222, 3), RGB from 0 to 255.
    """
    rgb = _PALETTE_RGB.copy()
    rgb[_IS_HALF_TRANSPARENT] = (rgb[_IS_HALF_TRANSPARENT] * 128 + background * 127) / 255
    rgb[0] = background
    return rgb


def _composite(color: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an RGBA color over an opaque background, uint8 (4,), rounded as Pillow rounds it."""
    layers = [Image.new("RGBA", (1, 1), tuple(map(int, c))) for c in (background, color)]
    mixed: NDArray[np.uint8] = np.asarray(Image.alpha_composite(*layers))[0, 0]
    return mixed


def _connected_to_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the part of a 2-D mask that is 4-connected to the border of the array."""
    connected = np.zeros_like(mask)
    border = np.ones_like(mask)
    border[1:-1, 1:-1] = False
    grown = mask & border
    while (grown != connected).any():
        connected = grown.copy()
        grown[1:] |= connected[:-1]
        grown[:-1] |= connected[1:]
        grown[:, 1:] |= connected[:, :-1]
        grown[:, :-1] |= connected[:, 1:]
        grown &= mask
    return connected

"""A plain color behind a sprite: found at the corners, and taken away. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE, palette_indices

_NEEDS_ALPHA = "save it with a transparent background"
_WHITE = (255, 255, 255)
_HALF = PALETTE[:, 3] == 128
_RGB = PALETTE[:, :3].astype(np.float64)

KNOWN_BACKGROUNDS = ((0x63, 0x85, 0x96), (0x95, 0x55, 0x4F), (0x8E, 0x6F, 0xB6))
"""what stands behind punks that are not for sale, for sale, and bid for"""


def corners_differ() -> ImageError:
    """What is wrong with a picture of several punks, or on a background with a pattern."""
    return ImageError(
        "has no transparency, and corners of different colors",
        hint="crop it to one punk on a plain background",
    )


def remove_background(opaque: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
    """The sprite that was painted onto one plain color, and that color as "#rrggbb".

    The corners of every punk are transparent, so they show the background. A half
    transparent pixel has become a mix with it, which is undone where only one color
    can have made the mix.

    Args:
        opaque: uint8 (24, 24, 4), alpha 255 everywhere.

    Raises:
        ImageError: it cannot be told for certain.
    """
    corners = opaque[[0, 0, -1, -1], [0, -1, 0, -1]]
    if (corners != corners[0]).any():
        raise corners_differ()
    behind = corners[0]
    name = "#" + bytes(behind[:3]).hex()
    is_behind = (opaque == behind).all(-1)
    if (behind == PALETTE).all(-1).any():
        check_telling(behind, is_behind)
    sprite = np.where(is_behind[..., None], np.uint8(0), opaque)
    solid = PALETTE[PALETTE[:, 3] == 255]
    for color in PALETTE[PALETTE[:, 3] == 128]:
        mixed = _composite(color, behind)
        for alike in solid[(np.abs(solid.astype(int) - mixed).max(axis=-1) == 1)]:
            # Programs round mixes differently, so this may be either.
            if (opaque == alike).all(-1).any():
                raise ImageError(
                    f"has the background {name}, on which two colors look nearly the same",
                    hint=_NEEDS_ALPHA,
                )
        is_mixed = (opaque == mixed).all(-1)
        if not is_mixed.any():
            continue
        if (mixed == behind).all() or (solid == mixed).all(-1).any():
            raise ImageError(
                f"has the background {name}, on which two colors look the same",
                hint=_NEEDS_ALPHA,
            )
        sprite[is_mixed] = color
    # Other programs round such mixes differently; what is left over may be one of those.
    if (PALETTE[palette_indices(sprite)] != sprite).any():
        raise ImageError(f"has colors on the background {name} that no punk has", hint=_NEEDS_ALPHA)
    return sprite, name


def check_telling(background: NDArray[np.uint8], is_behind: NDArray[np.bool_]) -> None:
    """Refuse a background that is also a color of punks, where that leaves a doubt.

    White is the one color of the palette that no punk shows at its outer edge, so white
    that touches the border is background; enclosed white can be either.

    Args:
        background: (3,) or (4,), the palette's color that it cannot be told from.
        is_behind: (24, 24), where the picture shows it.
    """
    if tuple(background[:3]) != _WHITE:
        name = "#" + bytes(background[:3]).hex()
        raise ImageError(
            f"has the background {name}, which is also a color of punks", hint=_NEEDS_ALPHA
        )
    if (is_behind & ~_reached_from_border(is_behind)).any():
        raise ImageError("has white inside, which may be punk or background", hint=_NEEDS_ALPHA)


def _composite(color: NDArray[np.uint8], behind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`color` painted over the opaque `behind`: uint8 (4,), as Pillow rounds it."""
    over = [Image.new("RGBA", (1, 1), tuple(map(int, c))) for c in (behind, color)]
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


def painted(background: NDArray[np.float64]) -> NDArray[np.float64]:
    """The palette over a background: float (222, 3) of float (3,), 0 to 255, not
    rounded.
    """
    rgb = _RGB.copy()
    rgb[_HALF] = (rgb[_HALF] * 128 + background * 127) / 255
    rgb[0] = background
    return rgb

"""The sprite format: its size, its array type and its content hash.

A sprite is a uint8 array of shape (24, 24, 4): red, green, blue and alpha, each 0 to 255. All
four channels are zero wherever the sprite is transparent.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Sprite: TypeAlias = NDArray[np.uint8]

SIDE_PX = 24
"""Width and height of a sprite, in pixels."""

BACKGROUND_COLOR = "#638596"
"""The blue-gray background on which Larva Labs shows the punks."""


def pixels_sha256(sprite: Sprite) -> str:
    """Return the SHA-256 (hex) of a sprite's 2,304 bytes, row by row, RGBA."""
    return hashlib.sha256(np.ascontiguousarray(sprite).data).hexdigest()


def zero_transparent(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGBA `pixels` (..., 4) with red, green and blue set to 0 wherever alpha is 0."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)

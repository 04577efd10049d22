"""Composition of many small images into one."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from punkdata.errors import UsageError
from punkdata.images.sprite import BACKGROUND_COLOR

Color = str | tuple[int, int, int]
"""A color that Pillow knows: "#638596", "white", "hsl(0, 50%, 50%)", or red, green and blue."""


def parse_color(color: Color) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255; raise UsageError if this is not a color."""
    if isinstance(color, str):
        with suppress(ValueError):
            return ImageColor.getrgb(color)[:3]
    elif isinstance(color, tuple) and len(color) == 3 and {*color} <= {*range(256)}:
        return color
    raise UsageError(f"{color!r} is not a color", hint="write it as #638596 or as a CSS color name")


def composite(sprites: NDArray[np.uint8], background: Color) -> NDArray[np.uint8]:
    """Return RGBA sprites (N, height, width, 4) over a background: RGB, (N, height, width, 3)."""
    shape = (*sprites.shape[:3], 3)
    if not len(sprites):  # Pillow has no image without rows.
        return np.empty(shape, np.uint8)
    return np.asarray(compose_grid(sprites, 1, 1, background)).reshape(shape)


def compose_grid(
    tiles: NDArray[np.uint8],
    columns: int = 10,
    scale: int = 2,
    background: Color = BACKGROUND_COLOR,
    captions: Sequence[str] = (),
    caption_px: int = 220,
) -> Image.Image:
    """Return an RGB image of tiles in a grid, row by row, with optional captions.

    `tiles` is uint8 (N, height, width, channels) with 1, 3 or 4 channels. Without tiles the grid is
    one empty cell. `scale` is the factor of nearest-neighbor upscaling. `captions`, one for each
    row, may have several lines, and are written in a column of `caption_px` pixels on the left.
    """
    count, height, width, channels = tiles.shape
    columns = max(1, min(columns, count))
    num_rows = max(1, -(-count // columns))
    cells = np.zeros((num_rows * columns, height, width, 4), np.uint8)
    cells[:count, ..., 3] = 255
    cells[:count, ..., : max(3, channels)] = tiles  # One channel is repeated three times.
    rows = cells.reshape(num_rows, columns, height, width, 4).swapaxes(1, 2)
    foreground = Image.fromarray(rows.reshape(num_rows * height, columns * width, 4))
    grid = Image.new("RGBA", foreground.size, background)
    grid.alpha_composite(foreground)
    size = (grid.width * scale, grid.height * scale)
    image = grid.convert("RGB").resize(size, Image.Resampling.NEAREST)
    return _add_captions(image, captions, caption_px, background) if captions else image


def _add_captions(
    grid: Image.Image, captions: Sequence[str], caption_px: int, background: Color
) -> Image.Image:
    image = Image.new("RGB", (caption_px + grid.width, grid.height), background)
    image.paste(grid, (caption_px, 0))
    draw, row_px = ImageDraw.Draw(image), grid.height / len(captions)
    for i, caption in enumerate(captions):
        middle = (8, (i + 0.5) * row_px)
        draw.text(middle, caption, "white", anchor="lm", spacing=1, font_size=9)
    return image

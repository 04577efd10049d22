"""Composition of many small images into one."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from punkdata.arguments import check_positive
from punkdata.errors import UsageError
from punkdata.images.sprite import BACKGROUND_COLOR

Color = str | tuple[int, int, int]
"""A color that Pillow knows: "#638596", "white", "hsl(0, 50%, 50%)", or red, green and blue."""

_CHANNELS = (1, 3, 4)
_LINE_PX, _FONT_PX = 14, 11  # Height of a line of captions, and of its letters.


def make_grid(
    images: Any,
    columns: int = 8,
    scale: int = 4,
    captions: Sequence[str] | None = None,
    background: Color = BACKGROUND_COLOR,
) -> Image.Image:
    """Return any small images in a grid, row by row, as an RGB image.

    >>> make_grid(generator.generate(16), columns=4).save("generated.png")
    >>> images, labels = next(train.batches(32))
    >>> make_grid(images, captions=[train.names(row)[0] for row in labels])

    Args:
        images: An array or tensor with channels last or first, (N, height, width, C) or
            (N, C, height, width), or a list of arrays, tensors or PIL images of equal size. Values
            are uint8, or floating point in [0, 1]; C is 1, 3 or 4.
        columns: Number of images in a row.
        scale: Factor of nearest-neighbor upscaling.
        captions: A text below each image, which may have several lines.
        background: Color behind transparent pixels, and of empty cells and captions.

    Raises UsageError, a ValueError, if the images have another shape or type, or if there are not
    as many captions as images.
    """
    check_positive(columns=columns, scale=scale)
    parse_color(background)
    tiles = _to_tiles(images)
    if captions is None:
        return compose_grid(tiles, columns, scale, background)
    if len(captions) != len(tiles):
        raise UsageError(f"there are {len(captions):,} captions for {len(tiles):,} images")
    # Enlarge the tiles, and append transparent rows for the captions.
    height, width = tiles.shape[1] * scale, tiles.shape[2] * scale
    cells = tiles.repeat(scale, 1).repeat(scale, 2)
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    cells = np.pad(cells, ((0, 0), (0, lines * _LINE_PX), (0, 0), (0, 0)))
    grid = compose_grid(cells, columns, 1, background)
    draw, columns = ImageDraw.Draw(grid), min(columns, max(1, len(tiles)))
    for i, caption in enumerate(captions):
        top = i // columns * cells.shape[1] + height
        middle = (i % columns + 0.5) * width
        draw.text((middle, top), caption, "white", anchor="ma", align="center", font_size=_FONT_PX)
    return grid


def _to_tiles(images: Any) -> NDArray[np.uint8]:
    """Return the images of `make_grid` as RGBA, uint8 (N, height, width, 4)."""
    is_list = isinstance(images, list | tuple)
    if not is_list and not hasattr(images, "shape"):
        found = type(images).__name__
        raise UsageError(f"images must be an array, a tensor, or a list of images, not {found}")
    if not len(images):
        raise UsageError("there are no images to show")
    try:
        array = np.stack([_to_array(image) for image in images]) if is_list else _to_array(images)
    except ValueError:
        raise UsageError("the images in a list must all have the same shape") from None
    if array.ndim == 4 and array.shape[3] not in _CHANNELS and array.shape[1] in _CHANNELS:
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in _CHANNELS:
        raise UsageError(
            "images must be (N, height, width, channels) or (N, channels, height, width) with 1, "
            f"3 or 4 channels, not of shape {array.shape}"
        )
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        array = (array * 255).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(
            f"images must be uint8, or floating point in [0, 1], not {array.dtype} from "
            f"{array.min():g} to {array.max():g}",
            hint="convert images in [-1, 1] with: (images + 1) / 2",
        )
    tiles = np.full((*array.shape[:3], 4), 255, np.uint8)
    tiles[..., : max(3, array.shape[3])] = array  # One channel is repeated three times.
    return tiles


def _to_array(image: Any) -> NDArray[Any]:
    if isinstance(image, Image.Image):
        image = image.convert("RGBA")
    elif hasattr(image, "detach"):  # A tensor; this module does not import torch.
        image = image.detach().cpu()
    return np.asarray(image)


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
    caption_px: int = 260,
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
        draw.text(middle, caption, "white", anchor="lm", spacing=2, font_size=_FONT_PX)
    return image

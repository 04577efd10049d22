"""Drawings of anybody's, back from pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError
from punkmodels.data.palette import SPRITE_SIZE


def read_sprites(
    path: Path,
    tile: int = SPRITE_SIZE,
    progress: Callable[..., None] = lambda done, total: None,
) -> torch.Tensor:
    """Drawings of others, float32 (N, 4, 24, 24) in [-1, 1]: a folder of pictures or one, each
    of one sprite or of tiles.

    Larger tiles are averaged down. In a picture where nothing is transparent, what looks like a
    tile's upper left corner counts as transparent. Empty tiles that fill a picture up at its end
    are left out.

    Args:
        tile: side of a tile in pixels, a multiple of 24.

    Raises:
        DataError: no pictures, or of another size.
    """
    files = sorted(p for p in path.glob("*.png")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no PNG pictures", hint="name a folder of PNGs, or one PNG")
    tiles = []
    for done, file in enumerate(files, 1):
        tiles.append(_tiles(file, tile))
        progress(done, len(files))
    return torch.from_numpy(np.concatenate(tiles)).permute(0, 3, 1, 2) / 127.5 - 1


def _enlarged(pixels: NDArray[np.float32]) -> int:
    """How many pixels of a picture (H, W, 4), each way, are one."""
    if (pixels == pixels[0, 0]).all():
        return 1
    for times in range(min(pixels.shape[:2]) // SPRITE_SIZE, 1, -1):
        small = pixels[::times, ::times]
        grown = small.repeat(times, axis=0).repeat(times, axis=1)
        if grown.shape == pixels.shape and (grown == pixels).all():
            return times
    return 1


def _tiles(file: Path, tile: int) -> NDArray[np.float32]:
    try:
        with Image.open(file) as image:
            pixels = np.array(image.convert("RGBA"), np.float32)
    except Exception as error:  # noqa: BLE001  # Pillow has many for what is no picture
        raise DataError(f"{file} cannot be read ({error})") from None
    height, width = pixels.shape[:2]
    if tile == SPRITE_SIZE and (times := _enlarged(pixels)) > 1:
        raise DataError(
            f"{file} looks enlarged {times} times",
            hint=f"say the side of its tiles: --tile-size {times * SPRITE_SIZE}",
        )
    if tile % SPRITE_SIZE or height % tile or width % tile:
        raise DataError(
            f"{file} is {width}x{height}, not made of tiles of {tile}x{tile}",
            hint="say their side with --tile-size, a multiple of 24",
        )
    k = tile // SPRITE_SIZE
    pixels[pixels[..., 3] == 0] = 0  # what is not seen has no color
    parts: NDArray[np.float32] = pixels.reshape(
        height // tile, SPRITE_SIZE, k, width // tile, SPRITE_SIZE, k, 4
    ).mean(axis=(2, 5))
    tiles: NDArray[np.float32] = parts.swapaxes(1, 2).reshape(-1, SPRITE_SIZE, SPRITE_SIZE, 4)
    if pixels[..., 3].min() == 255:
        behind = np.abs(tiles - tiles[:, :1, :1]).max(axis=3) <= 8
        tiles[behind] = 0
    drawn = np.flatnonzero(tiles.any(axis=(1, 2, 3)))
    return tiles[: drawn[-1] + 1] if len(drawn) else tiles

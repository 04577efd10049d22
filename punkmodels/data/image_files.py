"""Small images in files: reading and writing.

Sprites are in files of their own, or in a grid of equal tiles.
"""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.images.formats import open_any_image
from punkdata.images.sprite import SIDE_PX
from punkmodels.data.find_images import RASTER_SUFFIXES, find_images
from punkmodels.data.image_grid import MAX_GRID_PIXELS, square_grid

BACKGROUND_TOLERANCE = 8
"""Largest difference of a channel, in steps of 1/255, at which a pixel counts as background."""


def open_raster(file: Path, max_side_px: int | None = None) -> Image.Image:
    """Decode an image file of any format of `open_any_image`; of an animation, the first frame.

    Raises DataError if it cannot be read, and UsageError if it is larger than a square of
    `max_side_px` (by default, than 100 million pixels), or has more than 8 bits per channel.
    """

    def check_size(width: int, height: int) -> None:
        if max_side_px and max(width, height) > max_side_px:
            limit = f"{max_side_px}x{max_side_px}"
        elif width * height > MAX_GRID_PIXELS:
            limit = f"{MAX_GRID_PIXELS:,}"
        else:
            return
        raise UsageError(
            f"'{file}' has {width}x{height} pixels; at most {limit} are supported",
            hint="convert the images first",
        )

    try:
        with open_any_image(file.read_bytes(), check_size) as image:
            if image.mode[0] in "IF":
                raise UsageError(
                    f"'{file}' has pixels of type {image.mode}, not of 8 bits per channel",
                    hint="convert the images first",
                )
            image.load()
            return image
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # decoders raise arbitrary exceptions
        reason = getattr(error, "strerror", None) or "it is damaged or not an image"
        raise DataError(
            f"'{file}' cannot be read: {reason}", hint="remove it, or save it again as a PNG"
        ) from None


def read_sprites(
    path: Path, tile_size: int = SIDE_PX, progress: Callable[..., None] = lambda done, total: None
) -> torch.Tensor:
    """Read sprites from an image file, or from those in a folder, in order of their names.

    Tiles of `tile_size` pixels, a multiple of 24, are read row by row, and larger ones are averaged
    down. In an image without transparency, pixels close to the color of a tile's top left corner
    become transparent. Empty tiles at the end of an image, which fill its last row, are dropped.

    Returns float32 (N, 4, 24, 24), RGBA in [-1, 1]. Raises DataError if there is no image, a file
    cannot be read, or it cannot be split into tiles.
    """
    files = find_images([path], RASTER_SUFFIXES)
    if not files:
        raise DataError(f"'{path}' contains no images", hint="pass a PNG file or a folder of them")
    tiles = []
    for done, file in enumerate(files, 1):
        tiles.append(_read_tiles(file, tile_size))
        progress(done, len(files))
    return torch.from_numpy(np.concatenate(tiles)).permute(0, 3, 1, 2) / 127.5 - 1


def _read_tiles(file: Path, tile_size: int) -> NDArray[np.float32]:
    """Return the tiles of an image as float32 (N, 24, 24, 4), RGBA in [0, 255]."""
    pixels = np.array(open_raster(file).convert("RGBA"), np.float32)
    height, width = pixels.shape[:2]
    if tile_size == SIDE_PX and (scale := _upscaling_factor(pixels)) > 1:
        raise DataError(
            f"'{file}' appears to be upscaled by a factor of {scale}",
            hint=f"add tile_size={scale * SIDE_PX}",
        )
    if tile_size % SIDE_PX or height % tile_size or width % tile_size:
        raise DataError(
            f"'{file}' is {width}x{height}, which cannot be split into tiles of "
            f"{tile_size}x{tile_size}",
            hint="set the side of a tile with tile_size=, a multiple of 24",
        )
    pixels[pixels[..., 3] == 0] = 0  # The color of a transparent pixel is arbitrary.
    scale = tile_size // SIDE_PX
    blocks: NDArray[np.float32] = pixels.reshape(
        height // tile_size, SIDE_PX, scale, width // tile_size, SIDE_PX, scale, 4
    ).mean(axis=(2, 5))
    tiles: NDArray[np.float32] = blocks.swapaxes(1, 2).reshape(-1, SIDE_PX, SIDE_PX, 4)
    if pixels[..., 3].min() == 255:
        clear_background(tiles)
    nonempty = np.flatnonzero(tiles.any(axis=(1, 2, 3)))
    return tiles[: nonempty[-1] + 1] if len(nonempty) else tiles


def clear_background(tiles: NDArray[np.float32]) -> None:
    """Set pixels close to the color of the top left corner of their tile to 0, in place.

    `tiles` are (N, height, width, 4), in [0, 255].
    """
    distance = np.abs(tiles - tiles[:, :1, :1]).max(axis=3)
    tiles[distance <= BACKGROUND_TOLERANCE] = 0


def _upscaling_factor(pixels: NDArray[np.float32]) -> int:
    """Return the factor by which an image (H, W, 4) was enlarged with nearest-neighbor sampling."""
    if (pixels == pixels[0, 0]).all():
        return 1
    for factor in range(min(pixels.shape[:2]) // SIDE_PX, 1, -1):
        reduced = pixels[::factor, ::factor]
        enlarged = reduced.repeat(factor, axis=0).repeat(factor, axis=1)
        if enlarged.shape == pixels.shape and (enlarged == pixels).all():
            return factor
    return 1


def write_sprites(images: NDArray[np.uint8], out: Path, metadata: dict[str, object]) -> None:
    """Write images (N, height, width, channels) to PNG files 00000.png, 00001.png, … in a folder.

    An index.json has the `metadata` and the names of the files. The folder appears only when it is
    complete; if it exists, it must be empty.
    """
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            folder = Path(temporary) / "images"
            folder.mkdir()
            names = [f"{i:05d}.png" for i in range(len(images))]
            for name, pixels in zip(names, images, strict=True):
                is_gray = pixels.shape[-1] == 1
                Image.fromarray(pixels.squeeze(-1) if is_gray else pixels).save(folder / name)
            index = json.dumps({**metadata, "images": names}, indent=2)
            (folder / "index.json").write_text(index + "\n", "utf-8")
            if out.is_dir():
                out.rmdir()  # It is empty, and rename does not replace folders everywhere.
            folder.rename(out)


def write_grid(images: NDArray[np.uint8], out: Path, scale: int) -> None:
    """Write images (N, height, width, channels) to a PNG file, in an almost square grid."""
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        png = io.BytesIO()
        square_grid(images, scale).save(png, "png")
        write_atomic(out, png.getvalue())

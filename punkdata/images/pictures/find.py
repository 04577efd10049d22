"""Readings of all punks that a picture may show."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from punkdata.errors import ImageError
from punkdata.images.decode import TRANSPARENT_FILL
from punkdata.images.formats import detect_format, is_lossless, load_pixels, open_any_image
from punkdata.images.pictures.cells import Reading, read_cells
from punkdata.images.pictures.necks import Box, find_boxes
from punkdata.images.pictures.scales import candidate_scales
from punkdata.images.pictures.smooth import read_smooth
from punkdata.images.sprite import SIDE_PX

FORMATS = ("PNG", "JPEG", "WebP", "AVIF")
MAX_PICTURE_PX = 9_000_000  # Number of pixels of a screenshot of 4096x2160.


_FILL = np.array(ImageColor.getrgb(TRANSPARENT_FILL), np.uint8)


def find_readings(data: bytes) -> Iterator[list[Reading]]:
    """Yield readings of the sprites that a picture may show, in groups of one scale.

    `data` are the bytes of a PNG, JPEG, WebP or AVIF. Most readings are wrong, and several may be
    of one sprite: `Box.overlaps` says which. The likeliest scale comes first. Yields nothing if
    the picture is too large or too small, or of another format.

    Raises ImageError if the file is damaged.
    """
    if detect_format(data) not in FORMATS:
        return
    image = open_any_image(data, _check_size)
    if getattr(image, "n_frames", 1) != 1:
        return
    rgba = load_pixels(image).convert("RGBA")
    rgb = _flatten(rgba)
    is_lossy = not is_lossless(data)
    height, width = rgb.shape[:2]
    if height == width:
        whole = read_cells(rgb, Box(0, 0, width / SIDE_PX), is_lossy=is_lossy)
        for reading in (whole, read_smooth(np.asarray(rgba), _FILL, is_lossy=is_lossy)):
            yield [reading] if reading else []
    for scale in candidate_scales(rgb):
        readings = (read_cells(rgb, box, is_lossy=is_lossy) for box in find_boxes(rgb, scale))
        yield [reading for reading in readings if reading]


def _check_size(width: int, height: int) -> None:
    if min(width, height) < SIDE_PX or width * height > MAX_PICTURE_PX:
        raise ImageError(f"is {width}x{height} pixels, too small or too large")


def _flatten(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels, RGB (height, width, 3), over a color that no punk has."""
    flat = Image.new("RGBA", image.size, TRANSPARENT_FILL)
    flat.alpha_composite(image)
    return np.asarray(flat.convert("RGB"))

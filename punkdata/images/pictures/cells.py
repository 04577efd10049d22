"""The colors of the 576 pixels of a sprite somewhere in a picture, and how certain they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.images.pictures.necks import Box
from punkdata.images.sprite import SIDE_PX

MAX_SAMPLES = 16  # Samples of a sprite pixel, along each axis.
INSET = 0.18  # Width of the edge of a sprite pixel without samples, relative to its scale.
MAX_SHIFT = 0.4  # Largest correction of a box, relative to its scale.
LOSSY_CORRELATION = 3.0  # Actual error of a mean in a lossy picture, relative to independent ones.
LOSSY_SD = 1.0  # Error of a color in a lossy picture in addition, in 1/255.
MIN_BACKGROUND_SHARE = 0.85  # of the pixels at the left, right and upper border
CORNER_PX = 3  # Sprite pixels along the border that rounded corners may hide; all are transparent.

Colors = NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """The colors of a sprite that a picture may show.

    Attributes:
        colors: float32 (24, 24, 3), RGB, 0 to 255.
        background: The color of the background, float32 (3,).
        sd: Standard deviation of the error of a color; 0 if it is exact.
        box: Where the sprite is in the picture.
    """

    colors: Colors
    background: Colors
    sd: float
    box: Box


def read_cells(rgb: NDArray[np.uint8], box: Box, *, is_lossy: bool) -> Reading | None:
    """Return the colors in a box of a picture (height, width, 3), None if this is no sprite."""
    box = _align(rgb, box)
    offsets = _sample_offsets(box.scale)
    starts = np.arange(SIDE_PX)[:, None] * box.scale
    rows, columns = (
        np.floor(start + starts + offsets).astype(int) for start in (box.top, box.left)
    )
    height, width = rgb.shape[:2]
    rows, is_row = rows.clip(0, height - 1), (rows >= 0) & (rows < height)
    columns, is_column = columns.clip(0, width - 1), (columns >= 0) & (columns < width)
    samples = rgb[rows.reshape(-1)][:, columns.reshape(-1)].astype(np.float32)
    samples = samples.reshape(SIDE_PX, len(offsets), SIDE_PX, len(offsets), 3)
    colors = samples.mean(axis=(1, 3))
    deviation = float(np.sqrt(np.median(samples.var(axis=(1, 3)).mean(axis=2))))
    sd = deviation / len(offsets)
    if is_lossy:
        sd = LOSSY_CORRELATION * sd + LOSSY_SD
    is_outside = ~(is_row.all(axis=1)[:, None] & is_column.all(axis=1))
    return make_reading(colors, is_outside, sd, box)


def make_reading(
    colors: Colors, is_outside: NDArray[np.bool_], sd: float, box: Box
) -> Reading | None:
    """Return the reading of colors (24, 24, 3); None unless their border shows a background.

    Pixels outside of the picture, and in rounded corners, get the color of the background.
    """
    is_border = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    is_border[0] = is_border[:, 0] = is_border[:, 1] = is_border[:, -1] = True
    is_border &= ~is_outside
    if is_border.sum() < SIDE_PX:
        return None
    background = np.median(colors[is_border], axis=0)
    differs = np.abs(colors - background).max(axis=2) > 3 + 5 * sd
    if differs[is_border].mean() > 1 - MIN_BACKGROUND_SHARE:
        return None
    from_edge = np.minimum(np.arange(SIDE_PX), np.arange(SIDE_PX)[::-1])
    is_corner = from_edge[:, None] + from_edge < CORNER_PX
    colors = np.where((is_outside | is_corner)[..., None], background, colors)
    return Reading(colors.astype(np.float32), background.astype(np.float32), sd, box)


def _sample_offsets(scale: float) -> NDArray[np.floating]:
    """Return where a sprite pixel is sampled along an axis, in pixels from its start."""
    count = min(MAX_SAMPLES, max(1, int(scale * (1 - 2 * INSET))))
    if count == 1:
        return np.array([scale / 2])
    # Whole pixels around the center.
    step = max(1.0, scale * (1 - 2 * INSET) / count)
    offsets: NDArray[np.floating] = scale / 2 + (np.arange(count) - (count - 1) / 2) * step
    return offsets


def _align(rgb: NDArray[np.uint8], box: Box) -> Box:
    """Return a box moved by less than half a sprite pixel, so that edges are between its pixels."""
    scale = box.scale
    if scale < 2:
        return Box(float(round(box.left)), float(round(box.top)), scale)
    left, top = (max(0, int(start)) for start in (box.left, box.top))
    crop = rgb[top : int(box.top + box.side) + 1, left : int(box.left + box.side) + 1]
    crop = crop.astype(np.int16)
    moved = []
    for axis, start, offset in ((1, box.left, left), (0, box.top, top)):
        steps = np.abs(np.diff(crop, axis=axis)).sum(axis=2).sum(axis=1 - axis).astype(float)
        positions = np.arange(len(steps)) + 1 + offset - start
        phase = np.angle((steps * np.exp(2j * np.pi * positions / scale)).sum())
        shift = float(phase / (2 * np.pi) * scale)
        exact = start + (shift if abs(shift) <= MAX_SHIFT * scale else 0)
        is_whole = scale == round(scale) and abs(exact - round(exact)) < 0.3
        moved.append(float(round(exact)) if is_whole else exact)
    return Box(moved[0], moved[1], scale)

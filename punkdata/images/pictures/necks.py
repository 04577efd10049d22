"""Where punks are in a picture: the outline of the neck, which looks the same on all punks.

All punks of a body have the same black outline at the left and right of the neck, and skin of one
color between. Nothing covers these pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.images.sprite import SIDE_PX

MAX_DARK = 110  # Largest mean of the channels of an outline pixel, 0 to 255.
MIN_CONTRAST = 25  # Smallest difference of the mean of the channels, of outline and skin.
MAX_DIFFERENCE = 22  # Largest difference in one channel of pixels of the same color.
COARSE_SCALE = 3  # Pixels per sprite pixel of the reduced picture that is searched, at least.
MAX_FOUND = 20_000

Pixels = NDArray[np.float32]
Places = list[tuple[int, int]]  # Rows and columns in a sprite.
_FEMALE_OUTLINE: Places = [(23, 8), (22, 8), (21, 8), (23, 12), (22, 12), (21, 12), (20, 14)]
_FEMALE_SKIN: Places = [(23, 9), (23, 10), (23, 11)]
_MALE_OUTLINE: Places = [
    *((23, 6), (22, 6), (21, 6), (23, 10), (22, 10), (17, 6), (16, 6), (15, 6), (14, 6)),
    *((14, 16), (15, 16), (16, 16)),
]
_MALE_SKIN: Places = [(23, 9), (23, 8), (23, 7), (15, 8), (14, 7)]
NECKS = ((_FEMALE_OUTLINE, _FEMALE_SKIN), (_MALE_OUTLINE, _MALE_SKIN))


@dataclass(frozen=True)
class Box:
    """The place of a sprite in a picture: its left and top edges, and its scale, in pixels."""

    left: float
    top: float
    scale: float

    @property
    def side(self) -> float:
        return SIDE_PX * self.scale

    def overlaps(self, other: "Box") -> bool:
        """Return whether more than a fifth of the smaller box is in both."""
        width = min(self.left + self.side, other.left + other.side) - max(self.left, other.left)
        height = min(self.top + self.side, other.top + other.side) - max(self.top, other.top)
        area = min(self.side, other.side) ** 2
        return width > 0 and height > 0 and width * height > area / 5


def find_boxes(rgb: NDArray[np.uint8], scale: float) -> list[Box]:
    """Return where punks of a scale may be in a picture (height, width, 3), row by row."""
    factor = max(1, int(scale / COARSE_SCALE))
    coarse = _reduce(rgb, factor)
    boxes = []
    for outline, skin in NECKS:
        y, x = _match(coarse, scale / factor, outline, skin)
        for top, left in _cluster(y, x, scale / factor):
            # The center of pixel (23, 9) is 23.5 and 9.5 sprite pixels from the corner.
            boxes.append(
                Box(
                    (left + 0.5) * factor - (skin[0][1] + 0.5) * scale,
                    (top + 0.5) * factor - (skin[0][0] + 0.5) * scale,
                    scale,
                )
            )
    return sorted(boxes, key=lambda box: (round(box.top / (box.side / 2)), box.left))


def _reduce(rgb: NDArray[np.uint8], factor: int) -> Pixels:
    """Return the means of squares of `factor` pixels, float32 (height, width, 3)."""
    height, width = (size // factor * factor for size in rgb.shape[:2])
    blocks = rgb[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    if factor == 1:
        return rgb.astype(np.float32)
    means: Pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def _match(
    pixels: Pixels, scale: float, outline: Places, skin: Places
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the pixels that may be the first one of the skin of a neck."""
    width = pixels.shape[1]
    origin = skin[0]

    def offset(place: tuple[int, int]) -> tuple[int, int]:
        return tuple(round((a - b) * scale) for a, b in zip(place, origin, strict=True))  # type: ignore[return-value]

    brightness = pixels.mean(axis=2)
    # The neck is at the bottom left of the sprite; the first outline pixel is left of it.
    first = offset(outline[0])
    y, x = np.nonzero(brightness < MAX_DARK)
    x = x - first[1]
    y, x = y[x < width], x[x < width]
    is_brighter = brightness[y, x] - brightness[y, x + first[1]] > MIN_CONTRAST
    y, x = y[is_brighter], x[is_brighter]
    for places, base in ((outline, first), (skin, (0, 0))):
        for place in places[1:]:
            down, right = offset(place)
            inside = (y + down >= 0) & (x + right >= 0) & (x + right < width)
            y, x = y[inside], x[inside]
            difference = np.abs(pixels[y + down, x + right] - pixels[y, x + base[1]]).max(axis=1)
            y, x = y[difference <= MAX_DIFFERENCE], x[difference <= MAX_DIFFERENCE]
    return y, x


def _cluster(y: NDArray[np.intp], x: NDArray[np.intp], scale: float) -> list[tuple[float, float]]:
    """Return the centers of groups of neighboring matches."""
    waiting = set(zip(y.tolist(), x.tolist(), strict=True))
    centers: list[tuple[float, float]] = []
    while waiting and len(centers) < MAX_FOUND:
        group = [waiting.pop()]
        for row, column in group:
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & waiting
            # At a scale of one pixel, neighbors are different punks.
            if scale >= 2:
                waiting -= near
                group += near
        rows, columns = zip(*group, strict=True)
        if max(max(rows) - min(rows), max(columns) - min(columns)) <= scale + 1:
            centers.append((sum(rows) / len(group), sum(columns) / len(group)))
    return centers

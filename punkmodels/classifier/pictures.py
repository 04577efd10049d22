"""Punks in pictures that `punkdata.decode_image` refuses, each proven by drawing it again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.images.pictures.cells import Reading
from punkdata.images.pictures.find import find_readings
from punkmodels.renderer.explanation import Observation, explain
from punkmodels.renderer.outfit_search import draw_outfit

Box = tuple[int, int, int, int]
"""Left, top, right and bottom edges of a sprite, in pixels of the picture."""
MAX_FAILURES = 8  # Readings without a proof, after which a picture is given up; more per punk.


@dataclass(frozen=True)
class FoundPunk:
    """A punk in a picture: its sprite, RGBA, uint8 (24, 24, 4), and its place."""

    pixels: NDArray[np.uint8]
    box: Box


def find_punks(data: bytes) -> list[FoundPunk]:
    """Return the punks that a picture shows beyond doubt, row by row; there may be none.

    `data` are the bytes of an image file. A punk is found if, in exactly one way, type and
    accessories draw what the picture shows, after a slight change of all colors is undone.
    Raises ImageError if the file is damaged.
    """
    found: list[tuple[Reading, NDArray[np.uint8]]] = []
    failures = 0
    for readings in find_readings(data):
        for reading in readings:
            if any(reading.box.overlaps(other.box) for other, _ in found):
                continue
            if failures > MAX_FAILURES + 2 * len(found):
                break
            outfit = explain(
                Observation(
                    reading.colors.reshape(-1, 3).astype(float),
                    reading.background.astype(float),
                    reading.sd,
                )
            )
            if outfit:
                found.append((reading, draw_outfit(outfit[0])))
            failures += not outfit
        if found:
            break  # All punks of a picture have one scale.
    return [_place(*pair) for pair in _sort_rows(found)]


def _sort_rows(
    found: list[tuple[Reading, NDArray[np.uint8]]],
) -> list[tuple[Reading, NDArray[np.uint8]]]:
    """Sort row by row; a row has the sprites whose top is above the middle of its first one."""
    rows: list[list[tuple[Reading, NDArray[np.uint8]]]] = []
    for pair in sorted(found, key=lambda pair: pair[0].box.top):
        box = pair[0].box
        if rows and box.top < rows[-1][0][0].box.top + box.side / 2:
            rows[-1].append(pair)
        else:
            rows.append([pair])
    return [pair for row in rows for pair in sorted(row, key=lambda pair: pair[0].box.left)]


def _place(reading: Reading, pixels: NDArray[np.uint8]) -> FoundPunk:
    box = reading.box
    left, top = round(box.left), round(box.top)
    right, bottom = round(box.left + box.side), round(box.top + box.side)
    return FoundPunk(pixels, (left, top, right, bottom))

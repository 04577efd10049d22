"""Corrupted pictures of punks: six kinds at five severities.

All random numbers are integers, and all arithmetic but that of the JPEG and WebP codecs is that of
integers, so that every machine makes the same pictures.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX

Pictures = NDArray[np.uint8]
"""RGB pictures, uint8 (N, 24, 24, 3)."""
SEVERITIES = (1, 2, 3, 4, 5)
QUALITIES = (90, 70, 50, 30, 10)
"""Quality of JPEG and WebP by severity, of a picture of 24x24 pixels."""
BLUR_PASSES = (1, 2, 3, 4, 6)
"""How often each pixel is averaged with its neighbors, with weights 1, 2, 1 in both directions."""
NOISE_STEPS = (8, 16, 24, 36, 48)
"""Largest absolute value of each of the four uniform numbers that are added to a channel."""
_BACKGROUND = np.array(ImageColor.getrgb(BACKGROUND_COLOR), np.uint8)


def flatten(sprites: NDArray[np.uint8], background: NDArray[np.integer] = _BACKGROUND) -> Pictures:
    """Put RGBA sprites, uint8 (N, 24, 24, 4), on a background that broadcasts to (N, 24, 24, 3)."""
    alpha = sprites[..., 3:].astype(np.int32)
    mixed = sprites[..., :3] * alpha + background.astype(np.int32) * (255 - alpha)
    pictures: Pictures = ((mixed + 127) // 255).astype(np.uint8)
    return pictures


def corrupt(sprites: NDArray[np.uint8], kind: str, severity: int, seed: int) -> Pictures:
    """Return corrupted pictures of RGBA sprites, uint8 (N, 24, 24, 4).

    `kind` is a key of `CORRUPTIONS`, `severity` is 1 to 5, and equal seeds give equal pictures.
    """
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(kind), severity])
    return CORRUPTIONS[kind](sprites, severity, rng)


def _save(sprites: NDArray[np.uint8], suffix: str, quality: int) -> Pictures:
    pictures = []
    for picture in flatten(sprites):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, suffix, quality=quality)
        pictures.append(np.asarray(Image.open(file).convert("RGB")))
    return np.stack(pictures) if pictures else np.zeros((0, SIDE_PX, SIDE_PX, 3), np.uint8)


def _save_as_jpeg(sprites: NDArray[np.uint8], severity: int, _rng: np.random.Generator) -> Pictures:
    return _save(sprites, "jpeg", QUALITIES[severity - 1])


def _save_as_webp(sprites: NDArray[np.uint8], severity: int, _rng: np.random.Generator) -> Pictures:
    return _save(sprites, "webp", QUALITIES[severity - 1])


def _blur(sprites: NDArray[np.uint8], severity: int, _rng: np.random.Generator) -> Pictures:
    pixels = flatten(sprites).astype(np.int32)
    for _ in range(BLUR_PASSES[severity - 1]):
        for axis in (1, 2):
            padding = [(1, 1) if i == axis else (0, 0) for i in range(4)]
            padded = np.pad(pixels, padding, "edge")
            first, middle, last = (
                np.take(padded, np.arange(SIDE_PX) + offset, axis) for offset in range(3)
            )
            pixels = (first + 2 * middle + last + 2) // 4
    return pixels.astype(np.uint8)


def _add_noise(sprites: NDArray[np.uint8], severity: int, rng: np.random.Generator) -> Pictures:
    pixels, step = flatten(sprites).astype(np.int32), NOISE_STEPS[severity - 1]
    for _ in range(4):  # The sum of four uniform numbers is nearly Gaussian.
        pixels += rng.integers(-step, step, pixels.shape, np.int32, endpoint=True)
    return pixels.clip(0, 255).astype(np.uint8)


def _shift(sprites: NDArray[np.uint8], severity: int, rng: np.random.Generator) -> Pictures:
    """Move each sprite by as many pixels as the severity, in one of eight directions."""
    steps = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)])
    moves = severity * steps[rng.integers(len(steps), size=len(sprites))]
    padded = np.pad(sprites, ((0, 0), (severity,) * 2, (severity,) * 2, (0, 0)))
    moved = [
        picture[severity - y :, severity - x :][:SIDE_PX, :SIDE_PX]
        for picture, (y, x) in zip(padded, moves.tolist(), strict=True)
    ]
    return flatten(np.stack(moved) if moved else sprites)


def _replace_background(
    sprites: NDArray[np.uint8], severity: int, rng: np.random.Generator
) -> Pictures:
    """Use random colors: one, a gradient of two, columns, blocks of 4x4 pixels, or all pixels."""
    shape = ((1, 1), (2, 1), (1, 12), (6, 6), (SIDE_PX, SIDE_PX))[severity - 1]
    colors = rng.integers(256, size=(len(sprites), *shape, 3), dtype=np.int32)
    if severity == 2:
        weight = np.arange(SIDE_PX, dtype=np.int32)[None, :, None, None]
        top, bottom = colors[:, :1], colors[:, 1:]
        colors = (top * (SIDE_PX - 1 - weight) + bottom * weight) // (SIDE_PX - 1)
    else:
        colors = colors.repeat(SIDE_PX // shape[0], axis=1)
    colors = colors.repeat(SIDE_PX // colors.shape[2], axis=2)
    return flatten(sprites, colors)


CORRUPTIONS: dict[str, Callable[[NDArray[np.uint8], int, np.random.Generator], Pictures]] = {
    "jpeg": _save_as_jpeg,
    "webp": _save_as_webp,
    "blur": _blur,
    "noise": _add_noise,
    "shift": _shift,
    "background": _replace_background,
}
"""Functions of sprites, severity and random numbers, by the name of the corruption."""

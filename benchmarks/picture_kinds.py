"""The kinds of pictures that benchmarks/pictures.py makes from the sprites of punks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from punkdata.images.palette import PALETTE

Sprite = NDArray[np.uint8]
Maker = Callable[[list[Sprite], np.random.Generator], Image.Image]
BLUE_GRAY = (99, 133, 150)
Resampling = Image.Resampling
SKINS = {
    "darkest skin": (113, 63, 29),
    "dark skin": (174, 139, 97),
    "light skin": (219, 177, 128),
    "lightest skin": (234, 217, 217),
    "Zombie skin": (125, 162, 105),
    "Ape skin": (133, 111, 86),
    "Alien skin": (200, 251, 251),
}


def random_color(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(0, 256, 3).tolist())


def enlarge(sprite: Sprite, scale: int = 14, background: object = BLUE_GRAY) -> Image.Image:
    """Return a sprite enlarged by nearest neighbor, RGBA, or RGB on a background."""
    image = Image.fromarray(sprite)
    if background is not None:
        flat = Image.new("RGBA", image.size, (*background, 255))  # type: ignore[misc]
        flat.alpha_composite(image)
        image = flat.convert("RGB")
    return image.resize((24 * scale, 24 * scale), Resampling.NEAREST)


def smooth(
    sprites: list[Sprite], _: np.random.Generator, side: int, how: Resampling, background: object
) -> Image.Image:
    return enlarge(sprites[0], 1, background).resize((side, side), how)


def plain(
    sprites: list[Sprite], _: np.random.Generator, background: object, scale: int = 14
) -> Image.Image:
    return enlarge(sprites[0], scale, background)


def with_margins(
    sprites: list[Sprite], rng: np.random.Generator, kind: str, scale: int | None = None
) -> Image.Image:
    """Return a punk with a frame, padding or margins of random widths, or with rounded corners."""
    scale = scale or int(rng.integers(3, 20))
    is_clear = kind == "transparent padding"
    punk = enlarge(sprites[0], scale, None if is_clear else BLUE_GRAY)
    widths = rng.integers(1, 6 * scale, 4) if kind == "margins" else [rng.integers(1, 60)] * 4
    left, top, right, bottom = (int(width) for width in widths)
    size = punk.width + left + right, punk.height + top + bottom
    if kind == "rounded corners":
        mask = Image.new("L", punk.size)
        radius = int(rng.integers(2, 4 * scale))
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *np.array(punk.size) - 1), radius, 255)
        flat = Image.new("RGB", size, random_color(rng))
        flat.paste(punk, (left, top), mask)
        return flat
    color = {"frame": random_color(rng), "transparent padding": (0, 0, 0, 0)}
    canvas = Image.new(punk.mode, size, color.get(kind, BLUE_GRAY))
    canvas.paste(punk, (left, top))
    return canvas


def recolored(
    sprites: list[Sprite],
    rng: np.random.Generator,
    kind: str,
    scale: int = 14,
    background: object = BLUE_GRAY,
) -> Image.Image:
    """Return a punk with other brightness, contrast or tint: an affine change of each channel."""
    image = enlarge(sprites[0], scale, background)
    channels = np.asarray(image).astype(float)
    gain, offset = np.ones(3), np.zeros(3)
    if kind == "brightness":
        gain[:] = rng.uniform(0.8, 1.2)
    elif kind == "contrast":
        gain[:] = rng.uniform(0.8, 1.2)
        offset[:] = 128 * (1 - gain)
    else:
        share = rng.uniform(0.02, 0.15)
        gain[:], offset = 1 - share, share * rng.integers(0, 256, 3)
    changed = np.rint(channels[..., :3] * gain + offset).clip(0, 255)
    channels[..., :3] = changed
    return Image.fromarray(channels.astype(np.uint8), image.mode)


def noisy(sprites: list[Sprite], rng: np.random.Generator, sd: float) -> Image.Image:
    pixels = np.asarray(enlarge(sprites[0])).astype(float)
    pixels += rng.normal(0, sd, pixels.shape)
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))


def grid(
    sprites: list[Sprite],
    _: np.random.Generator,
    columns: int,
    gap: int,
    scale: int = 6,
    gap_color: tuple[int, ...] | None = None,
) -> Image.Image:
    """Return punks in a grid with gaps in the color of the background, or in another one."""
    rows, cell = -(-len(sprites) // columns), 24 * scale + gap
    size = columns * cell + gap, rows * cell + gap
    canvas = Image.new("RGB", size, gap_color or BLUE_GRAY)
    for i, sprite in enumerate(sprites):
        place = gap + i % columns * cell, gap + i // columns * cell
        canvas.paste(enlarge(sprite, scale), place)
    return canvas


def screenshot(sprites: list[Sprite], rng: np.random.Generator) -> Image.Image:
    """Return a grid as on a web page: white, with a text line below each punk."""
    canvas = Image.new("RGB", (4 * 170 + 60, 3 * 200 + 120), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((30, 30), "CryptoPunks for sale", "black", font_size=28)
    for i, sprite in enumerate(sprites):
        x, y = 37 + i % 4 * 170, 91 + i // 4 * 200
        canvas.paste(enlarge(sprite, 6), (x, y))
        draw.text((x, y + 150), f"#{rng.integers(10_000)}", "gray", font_size=16)
    return canvas


def photo(_: list[Sprite], rng: np.random.Generator) -> Image.Image:
    """Return smooth random colors, as of an unfocused photo."""
    small = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((336, 336), Resampling.BICUBIC)


def pixel_art(_: list[Sprite], rng: np.random.Generator) -> Image.Image:
    """Return a symmetric creature with a black outline, in colors of the palette."""
    half = rng.random((16, 8)) < 0.6
    body = np.pad(np.concatenate([half, half[:, ::-1]], axis=1), 4)
    padded = np.pad(body, 1)
    near = padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2]
    colors = PALETTE[rng.integers(2, len(PALETTE), 3)]
    sprite = np.zeros((24, 24, 4), np.uint8)
    sprite[near] = PALETTE[1]
    sprite[body] = colors[rng.integers(0, 3, body.sum())]
    return enlarge(sprite)


def mirror(sprites: list[Sprite], _: np.random.Generator) -> list[Sprite]:
    return [np.ascontiguousarray(sprites[0][:, ::-1])]


def combine(sprites: list[Sprite], _: np.random.Generator) -> list[Sprite]:
    return [np.concatenate([sprites[0][:12], sprites[1][12:]])]


def change_pixels(sprites: list[Sprite], rng: np.random.Generator) -> list[Sprite]:
    sprite, places = sprites[0].copy(), np.argwhere(sprites[0][..., 3])
    for y, x in places[rng.integers(len(places), size=3)]:
        sprite[y, x] = PALETTE[rng.integers(1, len(PALETTE))]
    return [sprite]


def no_sprites(_: list[Sprite], __: np.random.Generator) -> list[Sprite]:
    return []


@dataclass(frozen=True)
class Kind:
    """A kind of picture: its maker, how many punks it shows, and options of Pillow's `save`.

    `spoil` makes other sprites from the punks first.
    """

    make: Maker
    num_punks: int = 1
    save: dict[str, Any] = field(default_factory=dict)
    spoil: Callable[[list[Sprite], np.random.Generator], list[Sprite]] | None = None


LANCZOS, BICUBIC, BILINEAR = Resampling.LANCZOS, Resampling.BICUBIC, Resampling.BILINEAR
JPEG = {"format": "JPEG", "quality": 85}
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
KINDS: dict[str, Kind] = {"plain PNG": Kind(partial(plain, background=BLUE_GRAY))}
for _side, _how in (
    (120, BICUBIC),
    (250, LANCZOS),
    (336, BILINEAR),
    (480, BICUBIC),
    (1000, LANCZOS),
):
    for _name, _color in (("transparent", None), ("blue-gray", BLUE_GRAY)):
        _make = partial(smooth, side=_side, how=_how, background=_color)
        KINDS[f"{_how.name.lower()} enlargement to {_side}, {_name}"] = Kind(_make)
for _name in ("frame", "padding", "transparent padding", "margins", "rounded corners"):
    KINDS[_name] = Kind(partial(with_margins, kind=_name))
for _name, _color in {"black": BLACK, "white": WHITE, **SKINS}.items():
    KINDS[f"{_name} background"] = Kind(partial(plain, background=_color))
for _name in ("tint", "brightness", "contrast"):
    KINDS[_name] = Kind(partial(recolored, kind=_name))
    _make = partial(recolored, kind=_name, scale=1, background=None)
    KINDS[f"{_name}, transparent, 24x24"] = Kind(_make)
for _sd in (3, 8, 16):
    KINDS[f"noise of standard deviation {_sd}"] = Kind(partial(noisy, sd=_sd))
KINDS |= {
    "frame, JPEG": Kind(partial(with_margins, kind="frame", scale=14), save=JPEG),
    "margins, JPEG": Kind(partial(with_margins, kind="margins", scale=14), save=JPEG),
    "black background, JPEG": Kind(partial(plain, background=BLACK), save=JPEG),
    "light skin background, JPEG": Kind(
        partial(plain, background=SKINS["light skin"]), save=JPEG
    ),
    "tint, JPEG": Kind(partial(recolored, kind="tint"), save=JPEG),
    "noise of standard deviation 8, JPEG": Kind(partial(noisy, sd=8), save=JPEG),
    "2x2 grid without gaps": Kind(partial(grid, columns=2, gap=0), 4),
    "3x4 grid without gaps": Kind(partial(grid, columns=4, gap=0), 12),
    "3x4 grid with gaps": Kind(partial(grid, columns=4, gap=10), 12),
    "3x4 grid with white gaps": Kind(partial(grid, columns=4, gap=7, gap_color=WHITE), 12),
    "3x4 grid without gaps, 24x24 each": Kind(partial(grid, columns=4, gap=0, scale=1), 12),
    "3x4 grid with gaps, JPEG": Kind(partial(grid, columns=4, gap=10, scale=12), 12, JPEG),
    "row of 5": Kind(partial(grid, columns=5, gap=0, scale=8), 5),
    "screenshot of 3x4 with texts": Kind(screenshot, 12),
    "a smooth picture": Kind(photo, spoil=no_sprites),
    "other pixel art": Kind(pixel_art, spoil=no_sprites),
}  # fmt: skip
for _name, _count, _spoil in (
    ("mirrored punks", 1, mirror),
    ("upper half of one, lower half of another", 2, combine),
    ("3 pixels in other colors", 1, change_pixels),
):
    for _how, _make, _save in (
        ("", partial(plain, background=BLUE_GRAY), {}),
        (", black background", partial(plain, background=BLACK), {}),
        (", frame", partial(with_margins, kind="frame"), {}),
        (", tint", partial(recolored, kind="tint"), {}),
        (", JPEG", partial(plain, background=BLUE_GRAY), JPEG),
        (", noise of standard deviation 8", partial(noisy, sd=8), {}),
    ):
        KINDS[_name + _how] = Kind(_make, _count, _save, _spoil)

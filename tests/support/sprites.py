"""Synthetic punks for tests, and image files of their sprites."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.traits import ACCESSORIES, TYPES


@dataclass
class FakePunk:
    """A synthetic punk with labels and colors of the collection, but a sprite of its own."""

    punk_id: int
    type: str
    accessories: list[str] = field(default_factory=list)

    @property
    def sprite(self) -> np.ndarray:
        """A square face in a color of the type, with two pixels per accessory."""
        pixels = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
        pixels[4:21, 5:19] = PALETTE[40 + 30 * TYPES.index(self.type)]
        for name in self.accessories:
            index = ACCESSORIES.index(name)
            row, column = 6 + index // 7, 5 + 2 * (index % 7)
            pixels[row, column : column + 2] = PALETTE[1 + 2 * index]
        # Two pixels encode the id, so that no two punks look the same.
        pixels[5, 6] = PALETTE[1 + self.punk_id % 219]
        pixels[5, 8] = PALETTE[1 + self.punk_id // 219 % 219]
        return pixels


def make_punks(n: int = 60, seed: int = 7) -> list[FakePunk]:
    """Return `n` punks with ids from 0: all types, and 0 to 4 of eleven accessories each."""
    rng = np.random.default_rng(seed)
    chosen = ACCESSORIES[::8]
    return [
        FakePunk(
            punk_id=i,
            type=TYPES[i % len(TYPES)],
            accessories=sorted(rng.choice(chosen, rng.integers(0, 5), replace=False).tolist()),
        )
        for i in range(n)
    ]


def make_color_chart() -> np.ndarray:
    """Return a sprite with every color of the palette once, inside a transparent frame."""
    sprite = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    inner = np.zeros((256, 4), np.uint8)  # 16 x 16 pixels
    inner[: len(PALETTE)] = PALETTE
    sprite[4:20, 4:20] = inner.reshape(16, 16, 4)
    return sprite


def svg_uri(sprite: np.ndarray) -> str:
    """Return the sprite as the contract encodes it: a data URI of one rectangle per pixel."""
    rectangles = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" shape-rendering="crispEdges" '
        f'fill="#{bytes(sprite[y, x]).hex()}"/>'
        for y, x in np.argwhere(sprite[..., 3])
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" version="1.2" viewBox="0 0 24 24">'
    return f"data:image/svg+xml;utf8,{head}{rectangles}</svg>"


def encode_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image as a file in the format `kind`, saved with Pillow's options."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def enlarge_sprite(
    sprite: np.ndarray,
    side: int = 336,
    background: str | None = BACKGROUND_COLOR,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """Return the sprite on a background, upscaled to 336 pixels and then resized to `side`."""
    image = Image.fromarray(sprite)
    if background:
        canvas = Image.new("RGBA", image.size, background)
        canvas.alpha_composite(image)
        image = canvas.convert("RGB")
    image = image.resize((336, 336), Image.Resampling.NEAREST)
    return image if side == 336 else image.resize((side, side), resample)


def png_bytes(
    sprite: np.ndarray,
    scale: int = 1,
    background: str | None = None,
    mode: str = "RGBA",
    **options: Any,
) -> bytes:
    """Return the sprite as a PNG, or in another `format`, upscaled by an integer factor."""
    image = Image.fromarray(sprite)
    if background:
        canvas = Image.new("RGBA", image.size, background)
        canvas.alpha_composite(image)
        image = canvas
    image = image.convert(mode).resize((SIDE_PX * scale, SIDE_PX * scale), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()

"""Pictures of many punks: grids, and a film of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.images.palette import PALETTE

BACKGROUND = "#638596"
"""the collection's usual blue"""


def make_grid(images: torch.Tensor, columns: int = 8, scale: int = 4) -> Image.Image:
    """Images, as `pixels_of` takes them, side by side, row by row, on the collection's usual
    blue.
    """
    pixels = to_hwc_pixels(images)
    n, height, width, channels = pixels.shape
    tiles = np.concatenate([pixels, np.zeros((-n % columns, *pixels.shape[1:]), np.uint8)])
    rows = tiles.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    whole = rows.reshape(-1, columns * width, channels)
    sheet = Image.fromarray(whole[..., 0] if channels == 1 else whole).convert("RGBA")
    picture = Image.new("RGBA", sheet.size, BACKGROUND)
    picture.alpha_composite(sheet)
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST)


def to_hwc_pixels(images: torch.Tensor) -> NDArray[np.uint8]:
    """uint8 (N, side, side, channels): of punks, palette indices (N, 24, 24), RGBA; of other
    pictures, uint8 (N, channels, side, side), what they have.
    """
    if images.ndim == 3:
        rgba: NDArray[np.uint8] = PALETTE[images.cpu().numpy()]
        return rgba
    found: NDArray[np.uint8] = images.cpu().numpy().transpose(0, 2, 3, 1)
    return found


def save_gif(frames: list[Path], path: Path, frame_ms: int = 250) -> None:
    """A GIF of pictures of one size, which stays on the last for a while."""
    pictures = [Image.open(frame).convert("RGB") for frame in frames]
    first, *others = [picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures]
    durations = [frame_ms] * len(others) + [8 * frame_ms]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def save_training_curves(lines: list[dict[str, float | None]], path: Path) -> None:
    """A PNG of the losses and of the distance, by the number of images seen.

    Args:
        lines: of a DCGAN's metrics.jsonl.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    seen = [line["images_seen"] for line in lines]
    curves = [("loss_D", "discriminator"), ("loss_G", "generator"), ("loss_E", "encoder")]
    found = {name: [line.get(key) for line in lines] for key, name in curves}
    found = {name: losses for name, losses in found.items() if set(losses) != {None}}
    has_encoder = "encoder" in found
    figure = Figure(figsize=(8, 6 + 2 * has_encoder), layout="constrained")
    *above, below = figure.subplots(2 + has_encoder, sharex=True)
    for name, losses in found.items():
        axes = above[-1] if name == "encoder" else above[0]
        # Before the discriminator joins it has no loss.
        axes.plot(seen, [math.nan if loss is None else loss for loss in losses], label=name)
        axes.set_ylabel("loss")
        axes.legend()
    below.plot(seen, [line["frechet_distance_to_training"] for line in lines])
    below.set_yscale("log")
    below.yaxis.set_major_formatter(ScalarFormatter())
    below.yaxis.set_minor_formatter(ScalarFormatter())
    below.set_ylabel("Fréchet distance\nto the training part")
    below.set_xlabel("real images seen")
    figure.savefig(path, dpi=120)

"""Grids of images, animations of grids, and training curves, as image files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.charts import chart_style, encode_figure
from punkdata.errors import UsageError
from punkdata.files import write_atomic
from punkdata.images.image_grid import compose_grid
from punkdata.images.palette import PALETTE

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

MAX_GRID_PIXELS = 10**8


def make_grid(images: torch.Tensor, columns: int = 8, scale: int = 4) -> Image.Image:
    """Compose images (see `to_hwc_pixels`) row by row, upscaled by a factor."""
    return compose_grid(to_hwc_pixels(images), columns, scale)


def square_grid(
    images: NDArray[np.uint8], scale: int = 4, columns: int | None = None
) -> Image.Image:
    """Return images, uint8 (N, height, width, channels), in an almost square grid.

    Raises UsageError as `check_grid_size`.
    """
    check_grid_size(len(images), max(images.shape[1:3]), scale)
    return compose_grid(images, columns or max(1, round(len(images) ** 0.5)), scale)


def check_grid_size(count: int, side_px: int, scale: int) -> None:
    """Raise UsageError if a grid of images would have more than 100 million pixels."""
    if count * (side_px * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} images would be too large", hint="use a smaller count= or scale="
        )


def to_hwc_pixels(images: torch.Tensor) -> NDArray[np.uint8]:
    """Convert palette indices (N, 24, 24), or uint8 (N, C, H, W), to uint8 (N, H, W, C)."""
    array: NDArray[np.uint8] = images.cpu().numpy()
    return PALETTE[array] if array.ndim == 3 else array.transpose(0, 2, 3, 1)


def save_gif(frames: list[Path], path: Path, frame_ms: int = 250) -> None:
    """Save image files of equal size as an animation that pauses on its last frame."""
    images = [Image.open(frame).convert("RGB") for frame in frames]
    first, *others = [image.quantize(256, dither=Image.Dither.NONE) for image in images]
    durations = [frame_ms] * len(others) + [8 * frame_ms]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def save_training_curves(lines: list[dict[str, float | None]], path: Path) -> None:
    """Plot the losses and the Fréchet distance of a GAN from its metrics.jsonl."""
    with chart_style():
        write_atomic(path, encode_figure(_plot_training_curves(lines), dpi=120))


def _plot_training_curves(lines: list[dict[str, float | None]]) -> Figure:
    from matplotlib.figure import Figure

    images_seen = [line["images_seen"] for line in lines]
    keys = {"loss_D": "discriminator", "loss_G": "generator", "loss_E": "encoder"}
    figure = Figure(figsize=(8, 8), layout="constrained")
    adversarial_panel, encoder_panel, distance_panel = figure.subplots(3, sharex=True)
    for key, name in keys.items():
        panel = encoder_panel if key == "loss_E" else adversarial_panel
        # A network has no loss before its training starts.
        losses = [math.nan if line.get(key) is None else line[key] for line in lines]
        panel.plot(images_seen, losses, label=name)
        panel.set_ylabel("loss")
        panel.legend()
    distance_panel.plot(images_seen, [line["frechet_distance_to_training"] for line in lines])
    distance_panel.set(yscale="log", xlabel="real images seen")
    distance_panel.set_ylabel("Fréchet distance\nto the training split")
    return figure

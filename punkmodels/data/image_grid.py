"""Grids of images, animations of grids, and training curves, as image files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from punkdata.images.image_grid import compose_grid
from punkdata.images.palette import PALETTE


def make_grid(images: torch.Tensor, columns: int = 8, scale: int = 4) -> Image.Image:
    """Compose images row by row, on the background color of the collection.

    `images` is as in `to_hwc_pixels`; `scale` is the factor of the nearest-neighbor upscaling.
    """
    return compose_grid(to_hwc_pixels(images), columns, scale)


def to_hwc_pixels(images: torch.Tensor) -> NDArray[np.uint8]:
    """Convert images to uint8 (N, side, side, channels).

    Args:
        images: Sprites as palette indices (N, 24, 24), which become RGBA; or other images as
            uint8 (N, channels, side, side).
    """
    if images.ndim == 3:
        rgba: NDArray[np.uint8] = PALETTE[images.cpu().numpy()]
        return rgba
    pixels: NDArray[np.uint8] = images.cpu().numpy().transpose(0, 2, 3, 1)
    return pixels


def save_gif(frames: list[Path], path: Path, frame_ms: int = 250) -> None:
    """Save image files of equal size as an animation that pauses on its last frame."""
    images = [Image.open(frame).convert("RGB") for frame in frames]
    first, *others = [image.quantize(256, dither=Image.Dither.NONE) for image in images]
    durations = [frame_ms] * len(others) + [8 * frame_ms]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def save_training_curves(lines: list[dict[str, float | None]], path: Path) -> None:
    """Plot the losses and the Fréchet distance of a GAN against the number of images seen.

    Args:
        lines: The lines of the run's metrics.jsonl.
        path: The PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    images_seen = [line["images_seen"] for line in lines]
    keys = {"discriminator": "loss_D", "generator": "loss_G", "encoder": "loss_E"}
    curves = {name: [line.get(key) for line in lines] for name, key in keys.items()}
    curves = {name: losses for name, losses in curves.items() if set(losses) != {None}}
    has_encoder = "encoder" in curves
    figure = Figure(figsize=(8, 6 + 2 * has_encoder), layout="constrained")
    *loss_panels, distance_panel = figure.subplots(2 + has_encoder, sharex=True)
    for name, losses in curves.items():
        panel = loss_panels[-1] if name == "encoder" else loss_panels[0]
        # The discriminator has no loss before its training starts.
        values = [math.nan if loss is None else loss for loss in losses]
        panel.plot(images_seen, values, label=name)
        panel.set_ylabel("loss")
        panel.legend()
    distance_panel.plot(images_seen, [line["frechet_distance_to_training"] for line in lines])
    distance_panel.set_yscale("log")
    distance_panel.yaxis.set_major_formatter(ScalarFormatter())
    distance_panel.yaxis.set_minor_formatter(ScalarFormatter())
    distance_panel.set_ylabel("Fréchet distance\nto the training split")
    distance_panel.set_xlabel("real images seen")
    figure.savefig(path, dpi=120)

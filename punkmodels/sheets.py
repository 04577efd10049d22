"""Pictures of many punks: grids, and a film of them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from PIL import Image
from torch.nn import functional as F

from punkdata.palette import PALETTE

BACKGROUND = "#638596"
"""the collection's usual blue"""


def grid(images: torch.Tensor, columns: int = 8, scale: int = 4) -> Image.Image:
    """Palette indices (N, 24, 24) side by side, row by row, on the collection's usual blue."""
    n, height, width = images.shape
    tiles = F.pad(images.cpu(), (0, 0, 0, 0, 0, -n % columns))
    rows = tiles.reshape(-1, columns, height, width).transpose(1, 2)
    punks = Image.fromarray(PALETTE[rows.reshape(-1, columns * width).numpy()])
    picture = Image.new("RGBA", punks.size, BACKGROUND)
    picture.alpha_composite(punks)
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST)


def save_film(frames: list[Path], path: Path, frame_ms: int = 250) -> None:
    """A GIF of pictures of one size, which stays on the last for a while."""
    pictures = [Image.open(frame).convert("RGB") for frame in frames]
    first, *others = [picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures]
    durations = [frame_ms] * len(others) + [8 * frame_ms]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def save_curves(lines: list[dict[str, float | None]], path: Path) -> None:
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
    below.set_ylabel("Fréchet distance in punk features\nto the training part")
    below.set_xlabel("real images seen")
    figure.savefig(path, dpi=120)

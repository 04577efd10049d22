from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from punkdata.images.palette import PALETTE
from punkmodels.data.image_grid import make_grid, save_gif, save_training_curves


def test_make_grid_places_sprites_row_by_row() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    sprites[3] = 40
    pixels = np.asarray(make_grid(sprites, columns=3, scale=2))
    assert pixels.shape == (96, 144, 3)
    assert (pixels[48:, :48] == PALETTE[40, :3]).all()
    assert (pixels[:48] == (0x63, 0x85, 0x96)).all()


def test_save_gif_has_all_frames_and_pauses_on_the_last(tmp_path: Path) -> None:
    colors = ["red", "lime", "blue"]
    for color in colors:
        Image.new("RGB", (8, 8), color).save(tmp_path / f"{color}.png")
    save_gif([tmp_path / f"{color}.png" for color in colors], tmp_path / "animation.gif", 100)
    with Image.open(tmp_path / "animation.gif") as animation:
        pixels, durations = [], []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            pixels.append(animation.convert("RGB").getpixel((3, 3)))
            durations.append(animation.info["duration"])
    assert pixels == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert durations == [100, 100, 800]


def test_training_curves_are_plotted_without_the_losses_of_unused_networks(tmp_path: Path) -> None:
    keys = ("loss_D", "loss_G", "frechet_distance_to_training")
    lines = [{"images_seen": n, **dict.fromkeys(keys, 1 / n), "loss_E": None} for n in (1, 2, 3)]
    lines[0] |= {"loss_D": None, "loss_G": None}
    save_training_curves(lines, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 600
        assert len(image.convert("RGB").getcolors(1 << 20)) > 3

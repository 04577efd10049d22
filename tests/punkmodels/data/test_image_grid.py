from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from punkdata.images.palette import PALETTE
from punkmodels.data.image_grid import make_grid, save_gif, save_training_curves


def test_a_grid_shows_sprites_row_by_row_on_blue() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    sprites[3] = 40
    picture = np.asarray(make_grid(sprites, columns=3, scale=2))
    assert picture.shape == (96, 144, 4)
    assert (picture[48:, :48] == PALETTE[40]).all()
    assert (picture[:48] == (0x63, 0x85, 0x96, 255)).all()


def test_a_film_shows_every_frame_and_rests_on_the_last(tmp_path: Path) -> None:
    colors = ["red", "lime", "blue"]
    for color in colors:
        Image.new("RGB", (8, 8), color).save(tmp_path / f"{color}.png")
    save_gif([tmp_path / f"{color}.png" for color in colors], tmp_path / "film.gif", 100)
    with Image.open(tmp_path / "film.gif") as film:
        seen, durations = [], []
        for frame in range(film.n_frames):
            film.seek(frame)
            seen.append(film.convert("RGB").getpixel((3, 3)))
            durations.append(film.info["duration"])
    assert seen == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert durations == [100, 100, 800]


def test_curves_are_a_picture_with_a_panel_more_for_an_encoder(tmp_path: Path) -> None:
    keys = ("loss_D", "loss_G", "frechet_distance_to_training")
    lines = [{"images_seen": n, **dict.fromkeys(keys, 1 / n)} for n in (1, 2, 3)]
    taught = [line | {"loss_E": 2.0} for line in lines]
    taught[0] |= {"loss_D": None, "loss_G": None}
    heights = []
    for name, of_run in (("alone", lines), ("taught", taught)):
        save_training_curves(of_run, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.width > 600
            assert len(image.convert("RGB").getcolors(1 << 20)) > 3
            heights.append(image.height)
    assert heights[0] < heights[1]

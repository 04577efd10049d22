from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from support.gan import small_config

from punkdata.images.palette import PALETTE
from punkmodels.gan.generate import generate_images, sample_batches, write_grid, write_sprites
from punkmodels.gan.networks import Generator


def test_first_sprites_of_a_seed_do_not_depend_on_the_count() -> None:
    model = Generator(small_config("classic")).eval()
    with torch.no_grad():
        model.layers[-2].weight.mul_(100)
    (few,) = sample_batches(model, 5, seed=1, batch_size=8)
    many = torch.cat(list(sample_batches(model, 9, seed=1, batch_size=8)))
    assert few.shape == (5, 4, 24, 24)
    assert many.shape == (9, 4, 24, 24)
    # Rounding depends on the batch size, and can in rare cases change a color.
    assert torch.allclose(few, many[:5], atol=1e-4)
    assert not torch.allclose(few, next(sample_batches(model, 5, seed=2, batch_size=8)), atol=0.1)


def test_images_of_punks_are_palette_indices_and_others_are_pixels() -> None:
    progress: list[tuple[int, int]] = []
    model = Generator(small_config("classic")).eval()
    sprites = generate_images(model, 5, 1, lambda *counts: progress.append(counts))
    assert (sprites.shape, sprites.dtype) == ((5, 24, 24), torch.uint8)
    assert progress == [(5, 5)]
    assert generate_images(model, 5, 1, is_punks=False).shape == (5, 4, 24, 24)


def test_folder_contains_one_png_per_sprite_and_an_index(tmp_path: Path) -> None:
    sprites = torch.randint(0, 222, (3, 24, 24), dtype=torch.uint8)
    write_sprites(sprites, tmp_path / "out", {"seed": 7})
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert index == {"seed": 7, "images": ["00000.png", "00001.png", "00002.png"]}
    for name, sprite in zip(index["images"], sprites, strict=True):
        with Image.open(tmp_path / "out" / name) as image:
            assert image.mode == "RGBA"
            assert np.array_equal(np.asarray(image), PALETTE[sprite.numpy()])


def test_grid_is_almost_square(tmp_path: Path) -> None:
    write_grid(torch.ones(10, 24, 24, dtype=torch.uint8), tmp_path / "new" / "grid.png", scale=2)
    with Image.open(tmp_path / "new" / "grid.png") as image:
        assert image.size == (3 * 48, 4 * 48)

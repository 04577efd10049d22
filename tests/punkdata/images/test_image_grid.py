"""Sprites are composed row by row on a background."""

from __future__ import annotations

import numpy as np
import pytest

from punkdata.images.image_grid import montage


@pytest.mark.parametrize(("n", "columns", "size"), [(5, 3, (72, 48)), (2, 3, (48, 24))])
def test_montage_places_sprites_row_by_row(n: int, columns: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    sprites = rng.integers(0, 256, (n, 24, 24, 4), np.uint8)
    sprites[..., 3] = 255
    sprites[:, :2, :2] = 0
    grid = np.asarray(montage(sprites, columns, scale=1, background="#010203"))
    assert grid.shape == (size[1], size[0], 3)
    for i, sprite in enumerate(sprites):
        y, x = i // columns * 24, i % columns * 24
        tile = grid[y : y + 24, x : x + 24]
        assert (tile[:2, :2] == (1, 2, 3)).all()
        assert (tile[2:] == sprite[2:, :, :3]).all()
    larger = montage(sprites, columns, scale=3)
    assert larger.size == (3 * size[0], 3 * size[1])

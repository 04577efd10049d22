"""Small images are composed row by row on a background."""

from __future__ import annotations

import numpy as np
import pytest

from punkdata.images.image_grid import compose_grid

BACKGROUND = (1, 2, 3)


@pytest.mark.parametrize(("n", "columns", "size"), [(5, 3, (72, 48)), (2, 3, (48, 24))])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiles_are_placed_row_by_row(
    n: int, columns: int, size: tuple[int, int], channels: int
) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (n, 24, 24, channels), np.uint8)
    if channels == 4:
        tiles[..., 3] = 255
        tiles[:, :2, :2] = 0
    grid = np.asarray(compose_grid(tiles, columns, scale=1, background="#010203"))
    assert grid.shape == (size[1], size[0], 3)
    for i, tile in enumerate(tiles):
        y, x = i // columns * 24, i % columns * 24
        cell = grid[y : y + 24, x : x + 24]
        assert (cell[2:] == tile[2:, :, :3]).all()
        assert (cell[:2, :2] == (BACKGROUND if channels == 4 else tile[:2, :2])).all()
    assert (grid[24:, 48:] == BACKGROUND).all()  # the cell after the last tile
    assert compose_grid(tiles, columns, scale=3).size == (3 * size[0], 3 * size[1])


def test_captions_are_written_left_of_their_rows() -> None:
    tiles = np.zeros((3, 24, 24, 4), np.uint8)
    image = compose_grid(tiles, 2, 2, "#010203", captions=["", "Male\nPipe"], caption_px=60)
    has_text = (np.asarray(image) != BACKGROUND).any(axis=(1, 2))
    assert image.size == (60 + 96, 96)
    assert not has_text[:48].any()
    assert has_text[48:72].any()
    assert has_text[72:].any()


def test_grid_without_tiles_is_one_empty_cell() -> None:
    image = compose_grid(np.zeros((0, 24, 24, 4), np.uint8), background="#010203")
    assert image.size == (48, 48)
    assert (np.asarray(image) == BACKGROUND).all()

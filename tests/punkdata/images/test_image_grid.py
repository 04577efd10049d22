"""Small images are composed row by row on a background."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from punkdata.errors import UsageError
from punkdata.images.image_grid import compose_grid, make_grid

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


TILES = np.random.default_rng(1).integers(0, 256, (5, 24, 24, 4), np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        TILES,
        list(TILES),
        [Image.fromarray(tile) for tile in TILES],
        torch.from_numpy(TILES).permute(0, 3, 1, 2),
        [torch.from_numpy(tile).permute(2, 0, 1) / 255 for tile in TILES],
        TILES / 255,
    ],
    ids=["array", "arrays", "PIL", "tensor", "float tensors", "floats"],
)
def test_make_grid_accepts_arrays_tensors_and_pil_images(images: Any) -> None:
    expected = compose_grid(TILES, 2, 3, "#010203")
    grid = make_grid(images, columns=2, scale=3, background=BACKGROUND)
    assert (grid.size, grid.tobytes()) == (expected.size, expected.tobytes())


def test_make_grid_writes_a_caption_below_each_image() -> None:
    captions = ["Male", "", "Female\nPipe", "Ape", ""]
    grid = np.asarray(make_grid(TILES[..., :3], 2, 3, captions, "#010203"))
    height = 72 + (grid.shape[0] - 3 * 72) // 3
    assert grid.shape[1] == 144
    for i, caption in enumerate(captions):
        cell = grid[i // 2 * height :, i % 2 * 72 :][:height, :72]
        assert (cell[1:72:3, 1::3] == TILES[i, ..., :3]).all()
        assert (cell[72:] != BACKGROUND).any() == bool(caption)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "there are no images"),
        (TILES[:0], "there are no images"),
        (TILES[0], r"images must be .N, height, width, channels.* not of shape .24, 24, 4."),
        (TILES.astype(int), "must be uint8, or floating point in .0, 1., not int64 from 0 to 255"),
        (TILES / 127.5 - 1, "float64 from -1 to 1; convert images in .-1, 1. with: .images . 1"),
        ([TILES[0], TILES[1, :9]], "must all have the same shape"),
        (Image.fromarray(TILES[0]), "an array, a tensor, or a list of images, not Image"),
    ],
)
def test_make_grid_refuses_other_images(images: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_grid(images)


def test_make_grid_refuses_a_wrong_number_of_captions() -> None:
    with pytest.raises(UsageError, match="there are 2 captions for 5 images"):
        make_grid(TILES, captions=["a", "b"])

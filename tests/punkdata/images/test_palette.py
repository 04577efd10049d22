"""The palette of the collection, and the lookup of color indices."""

from __future__ import annotations

import numpy as np

from punkdata.images.palette import PALETTE, palette_indices


def test_palette_has_222_distinct_colors_with_transparent_first() -> None:
    assert PALETTE.shape == (222, 4)
    assert len(np.unique(PALETTE, axis=0)) == 222
    assert PALETTE[0].tolist() == [0, 0, 0, 0]
    assert (PALETTE[1:, 3] == 128).sum() == 2
    assert (PALETTE[1:, 3] == 255).sum() == 219


def test_palette_colors_have_their_own_indices() -> None:
    grid = PALETTE.reshape(2, 111, 4)
    assert palette_indices(grid).tolist() == np.arange(222).reshape(2, 111).tolist()


def test_unknown_color_gets_the_index_of_the_nearest() -> None:
    unknown = np.array([[1, 0, 1, 255], [255, 254, 255, 255], [200, 9, 9, 2]], np.uint8)
    nearest = PALETTE[palette_indices(unknown)].tolist()
    assert nearest == [[0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]]

"""The quantizer index is read from the headers of AVIF files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import encode_image, enlarge_sprite, make_punks

from punkdata.images.avif import read_base_q_idx

PUNK = make_punks(3)[2]


def read_indices(image: Image.Image, **options: object) -> list[int]:
    """Return the quantizer indices of AVIFs of decreasing quality."""
    qualities = (100, 95, 90, 85, 80, 70, 60, 40, 0)
    return [read_base_q_idx(encode_image(image, "AVIF", quality=q, **options)) for q in qualities]


@pytest.mark.parametrize("side", [96, 336, 1000])
def test_index_increases_as_quality_decreases(side: int) -> None:
    indices = read_indices(enlarge_sprite(PUNK.sprite, side), speed=9)
    assert indices[0] == 0
    assert indices[-1] == 255
    assert indices == sorted(set(indices))


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:4:4"},
        {"subsampling": "4:0:0"},
        {"range": "limited"},
        {"speed": 4},
        {"tile_rows": 1, "tile_cols": 1, "autotiling": False},
        {"advanced": {"sb-size": "128"}},
        {"icc_profile": b"x" * 500, "xmp": b"<x/>"},
    ],
)
def test_index_is_found_with_other_encoder_options(options: dict[str, object]) -> None:
    image = enlarge_sprite(PUNK.sprite, 336)
    for quality in (90, 60):
        default = encode_image(image, "AVIF", quality=quality)
        changed = encode_image(image, "AVIF", quality=quality, **options)
        assert read_base_q_idx(changed) == read_base_q_idx(default)


def test_index_belongs_to_the_colors_not_to_the_alpha_channel() -> None:
    transparent = Image.fromarray(PUNK.sprite).resize((336, 336), Image.Resampling.NEAREST)
    opaque = enlarge_sprite(PUNK.sprite, 336)
    for quality in (90, 60):
        index = read_base_q_idx(encode_image(transparent, "AVIF", quality=quality))
        assert index == read_base_q_idx(encode_image(opaque, "AVIF", quality=quality))


def test_unknown_index_is_the_coarsest() -> None:
    original = encode_image(enlarge_sprite(PUNK.sprite, 96), "AVIF")
    frames = [enlarge_sprite(punk.sprite, 96) for punk in make_punks(2)]
    animation = encode_image(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert read_base_q_idx(original) < 255
    for data in (b"", original[:200], animation):
        assert read_base_q_idx(data) == 255


def test_damaged_file_gives_an_index_but_no_error() -> None:
    original = encode_image(enlarge_sprite(PUNK.sprite, 96), "AVIF")
    rng = np.random.default_rng(0)
    for _ in range(2000):
        data = bytearray(original[: rng.integers(1, len(original) + 1)])
        for position in rng.integers(0, len(data), 4):
            data[position] = rng.integers(256)
        assert 0 <= read_base_q_idx(bytes(data)) <= 255

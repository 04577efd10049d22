"""How coarsely an AVIF was quantized is read from its headers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import draw_punks, enlarged, picture_bytes

from punkdata.images.restoration.avif_header import base_q_idx

PUNK = draw_punks(3)[2]


def indices(image: Image.Image, **options: object) -> list[int | None]:
    """Of qualities from the best to the worst."""
    qualities = (100, 95, 90, 85, 80, 70, 60, 40, 0)
    return [base_q_idx(picture_bytes(image, "AVIF", quality=q, **options)) for q in qualities]


@pytest.mark.parametrize("side", [96, 336, 1000])
def test_the_index_grows_as_quality_falls(side: int) -> None:
    found = indices(enlarged(PUNK.sprite, side), speed=9)
    assert found[0] == 0
    assert found[-1] == 255
    assert None not in found
    assert found == sorted(set(found))


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
def test_other_choices_of_the_encoder_do_not_hide_it(options: dict[str, object]) -> None:
    image = enlarged(PUNK.sprite, 336)
    plain = [base_q_idx(picture_bytes(image, "AVIF", quality=q)) for q in (90, 60)]
    assert [base_q_idx(picture_bytes(image, "AVIF", quality=q, **options)) for q in (90, 60)] == (
        plain
    )


def test_the_picture_is_meant_and_not_its_transparency() -> None:
    clear = Image.fromarray(PUNK.sprite).resize((336, 336), 0)
    opaque = enlarged(PUNK.sprite, 336)
    for quality in (90, 60):
        found = base_q_idx(picture_bytes(clear, "AVIF", quality=quality))
        assert found == base_q_idx(picture_bytes(opaque, "AVIF", quality=quality))


def test_the_longer_headers_of_films_are_read_too() -> None:
    frames = [enlarged(punk.sprite, 336) for punk in draw_punks(2)]
    found = indices(frames[0], speed=9, save_all=True, append_images=frames[1:])
    assert found[0] == 0
    assert None not in found
    assert found == sorted(set(found))


def test_a_damaged_file_gives_an_index_or_none_and_never_an_error() -> None:
    whole = picture_bytes(enlarged(PUNK.sprite, 96), "AVIF")
    assert base_q_idx(b"") is None
    assert base_q_idx(whole[:200]) is None
    rng = np.random.default_rng(0)
    for _ in range(2000):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for at in rng.integers(0, len(data), 4):
            data[at] = rng.integers(256)
        found = base_q_idx(bytes(data))
        assert found is None or 0 <= found <= 255

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sprites import DrawnPunk, enlarged, picture_bytes

from punkdata.images.background import painted
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.jpeg import JpegRendition, can_read
from punkdata.images.restoration.posterior import restore

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])
BACKGROUND = np.array([0x63, 0x85, 0x96], np.float64)
TRUE = painted(BACKGROUND)[palette_indices(PUNK.sprite)]
RESAMPLING = Image.Resampling


def opened(side: int = 336, resample: Any = RESAMPLING.LANCZOS, **options: Any) -> Image.Image:
    image = enlarged(PUNK.sprite, side, resample=resample)
    return Image.open(io.BytesIO(picture_bytes(image, "JPEG", **{"quality": 85} | options)))


@pytest.mark.parametrize("side", [200, 250, 336, 500])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_all_ways_of_thinning_out_color_are_undone(side: int, subsampling: str) -> None:
    found = restore(JpegRendition(opened(side, subsampling=subsampling)))
    assert (PALETTE[found.indices].reshape(24, 24, 4) == PUNK.sprite).all()


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 98}, {"quality": 60}])
def test_other_ways_of_saving_are_undone(options: dict[str, Any]) -> None:
    found = restore(JpegRendition(opened(336, **options)))
    assert (PALETTE[found.indices].reshape(24, 24, 4) == PUNK.sprite).all()


@pytest.mark.parametrize(
    "resample", [RESAMPLING.BOX, RESAMPLING.BILINEAR, RESAMPLING.BICUBIC, RESAMPLING.LANCZOS]
)
def test_the_filter_is_found_out(resample: Any) -> None:
    rendition = JpegRendition(opened(250, resample))
    found = restore(rendition)
    assert (PALETTE[found.indices].reshape(24, 24, 4) == PUNK.sprite).all()
    assert rendition.oddity(TRUE) < 4


def test_the_estimate_is_near_the_truth_before_any_palette_is_used() -> None:
    rendition = JpegRendition(opened())
    gaps = rendition.estimate() - rendition.codes(TRUE).reshape(576, 3)
    assert np.abs(gaps).max() < 6
    assert np.abs(gaps).mean() < 0.5


def test_only_the_true_sprite_matches() -> None:
    rendition = JpegRendition(opened(250))
    rendition.corrected(TRUE)
    other, third = TRUE.copy(), TRUE.copy()
    other[10, 10] += 3
    third[8, 12] -= 3
    assert rendition.only_match([other, TRUE, third], 1.0) == 1
    assert rendition.only_match([TRUE, TRUE.copy(), third], 1.0) is None


def test_a_spoiled_patch_is_odd() -> None:
    image = enlarged(PUNK.sprite)
    image.paste((255, 255, 255), (150, 150, 157, 157))
    spoiled = Image.open(io.BytesIO(picture_bytes(image, "JPEG", quality=85)))
    assert JpegRendition(opened()).oddity(TRUE) < 4
    assert JpegRendition(spoiled).oddity(TRUE) > 8


def test_other_kinds_of_jpeg_are_not_taken_for_this_one() -> None:
    image = enlarged(PUNK.sprite)
    assert can_read(opened())
    for other in (
        picture_bytes(image.convert("L"), "JPEG"),
        picture_bytes(image.convert("CMYK"), "JPEG"),
        picture_bytes(image, "JPEG", keep_rgb=True),
        picture_bytes(image, "PNG"),
    ):
        assert not can_read(Image.open(io.BytesIO(other)))


def test_a_jpeg_without_its_tables_or_with_steps_of_0_is_not_read() -> None:
    data = picture_bytes(enlarged(PUNK.sprite), "JPEG", quality=85)
    first = data.index(b"\xff\xdb")
    second = data.index(b"\xff\xdb", first + 2)
    lost = data[:second] + data[second + 69 :]
    zero = data[: first + 5] + b"\0" + data[first + 6 :]
    for broken in (lost, zero):
        assert not can_read(Image.open(io.BytesIO(broken)))

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support.sprites import DrawnPunk, enlarged, picture_bytes

from punkdata.images.background import painted
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.pixels import RasterRendition
from punkdata.images.restoration.posterior import restore

PUNK = DrawnPunk(11, "Male", ["Pipe", "Earring"])
BACKGROUND = np.array([0x63, 0x85, 0x96], np.float64)
TRUE = painted(BACKGROUND)[palette_indices(PUNK.sprite)]


def rendition(image: Image.Image, kind: str, quality: int = 80) -> RasterRendition:
    data = picture_bytes(image, kind, quality=quality)
    opened = Image.open(io.BytesIO(data))
    flat = opened.convert("RGB")
    flat.format = opened.format
    return RasterRendition(flat, data)


@pytest.mark.parametrize(("kind", "side"), [("WEBP", 512), ("WEBP", 336), ("AVIF", 336)])
def test_the_estimate_is_near_the_truth_before_any_palette_is_used(kind: str, side: int) -> None:
    found = rendition(enlarged(PUNK.sprite, side), kind, 90)
    gaps = np.abs(found.estimate() - found.codes(TRUE).reshape(576, 3))
    assert gaps.mean() < 0.6
    assert gaps.max() < 8
    restored = restore(found)
    assert (PALETTE[restored.indices].reshape(24, 24, 4) == PUNK.sprite).all()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_codes_and_colors_are_each_other_s_inverse(kind: str) -> None:
    found = rendition(enlarged(PUNK.sprite), kind)
    assert np.abs(found.rgb(found.codes(TRUE)) - TRUE).max() < 1.7


def test_the_noisier_a_picture_the_less_it_tells() -> None:
    precisions = [
        rendition(enlarged(PUNK.sprite), "WEBP", quality).evidence().luma[0]
        for quality in (95, 60, 10)
    ]
    assert precisions == sorted(precisions, reverse=True)


@pytest.mark.parametrize("quality", [80, 90])
def test_a_webp_that_is_saved_anew_tells_its_sprite_from_others(quality: int) -> None:
    found = rendition(enlarged(PUNK.sprite, 512), "WEBP", quality)
    other = TRUE.copy()
    other[10, 10] += 6
    assert found.only_match([other, TRUE], odds=1.0) == 1
    assert found.only_match([TRUE, other], odds=1.0) == 0
    assert found.only_match([TRUE, other], odds=0.1) == 0
    assert found.only_match([TRUE, TRUE.copy()], odds=1.0) is None
    assert found.only_match([other], odds=0.1) is None


def test_what_was_saved_another_way_matches_nothing() -> None:
    assert rendition(enlarged(PUNK.sprite, 512), "WEBP", 83).only_match([TRUE], 1.0) is None
    assert rendition(enlarged(PUNK.sprite), "AVIF", 80).only_match([TRUE], 1.0) is None


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "PNG"])
def test_a_spoiled_patch_is_odd(kind: str) -> None:
    image = enlarged(PUNK.sprite)
    assert rendition(image, kind).oddity(TRUE) < 4
    image.paste((255, 255, 255), (144, 144, 150, 150))
    assert rendition(image, kind).oddity(TRUE) > 8

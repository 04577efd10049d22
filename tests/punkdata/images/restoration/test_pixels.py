"""Sprites are restored from decoded pixels of WebP, AVIF and smoothly resized PNG images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support.sprites import FakePunk, encode_image, enlarge_sprite

from punkdata.images.background import KNOWN_BACKGROUNDS, composite_palette
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.pixels import PixelObservation
from punkdata.images.restoration.posterior import restore

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])
BACKGROUND = np.array(KNOWN_BACKGROUNDS[0], np.float64)
TRUE_RGB = composite_palette(BACKGROUND)[palette_indices(PUNK.sprite)]


def observe(image: Image.Image, kind: str, quality: int = 80) -> PixelObservation:
    """Encode the image in the format `kind`, and observe the decoded pixels."""
    data = encode_image(image, kind, quality=quality)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return PixelObservation(pixels, kind, data)


@pytest.mark.parametrize(("kind", "side"), [("WEBP", 512), ("WEBP", 336), ("AVIF", 336)])
def test_least_squares_estimate_is_close_to_true_colors(kind: str, side: int) -> None:
    observation = observe(enlarge_sprite(PUNK.sprite, side), kind, 90)
    true_ycbcr = observation.to_ycbcr(TRUE_RGB).reshape(576, 3)
    errors = np.abs(observation.least_squares_estimate() - true_ycbcr)
    assert errors.mean() < 0.6
    assert errors.max() < 8
    restored = restore(observation)
    assert (PALETTE[restored.indices] == PUNK.sprite).all()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_to_rgb_inverts_to_ycbcr(kind: str) -> None:
    observation = observe(enlarge_sprite(PUNK.sprite), kind)
    assert np.abs(observation.to_rgb(observation.to_ycbcr(TRUE_RGB)) - TRUE_RGB).max() < 1.7


def test_precision_decreases_with_quality() -> None:
    precisions = [
        observe(enlarge_sprite(PUNK.sprite), "WEBP", quality).likelihood().luma_precision[0]
        for quality in (95, 60, 10)
    ]
    assert precisions == sorted(precisions, reverse=True)


@pytest.mark.parametrize("quality", [80, 90])
def test_webp_unique_match_is_found_by_encoding_again(quality: int) -> None:
    observation = observe(enlarge_sprite(PUNK.sprite, 512), "WEBP", quality)
    other = TRUE_RGB.copy()
    other[10, 10] += 6
    assert observation.find_unique_match([other, TRUE_RGB], 1.0) == 1
    assert observation.find_unique_match([TRUE_RGB, other], 1.0) == 0
    assert observation.find_unique_match([TRUE_RGB, other], 0.1) == 0
    assert observation.find_unique_match([TRUE_RGB, TRUE_RGB.copy()], 1.0) is None
    assert observation.find_unique_match([other], 1.0) is None


def test_unique_match_is_none_for_unknown_encoder_settings() -> None:
    image = enlarge_sprite(PUNK.sprite, 512)
    assert observe(image, "WEBP", 83).find_unique_match([TRUE_RGB], 1.0) is None
    image = enlarge_sprite(PUNK.sprite)
    assert observe(image, "AVIF", 80).find_unique_match([TRUE_RGB], 1.0) is None


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "PNG"])
def test_painted_patch_has_a_large_residual(kind: str) -> None:
    image = enlarge_sprite(PUNK.sprite)
    assert observe(image, kind).worst_block_residual(TRUE_RGB) < 4
    image.paste((255, 255, 255), (144, 144, 150, 150))
    assert observe(image, kind).worst_block_residual(TRUE_RGB) > 8

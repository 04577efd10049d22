"""Sprites are restored from JPEGs of all common kinds."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Resampling
from support.sprites import FakePunk, encode_image, enlarge_sprite

from punkdata.images.background import KNOWN_BACKGROUNDS, composite_palette
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.restoration.jpeg import JpegObservation, is_supported
from punkdata.images.restoration.posterior import restore

PUNK = FakePunk(11, "Male", ["Pipe", "Earring"])
BACKGROUND = np.array(KNOWN_BACKGROUNDS[0], np.float64)
TRUE_RGB = composite_palette(BACKGROUND)[palette_indices(PUNK.sprite)]


def open_jpeg(
    side: int = 336, resample: Resampling = Resampling.LANCZOS, **options: Any
) -> Image.Image:
    """Return an opened JPEG of the punk, of quality 85 unless the options say otherwise."""
    image = enlarge_sprite(PUNK.sprite, side, resample=resample)
    return Image.open(io.BytesIO(encode_image(image, "JPEG", **{"quality": 85} | options)))


def restore_sprite(observation: JpegObservation) -> np.ndarray:
    return PALETTE[restore(observation).indices]


@pytest.mark.parametrize("side", [200, 250, 336, 500])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_with_chroma_subsampling_is_restored(side: int, subsampling: str) -> None:
    observation = JpegObservation(open_jpeg(side, subsampling=subsampling))
    assert (restore_sprite(observation) == PUNK.sprite).all()


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 98}, {"quality": 60}])
def test_jpeg_with_other_encoder_options_is_restored(options: dict[str, Any]) -> None:
    assert (restore_sprite(JpegObservation(open_jpeg(336, **options))) == PUNK.sprite).all()


@pytest.mark.parametrize(
    "resample", [Resampling.BOX, Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS]
)
def test_jpeg_resampling_filter_is_identified(resample: Resampling) -> None:
    observation = JpegObservation(open_jpeg(250, resample))
    assert (restore_sprite(observation) == PUNK.sprite).all()
    assert observation.worst_block_residual(TRUE_RGB) < 4


def test_jpeg_least_squares_estimate_is_close_to_true_colors() -> None:
    observation = JpegObservation(open_jpeg())
    true_ycbcr = observation.to_ycbcr(TRUE_RGB).reshape(576, 3)
    assert np.abs(observation.to_rgb(true_ycbcr) - TRUE_RGB.reshape(576, 3)).max() < 1.7
    errors = np.abs(observation.least_squares_estimate() - true_ycbcr)
    assert errors.max() < 6
    assert errors.mean() < 0.5


def test_jpeg_unique_match_is_the_true_sprite() -> None:
    observation = JpegObservation(open_jpeg(250))
    observation.likelihood_near(TRUE_RGB)
    second, third = TRUE_RGB.copy(), TRUE_RGB.copy()
    second[10, 10] += 3
    third[8, 12] -= 3
    assert observation.find_unique_match([second, TRUE_RGB, third], 1.0) == 1
    assert observation.find_unique_match([TRUE_RGB, TRUE_RGB.copy(), third], 1.0) is None


def test_jpeg_with_a_painted_patch_has_a_large_residual() -> None:
    image = enlarge_sprite(PUNK.sprite)
    image.paste((255, 255, 255), (150, 150, 157, 157))
    painted = Image.open(io.BytesIO(encode_image(image, "JPEG", quality=85)))
    assert JpegObservation(open_jpeg()).worst_block_residual(TRUE_RGB) < 4
    assert JpegObservation(painted).worst_block_residual(TRUE_RGB) > 8


def test_is_supported_refuses_other_color_spaces_and_formats() -> None:
    image = enlarge_sprite(PUNK.sprite)
    assert is_supported(open_jpeg())
    for data in (
        encode_image(image.convert("L"), "JPEG"),
        encode_image(image.convert("CMYK"), "JPEG"),
        encode_image(image, "JPEG", keep_rgb=True),
        encode_image(image, "PNG"),
    ):
        assert not is_supported(Image.open(io.BytesIO(data)))


def test_is_supported_refuses_missing_tables_and_zero_steps() -> None:
    data = encode_image(enlarge_sprite(PUNK.sprite), "JPEG", quality=85)
    first = data.index(b"\xff\xdb")
    second = data.index(b"\xff\xdb", first + 2)
    without_table = data[:second] + data[second + 69 :]
    with_zero_step = data[: first + 5] + b"\0" + data[first + 6 :]
    for damaged in (without_table, with_zero_step):
        assert not is_supported(Image.open(io.BytesIO(damaged)))

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.sprites import encode_image

from punkdata.errors import ImageError
from punkdata.images.pictures.cells import Reading
from punkdata.images.pictures.find import MAX_PICTURE_PX, find_readings
from punkdata.images.pictures.necks import NECKS, Box

BACKGROUND = (99, 133, 150)


def make_sprite(neck: int, seed: int = 0) -> np.ndarray:
    """Return a sprite with the neck of a punk, and with a face of random colors: RGBA."""
    rng = np.random.default_rng(seed)
    sprite = np.zeros((24, 24, 4), np.uint8)
    sprite[6:20, 7:14] = [0, 0, 0, 255]
    sprite[6:20, 7:14, :3] = rng.integers(0, 256, (14, 7, 3))
    outline, skin = NECKS[neck]
    for places, color in ((outline, (0, 0, 0, 255)), (skin, (174, 139, 97, 255))):
        for place in places:
            sprite[place] = color
    return sprite


def enlarge(sprite: np.ndarray, scale: int) -> Image.Image:
    flat = Image.new("RGBA", (24, 24), BACKGROUND)
    flat.alpha_composite(Image.fromarray(sprite))
    return flat.convert("RGB").resize((24 * scale, 24 * scale), Image.Resampling.NEAREST)


def read(picture: Image.Image, kind: str = "PNG") -> list[Reading]:
    return [r for group in find_readings(encode_image(picture, kind)) for r in group]


def errors(readings: list[Reading], sprite: np.ndarray) -> list[float]:
    """Return the largest difference of each reading's colors from those of a sprite."""
    expected = np.asarray(enlarge(sprite, 1)).astype(float)
    return [float(np.abs(reading.colors - expected).max()) for reading in readings]


@pytest.mark.parametrize("neck", [0, 1])
@pytest.mark.parametrize("scale", [1, 3, 14])
def test_sprites_anywhere_in_a_picture_are_read(neck: int, scale: int) -> None:
    picture = Image.new("RGB", (60 * scale, 31 * scale), (250, 240, 0))
    sprites = [make_sprite(neck, seed) for seed in (0, 1)]
    places = [(2 * scale + 1, 3 * scale), (30 * scale + 2, 5 * scale + 1)]
    for sprite, place in zip(sprites, places, strict=True):
        picture.paste(enlarge(sprite, scale), place)
    readings = read(picture)
    for sprite, (left, top) in zip(sprites, places, strict=True):
        best = readings[int(np.argmin(errors(readings, sprite)))]
        assert min(errors(readings, sprite)) == 0
        assert best.box == Box(left, top, scale)
        assert best.sd == 0
        np.testing.assert_array_equal(best.background, BACKGROUND)


@pytest.mark.parametrize("resampling", ["BICUBIC", "LANCZOS", "BILINEAR"])
@pytest.mark.parametrize("side", [120, 250])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_smoothly_enlarged_sprites_are_read(
    resampling: str, side: int, is_transparent: bool
) -> None:
    sprite = make_sprite(1)
    small = Image.fromarray(sprite) if is_transparent else enlarge(sprite, 1)
    readings = read(small.resize((side, side), Image.Resampling[resampling]))
    is_opaque = sprite[..., 3:] > 0
    expected = np.asarray(enlarge(sprite, 1)).astype(float)
    differences = [np.abs(r.colors - expected)[is_opaque[..., 0]].max() for r in readings]
    assert min(differences) < 5


@pytest.mark.parametrize("sd", [4, 12])
def test_the_error_of_noisy_colors_is_known(sd: float) -> None:
    rng = np.random.default_rng(0)
    sprite = make_sprite(1)
    # Only colors in the middle of the range are not clipped.
    sprite[..., :3] = np.where(sprite[..., 3:] > 0, sprite[..., :3] // 2 + 60, 0)
    pixels = np.asarray(enlarge(sprite, 14)) + rng.normal(0, sd, (336, 336, 3))
    noisy = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
    whole = read(noisy)[0]
    assert errors([whole], sprite)[0] < 6 * whole.sd
    assert whole.sd < sd / 4


def test_a_jpeg_is_read_with_an_error() -> None:
    picture = Image.new("RGB", (400, 380), (250, 240, 0))
    picture.paste(enlarge(make_sprite(1), 14), (33, 21))
    readings = read(picture, "JPEG")
    best = int(np.argmin(errors(readings, make_sprite(1))))
    assert readings[best].box == Box(33, 21, 14)
    assert readings[best].sd > 0


def test_pictures_without_a_neck_have_few_readings() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8))
    assert len(read(noise)) < 5
    assert read(Image.new("RGB", (300, 200), "white")) == []


def test_other_files_are_not_searched() -> None:
    assert list(find_readings(b"<svg></svg>")) == []
    assert list(find_readings(encode_image(Image.new("RGB", (99, 99)), "GIF"))) == []
    with pytest.raises(ImageError):
        list(find_readings(b"\x89PNG\r\n\x1a\nnothing"))
    too_large = Image.new("1", (3_000, MAX_PICTURE_PX // 3_000 + 1))
    with pytest.raises(ImageError, match="too large"):
        list(find_readings(encode_image(too_large, "PNG")))

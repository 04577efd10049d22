"""Fuzz tests of the image readers; `make fuzz` runs them.

For any input, a reader must return a result or raise a PunkError.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.fuzzing import ByteEdit, byte_edits, check_reader, damage_bytes, fuzz_settings
from support.sprites import encode_image, make_punks, svg_uri

from punkdata.images.decode import decode_image
from punkdata.images.sprite import BACKGROUND_COLOR, encode_png


def encode_in_all_formats() -> dict[str, bytes]:
    """Return images of one sprite in every format that `decode_image` reads."""
    sprite = make_punks(3)[2].sprite
    large = Image.fromarray(sprite).resize((336, 336), Image.Resampling.NEAREST)
    canvas = Image.new("RGBA", large.size, BACKGROUND_COLOR)
    canvas.alpha_composite(large)
    options: dict[str, dict[str, Any]] = {
        "png-336": {},
        "webp": {"quality": 90},
        "webp-lossless": {"lossless": True},
        "jpeg": {"quality": 90},
        "jpeg-progressive": {"quality": 90, "progressive": True},
        "avif": {"quality": 90},
    }
    images = {"png": encode_png(sprite)}
    for name, kwargs in options.items():
        images[name] = encode_image(canvas.convert("RGB"), name.partition("-")[0], **kwargs)
    svg = svg_uri(sprite).partition(",")[2].encode()
    images["svg"] = svg
    images["svg-data-uri"] = b"data:image/svg+xml;utf8," + quote(svg).encode()
    images["png-data-uri"] = b"data:image/png;base64," + base64.b64encode(images["png"])
    return images


IMAGES = encode_in_all_formats()


@pytest.mark.parametrize("name", IMAGES)
def test_decode_image_handles_damaged_images(name: str) -> None:
    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        check_reader(lambda: decode_image(damage_bytes(IMAGES[name], edits)))

    fuzz()


@fuzz_settings
@given(st.binary(max_size=400))
def test_decode_image_handles_random_bytes(data: bytes) -> None:
    check_reader(lambda: decode_image(data))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_training_images_handle_damaged_arrays(suffix: str, tmp_path: Path) -> None:
    from punkmodels.gan.training_images import from_image_dir

    pixels = np.random.default_rng(0).integers(0, 99, (20, 8, 8), np.uint16)
    path = tmp_path / f"a.{suffix}"
    with path.open("wb") as file:
        (np.save if suffix == "npy" else np.savez_compressed)(file, pixels)
    data = path.read_bytes()

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        path.write_bytes(damage_bytes(data, edits))
        check_reader(lambda: from_image_dir(path))

    fuzz()

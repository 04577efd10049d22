from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sprites import encode_image

import punkmodels
from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE
from punkmodels.classifier.classifier import Classifier

BLUE_GRAY, BLACK = (99, 133, 150, 255), (0, 0, 0, 255)
PUNKS: dict[tuple[str, ...], int | None] = {
    ("Male", "Mohawk", "Smile"): 2,
    ("Female", "Blonde Bob", "Green Eye Shadow"): 4,
    ("Zombie", "3D Glasses"): None,
    ("Male", "Cap Forward", "Big Beard", "Cigarette"): 1,
}


@pytest.fixture(scope="module")
def bundled() -> Classifier:
    return punkmodels.load_classifier(device="cpu")


def draw(*traits: str, background: tuple[int, ...] = BLUE_GRAY, scale: int = 6) -> Image.Image:
    """Return a punk on a plain background, RGB."""
    punk = punkmodels.draw(*traits, skin_tone=PUNKS[traits], scale=1)
    flat = Image.new("RGBA", punk.size, background)
    flat.alpha_composite(punk)
    return flat.convert("RGB").resize((24 * scale, 24 * scale), Image.Resampling.NEAREST)


def paste(size: tuple[int, int], color: Any, parts: dict[tuple[int, int], Image.Image]) -> bytes:
    canvas = Image.new("RGB", size, color)
    for place, part in parts.items():
        canvas.paste(part, place)
    return encode_image(canvas, "PNG")


def check_verified(found: Any, traits: tuple[str, ...]) -> None:
    assert set(found.labels) == set(traits)
    assert found.verified


@pytest.mark.parametrize("traits", PUNKS)
@pytest.mark.parametrize("color", ["white", "#638596", "#000000"])
def test_a_punk_with_margins_is_found(
    bundled: Classifier, traits: tuple[str, ...], color: str
) -> None:
    picture = paste((200, 190), color, {(41, 13): draw(*traits)})
    found = bundled.predict(picture)
    check_verified(found, traits)
    assert found.box == (41, 13, 41 + 144, 13 + 144)


def test_punks_in_a_grid_are_found_row_by_row(bundled: Classifier) -> None:
    places = [(10, 20), (164, 20), (10, 180), (164, 180)]
    parts = {place: draw(*traits) for place, traits in zip(places, PUNKS, strict=True)}
    found = bundled.predict(paste((320, 340), "white", parts))
    assert [p.box[:2] for p in found] == places
    for prediction, traits in zip(found, PUNKS, strict=True):
        check_verified(prediction, traits)


def test_punks_without_gaps_at_their_original_size_are_found(bundled: Classifier) -> None:
    parts = {(24 * i, 0): draw(*traits, scale=1) for i, traits in enumerate(PUNKS)}
    found = bundled.predict([paste((96, 24), "white", parts)])
    assert [set(p.labels) for p in found] == list(map(set, PUNKS))
    assert [p.box for p in found] == [(24 * i, 0, 24 * i + 24, 24) for i in range(4)]


@pytest.mark.parametrize("color", [BLACK, (174, 139, 97, 255), (255, 255, 255, 255)])
def test_a_background_in_a_color_of_punks_is_removed(
    bundled: Classifier, color: tuple[int, ...]
) -> None:
    for traits in PUNKS:
        check_verified(bundled.predict(draw(*traits, background=color)), traits)


@pytest.mark.parametrize(
    ("gain", "offset"),
    [
        ((0.85, 0.85, 0.85), (0, 0, 0)),
        ((0.9, 0.9, 0.9), (25, 10, 0)),
        ((1.1, 1.1, 1.1), (-13,) * 3),
    ],
)
@pytest.mark.parametrize("is_transparent", [False, True])
def test_a_slight_change_of_colors_is_undone(
    bundled: Classifier, gain: tuple[float, ...], offset: tuple[float, ...], is_transparent: bool
) -> None:
    for traits, skin_tone in PUNKS.items():
        picture = draw(*traits)
        if is_transparent:
            picture = punkmodels.draw(*traits, skin_tone=skin_tone, scale=2)
        pixels = np.asarray(picture).astype(float)
        pixels[..., :3] = (pixels[..., :3] * gain + offset).round().clip(0, 255)
        check_verified(
            bundled.predict(encode_image(Image.fromarray(pixels.astype(np.uint8)), "PNG")), traits
        )


def test_noise_is_removed(bundled: Classifier) -> None:
    rng = np.random.default_rng(0)
    for traits in PUNKS:
        pixels = np.asarray(draw(*traits, scale=14)) + rng.normal(0, 8, (336, 336, 3))
        noisy = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
        check_verified(bundled.predict(noisy), traits)


def test_no_punk_is_found_where_none_is(bundled: Classifier) -> None:
    rng = np.random.default_rng(0)
    first, *_, last = PUNKS
    chimera = np.asarray(draw(*first)).copy()
    chimera[84:] = np.asarray(draw(*last))[84:]
    changed = np.asarray(draw(*first)).copy()
    changed[60:66, 60:66] = PALETTE[150, :3]
    mirrored = np.asarray(draw(*first))[:, ::-1]
    noise = rng.integers(0, 256, (144, 144, 3), dtype=np.uint8)
    for pixels in (chimera, changed, mirrored, noise):
        picture = paste((200, 190), "white", {(41, 13): Image.fromarray(pixels)})
        with pytest.raises(ImageError, match="is 200x190 pixels, not a square"):
            bundled.predict(picture)


def test_a_black_background_that_hides_accessories_is_refused(bundled: Classifier) -> None:
    """On black, a black mohawk cannot be seen, so that other punks look the same."""
    punk = punkmodels.draw("Male", "Mohawk Dark", skin_tone=2, scale=6)
    flat = Image.new("RGBA", punk.size, BLACK)
    flat.alpha_composite(punk)
    try:
        found = bundled.predict(flat.convert("RGB"))
    except ImageError:
        return
    check_verified(found, ("Male", "Mohawk Dark"))


def test_pictures_that_cannot_be_searched_are_refused_as_before(bundled: Classifier) -> None:
    file = io.BytesIO()
    Image.new("RGB", (5000, 2000)).save(file, "PNG")
    for data in (file.getvalue(), b"GIF89a", b"<svg></svg>"):
        with pytest.raises(ImageError):
            bundled.predict(data)

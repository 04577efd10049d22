from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from punkdata.images.palette import PALETTE
from punkmodels.bench.corruptions import CORRUPTIONS, SEVERITIES, corrupt, flatten
from punkmodels.bench.inputs import to_palette


@pytest.fixture(scope="module")
def indices() -> np.ndarray:
    """Palette indices of 60 sprites of random blocks on a transparent background."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(1, len(PALETTE), (60, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    return np.pad(blocks, ((0, 0), (4, 4), (4, 4))).astype(np.uint8)


@pytest.fixture(scope="module")
def sprites(indices: np.ndarray) -> np.ndarray:
    return PALETTE[indices]


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_each_severity_changes_more_and_depends_on_the_seed_alone(
    kind: str, sprites: np.ndarray
) -> None:
    original = flatten(sprites).astype(int)
    differences = []
    for severity in SEVERITIES:
        pictures = corrupt(sprites, kind, severity, seed=0)
        assert pictures.shape == (60, 24, 24, 3)
        assert pictures.dtype == np.uint8
        assert np.array_equal(pictures, corrupt(sprites, kind, severity, seed=0))
        differences.append(np.abs(pictures - original).mean())
    assert differences[0] > 0
    if kind not in ("background", "shift"):  # Others need not differ more.
        assert differences == sorted(differences)


@pytest.mark.parametrize("kind", ["noise", "shift", "background"])
def test_another_seed_makes_other_pictures(kind: str, sprites: np.ndarray) -> None:
    assert not np.array_equal(corrupt(sprites, kind, 3, seed=0), corrupt(sprites, kind, 3, seed=1))


def test_pictures_without_a_codec_are_fixed(sprites: np.ndarray) -> None:
    digest = hashlib.sha256()
    for kind in ("blur", "noise", "shift", "background"):
        for severity in SEVERITIES:
            digest.update(corrupt(sprites, kind, severity, seed=0).tobytes())
    assert digest.hexdigest() == "1092cc4c0e944bd73f2ae1200b694ea1fec90d3aa99545188dc852f4ca1faf09"


def test_a_shift_moves_a_sprite_as_far_as_its_severity(sprites: np.ndarray) -> None:
    background = flatten(np.zeros((1, 1, 1, 4), np.uint8))[0, 0, 0]
    for severity in SEVERITIES:
        shifted = corrupt(sprites, "shift", severity, seed=0)
        for before, after in zip(flatten(sprites), shifted, strict=True):
            old, new = (np.argwhere((p != background).any(axis=2)) for p in (before, after))
            moved = [
                np.abs(new.min(axis=0) - old.min(axis=0)),
                np.abs(new.max(axis=0) - old.max(axis=0)),
            ]
            assert np.max(moved) == severity


def test_another_background_changes_only_transparent_pixels(
    indices: np.ndarray, sprites: np.ndarray
) -> None:
    for severity in SEVERITIES:
        pictures = corrupt(sprites, "background", severity, seed=0)
        is_opaque = sprites[..., 3] == 255
        assert np.array_equal(pictures[is_opaque], sprites[is_opaque][:, :3])
        assert (pictures[indices == 0] != flatten(sprites)[indices == 0]).any(axis=1).mean() > 0.9


def test_partly_transparent_pixels_are_mixed_as_pillow_does() -> None:
    sprite = np.zeros((1, 24, 24, 4), np.uint8)
    sprite[0, :, :, 3] = np.arange(24) * 11
    sprite[0, :, :, 0] = 200
    mixed = Image.new("RGBA", (24, 24), (99, 133, 150, 255))
    mixed.alpha_composite(Image.fromarray(sprite[0]))
    assert np.abs(flatten(sprite)[0].astype(int) - np.asarray(mixed)[..., :3]).max() <= 1


def test_clean_pictures_are_read_as_their_palette_colors(indices: np.ndarray) -> None:
    colors = flatten(PALETTE[indices])
    found = to_palette(colors)
    assert torch.equal(torch.from_numpy(flatten(PALETTE[found.numpy()])), torch.from_numpy(colors))
    assert (found.numpy()[indices == 0] == 0).all()

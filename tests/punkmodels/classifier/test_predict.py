from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.classifiers import save_exact_classifier
from support.sprites import FakePunk, png_bytes

from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS
from punkmodels.classifier.predict import Prediction, find_images, predict_images

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_exact_classifier(built_root, tmp_path_factory.mktemp("weights") / "exact")


@pytest.mark.parametrize("scale", [1, 14])
@pytest.mark.parametrize("background", [None, "#638596"])
def test_predictions_do_not_depend_on_size_and_background(
    weights: Path, punks: list[FakePunk], tmp_path: Path, scale: int, background: str | None
) -> None:
    paths = []
    for punk in punks[:8]:
        path = tmp_path / f"{punk.punk_id}.png"
        path.write_bytes(png_bytes(punk.sprite, scale, background, "RGB" if background else "RGBA"))
        paths.append(path)
    for punk, found in zip(punks, predict_images(weights, paths, CPU), strict=False):
        assert isinstance(found, Prediction)
        assert (found.type, sorted(found.accessories)) == (punk.type, punk.accessories)
        assert found.unknown_pixels == 0
        assert set(found.scores) == set(LABELS)
        assert all(0 <= p <= 1 for p in found.scores.values())
        assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)


def test_a_damaged_image_does_not_stop_the_others(
    weights: Path, punks: list[FakePunk], tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(png_bytes(punks[0].sprite))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\xff\xd8\xff")
    found = list(predict_images(weights, [good, bad, tmp_path / "none.png", good], CPU))
    assert [type(f) for f in found] == [Prediction, ImageError, ImageError, Prediction]
    assert "bad.png" in str(found[1])
    assert "none.png cannot be read" in str(found[2])


def test_a_sprite_with_unknown_pixels_is_not_a_punk(weights: Path, tmp_path: Path) -> None:
    sprite = PALETTE[np.random.default_rng(0).integers(1, 222, (24, 24))]
    sprite[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(sprite))
    (found,) = predict_images(weights, [path], CPU)
    assert isinstance(found, ImageError)
    assert "noise.png is not a punk: " in str(found)
    assert "of its 576 pixels have a color that no punk" in str(found)


def test_find_images_expands_folders(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    single = tmp_path / "notes.txt"
    assert find_images([single, tmp_path]) == [single, tmp_path / "a.jpg", tmp_path / "b.PNG"]

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
from punkmodels.classifier.evaluate import find_images, predict_image
from punkmodels.classifier.networks import Classifier
from punkmodels.classifier.pretrained import load_classifier


@pytest.fixture(scope="module")
def model(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("weights") / "exact"
    return load_classifier(save_exact_classifier(built_root, folder), torch.device("cpu"))


@pytest.mark.parametrize("scale", [1, 14])
@pytest.mark.parametrize("background", [None, "#638596"])
def test_predictions_do_not_depend_on_size_and_background(
    model: Classifier, punks: list[FakePunk], tmp_path: Path, scale: int, background: str | None
) -> None:
    path = tmp_path / "punk.png"
    for punk in punks[:8]:
        path.write_bytes(png_bytes(punk.sprite, scale, background, "RGB" if background else "RGBA"))
        found = predict_image(model, path)
        assert (found.type, sorted(found.accessories)) == (punk.type, punk.accessories)
        assert found.unknown_pixels == 0
        assert set(found.scores) == set(LABELS)
        assert all(0 <= p <= 1 for p in found.scores.values())
        assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)


def test_error_for_an_unreadable_file_names_it(model: Classifier, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match=r"bad\.png"):
        predict_image(model, bad)
    with pytest.raises(ImageError, match=r"none\.png cannot be read"):
        predict_image(model, tmp_path / "none.png")


def test_a_sprite_with_unknown_pixels_is_not_a_punk(model: Classifier, tmp_path: Path) -> None:
    sprite = PALETTE[np.random.default_rng(0).integers(1, 222, (24, 24))]
    sprite[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(sprite))
    with pytest.raises(ImageError, match=r"noise\.png is not a punk: \d+ of its 576 pixels have a"):
        predict_image(model, path)


def test_find_images_expands_folders(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    single = tmp_path / "notes.txt"
    assert find_images([single, tmp_path]) == [single, tmp_path / "a.jpg", tmp_path / "b.PNG"]

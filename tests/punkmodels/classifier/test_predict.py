from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.sprites import DrawnPunk, png_bytes

from punkdata.errors import ImageError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS
from punkmodels.classifier.config import make_config
from punkmodels.classifier.predict import Prediction, find_images, predict_images
from punkmodels.classifier.train import train_classifier

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_config(
        epochs=60,
        batch_size=16,
        color_embedding_dim=8,
        width=16,
        hidden=64,
        pixel_noise=0.0,
        ema_half_life_epochs=0.1,
    )
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), config)


@pytest.mark.parametrize("scale", [1, 14])
@pytest.mark.parametrize("background", [None, "#638596"])
def test_a_picture_is_told_in_words_whatever_its_size_and_background(
    run: Path, punks: list[DrawnPunk], tmp_path: Path, scale: int, background: str | None
) -> None:
    shown = punks[:8]
    paths = []
    for punk in shown:
        path = tmp_path / f"{punk.punk_id}.png"
        path.write_bytes(png_bytes(punk.sprite, scale, background, "RGB" if background else "RGBA"))
        paths.append(path)
    right = 0
    for punk, found in zip(shown, predict_images(run, paths, CPU), strict=True):
        assert isinstance(found, Prediction)
        assert set(found.scores) == set(LABELS)
        assert all(0 <= p <= 1 for p in found.scores.values())
        assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
        right += found.type == punk.type and list(found.accessories) == punk.accessories
    assert right >= 6


def test_a_bad_picture_between_good_ones_is_named_and_stops_nothing(
    run: Path, punks: list[DrawnPunk], tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(png_bytes(punks[0].sprite))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\xff\xd8\xff")
    found = list(predict_images(run, [good, bad, tmp_path / "none.png", good], CPU))
    assert [type(f) for f in found] == [Prediction, ImageError, ImageError, Prediction]
    assert "bad.png is a damaged JPEG" in str(found[1])
    assert "none.png cannot be read" in str(found[2])


def test_other_sprites_are_no_punks(run: Path, tmp_path: Path) -> None:
    sprite = PALETTE[np.random.default_rng(0).integers(1, 222, (24, 24))]
    sprite[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(sprite))
    (found,) = predict_images(run, [path], CPU)
    assert isinstance(found, ImageError)
    assert "noise.png is not a punk: no punk is so colored in" in str(found)


def test_a_folder_stands_for_its_pictures(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    single = tmp_path / "notes.txt"
    assert find_images([single, tmp_path]) == [single, tmp_path / "a.jpg", tmp_path / "b.PNG"]

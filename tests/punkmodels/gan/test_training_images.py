from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from support.gan import CPU

from punkdata.errors import UsageError
from punkmodels.data.splits import load_split
from punkmodels.gan.metrics import frechet_distance
from punkmodels.gan.training_images import from_image_dir, from_split, to_pixels, to_signed


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 1,797 digits of scikit-learn, 8x8 pixels with values of 0 to 16."""
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, images=load_digits().images, target=load_digits().target)
    return file


def random_images(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size), np.uint8)


def test_digits_are_scaled_to_8_bits(digits: Path) -> None:
    train = from_image_dir(digits)
    assert (train.images.shape, train.images.dtype) == ((1797, 1, 8, 8), torch.uint8)
    expected = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    assert (train.images[:, 0].numpy() == expected).all()


def test_description_and_config_name_the_source(digits: Path) -> None:
    train = from_image_dir(digits)
    scaling = "scaled so that 16 is white"
    assert train.description == f"1,797 gray images of 8x8 in {digits}, {scaling}"
    assert train.data_config["image_dir"] == str(digits.resolve())


def test_generated_images_convert_to_pixels_and_back(digits: Path) -> None:
    train = from_image_dir(digits)
    images = train.images[:50]
    assert torch.equal(to_pixels(to_signed(images)), images)
    assert torch.equal(train.to_images(to_signed(images)), images)
    clipped = to_pixels(torch.tensor([-1.5, -1.0, 1.0, 1.5]))
    assert clipped.tolist() == [0, 0, 255, 255]


def test_features_separate_different_digits(digits: Path) -> None:
    train = from_image_dir(digits)
    target = torch.from_numpy(load_digits().target)
    zeros, ones = (train.embed(train.images[target == n], CPU) for n in (0, 1))
    half = len(zeros) // 2
    assert frechet_distance(zeros, ones) > 5 * frechet_distance(zeros[:half], zeros[half:])


def test_punks_come_from_a_split(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "train")
    train = from_split(split)
    assert torch.equal(train.images, split.images)
    assert train.data_config == {
        "version": split.version,
        "labels_hash": split.labels_hash,
        "punks": len(split),
    }


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (random_images(25, 16)[:, :8], "16x8 pixels; squares"),
        (random_images(25, 4), "4x4 pixels"),
        (random_images(25, 80), "80x80 pixels"),
        (random_images(5, 16), r"too few images \(5\); at least 20"),
    ],
    ids=["not square", "small", "large", "few"],
)
def test_unsupported_images_are_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UsageError, match=message):
        from_image_dir(tmp_path / "a.npy")

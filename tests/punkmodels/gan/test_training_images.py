from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from punkdata.errors import DataError, UsageError
from punkmodels.data.splits import load_split
from punkmodels.gan.metrics.distances import frechet_distance
from punkmodels.gan.training_images import TrainingImages, pictures, punks, to_pixels, to_signed

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits that come with scikit-learn: 1,797 pictures of 8x8, values from 0 to 16."""
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, images=load_digits().images, target=load_digits().target)
    return file


def drawn(n: int, side: int, channels: int, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def write_folder(folder: Path, pixels: np.ndarray, suffix: str = "png") -> Path:
    folder.mkdir()
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(folder / f"{i:03d}.{suffix}")
    return folder


def test_digits_are_read_and_scaled(digits: Path) -> None:
    found = pictures(digits)
    assert (found.images.shape, found.images.dtype) == ((1797, 1, 8, 8), torch.uint8)
    assert (int(found.images.min()), int(found.images.max())) == (0, 255)
    want = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    assert (found.images[:, 0].numpy() == want).all()
    assert found.name == f"1,797 gray pictures of 8x8 in {digits}, in which 16 is white"
    assert found.about["pictures"] == str(digits)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_folder_and_an_array_of_the_same_pictures_are_the_same(
    channels: int, tmp_path: Path
) -> None:
    pixels = drawn(25, 16, channels)
    folder = write_folder(tmp_path / "png", pixels)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "b.npz", pixels)
    of_folder, *of_arrays = (
        pictures(path) for path in (folder, tmp_path / "a.npy", tmp_path / "b.npz")
    )
    assert of_folder.images.shape == (25, channels, 16, 16)
    for other in of_arrays:
        assert torch.equal(of_folder.images, other.images)
        assert other.about["labels_hash"] == of_folder.about["labels_hash"]


@pytest.mark.parametrize(
    ("dtype", "white", "is_told"),
    [
        (np.float32, 1, False),
        (np.uint16, 65_535, False),
        (np.int64, 255, False),
        (np.int64, 100, True),
        (bool, 1, False),
    ],
)
def test_arrays_of_other_numbers_keep_their_brightness(
    dtype: type, white: int, is_told: bool, tmp_path: Path
) -> None:
    share = np.random.default_rng(0).random((20, 8, 8))
    share[0, 0, 0] = 1
    np.save(tmp_path / "a.npy", (share * white).astype(dtype))
    found = pictures(tmp_path / "a.npy")
    want = (share * white).astype(dtype) / white * 255
    assert np.abs(found.images[:, 0].numpy() - want).max() <= 0.51
    assert found.name.endswith(f", in which {white} is white") == is_told


def test_dim_shares_stay_dim(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((20, 8, 8), 0.25))
    assert (pictures(tmp_path / "a.npy").images == 64).all()


def test_gray_of_16_bits_is_not_clipped(tmp_path: Path) -> None:
    pixels = drawn(20, 16, 1)
    folder = write_folder(tmp_path / "deep", pixels.astype(np.uint16) * 257)
    with Image.open(folder / "000.png") as first:
        assert first.mode.startswith("I")
    assert (pictures(folder).images[:, 0].numpy() == pixels).all()


def test_channels_may_come_first_and_mixed_pictures_become_the_richest(tmp_path: Path) -> None:
    pixels = drawn(20, 12, 3)
    np.save(tmp_path / "a.npy", pixels.transpose(0, 3, 1, 2))
    assert torch.equal(
        pictures(tmp_path / "a.npy").images, torch.from_numpy(pixels).permute(0, 3, 1, 2)
    )
    folder = write_folder(tmp_path / "mixed", drawn(20, 12, 1))
    Image.fromarray(pixels[0]).save(folder / "color.png")
    assert pictures(folder).images.shape == (21, 3, 12, 12)


def test_drawings_become_pixels_and_back(digits: Path) -> None:
    images = pictures(digits).images[:50]
    assert torch.equal(to_pixels(to_signed(images)), images)
    assert torch.equal(pictures(digits).show(to_signed(images)), images)
    beyond = to_pixels(torch.tensor([-1.5, -1.0, 1.0, 1.5]))
    assert beyond.tolist() == [0, 0, 255, 255]


def test_features_tell_other_digits_apart(digits: Path) -> None:
    subject = pictures(digits)
    target = torch.from_numpy(load_digits().target)
    of = {n: subject.embed(subject.images[target == n], CPU) for n in (0, 1)}
    half = len(of[0]) // 2
    same = frechet_distance(of[0][:half], of[0][half:])
    assert frechet_distance(of[0], of[1]) > 5 * same


def test_punks_are_what_they_were(built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "train")
    subject: TrainingImages = punks(part)
    assert torch.equal(subject.images, part.images)
    assert subject.about == {
        "version": part.version,
        "labels_hash": part.labels_hash,
        "punks": len(part),
    }


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (drawn(25, 16, 1)[:, :8], "16x8 pixels, not a square"),
        (drawn(25, 4, 1), "4x4 pixels"),
        (drawn(25, 80, 1), "80x80 pixels"),
        (drawn(5, 16, 1), r"too few pictures \(5\); 20 is the least"),
        (np.full((25, 16, 16), -1.0), "below 0"),
        (np.full((25, 16, 16), np.nan), "NaN or infinite"),
        (np.zeros((25, 16)), r"not pictures \(N, side, side\)"),
        (np.zeros((25, 16, 16, 7), np.uint8), "neither gray, RGB nor RGBA"),
        (np.array(["a"] * 25), "not pictures"),
    ],
)
def test_an_array_that_holds_no_such_pictures_is_told(
    array: np.ndarray, told: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UsageError, match=told):
        pictures(tmp_path / "a.npy")


def test_a_folder_that_holds_no_such_pictures_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no pictures; name a folder"):
        pictures(tmp_path / "empty")
    with pytest.raises(UsageError, match="is not there"):
        pictures(tmp_path / "nowhere")
    folder = write_folder(tmp_path / "sizes", drawn(20, 16, 1))
    Image.new("L", (16, 17)).save(folder / "x.png")
    with pytest.raises(UsageError, match=r"x\.png has 16x17 pixels, 000\.png 16x16"):
        pictures(folder)
    (folder / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"x\.png is no whole picture"):
        pictures(folder)
    large = tmp_path / "large"
    large.mkdir()
    Image.new("L", (500, 500)).save(large / "a.png")
    with pytest.raises(UsageError, match="more than 64; make them smaller"):
        pictures(large)


def test_archives_that_are_none_or_hold_several_arrays_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="no array that numpy reads"):
        pictures(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", one=drawn(20, 8, 1), two=drawn(20, 8, 1))
    with pytest.raises(UsageError, match='holds one, two; which are the pictures.*as "images"'):
        pictures(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="no array that numpy reads"):
        pictures(tmp_path / "c.npy")
    (tmp_path / "d.npy").write_text("hello")
    with pytest.raises(DataError, match="magic string") as error:
        pictures(tmp_path / "d.npy")
    assert "pickle" not in str(error.value)


@pytest.mark.parametrize("shape", [(10**10, 16, 16, 3), (10**30, 16, 16)])
def test_what_claims_to_be_huge_is_refused_unread(shape: tuple[int, ...], tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    file = io.BytesIO()
    np.lib.format.write_array_header_2_0(file, header)
    (tmp_path / "a.npy").write_bytes(file.getvalue())
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", file.getvalue())
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match="no array that numpy reads"):
            pictures(tmp_path / name)


def test_a_sparse_array_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.lib.format.open_memmap(file, "w+", np.uint8, (10**9, 16, 16)).flush()
    assert file.stat().st_size > 10**11
    with pytest.raises(UsageError, match="more than 2,000,000,000 bytes"):
        pictures(file)


def test_a_damaged_or_locked_archive_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, images=drawn(30, 16, 1))
    data = file.read_bytes()
    file.write_bytes(data[:3000] + bytes(99) + data[3099:])
    with pytest.raises(DataError, match="no array that numpy reads"):
        pictures(file)
    at = data.index(b"PK\x01\x02") + 8
    file.write_bytes(data[:6] + b"\x01" + data[7:at] + b"\x01" + data[at + 1 :])
    with pytest.raises(DataError, match="encrypted"):
        pictures(file)

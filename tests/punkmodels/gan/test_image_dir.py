from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkmodels.gan.image_dir import read_images

MAX_SIZE_PX = 64


def random_images(n: int, size: int, channels: int) -> np.ndarray:
    shape = (n, size, size) if channels == 1 else (n, size, size, channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_folder(folder: Path, pixels: np.ndarray) -> Path:
    folder.mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i:03d}.png")
    return folder


def read(path: Path) -> np.ndarray:
    return read_images(path, MAX_SIZE_PX)[0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_folder_and_arrays_give_the_same_images(channels: int, tmp_path: Path) -> None:
    pixels = random_images(25, 16, channels)
    folder = write_folder(tmp_path / "png", pixels)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "b.npz", pixels)
    images = read(folder)
    assert images.shape == (25, channels, 16, 16)
    for name in ("a.npy", "b.npz"):
        assert np.array_equal(read(tmp_path / name), images)


@pytest.mark.parametrize(
    ("dtype", "white"),
    [(np.float32, 1), (np.uint16, 65_535), (np.int64, 255), (np.int64, 100), (bool, 1)],
)
def test_arrays_of_other_types_are_scaled_to_8_bits(
    dtype: type, white: int, tmp_path: Path
) -> None:
    fractions = np.random.default_rng(0).random((20, 8, 8))
    fractions[0, 0, 0] = 1
    values = (fractions * white).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    images, found_white = read_images(tmp_path / "a.npy", MAX_SIZE_PX)
    assert found_white == white
    assert np.abs(images[:, 0] - values / white * 255).max() <= 0.51


def test_dark_fractions_are_not_brightened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((20, 8, 8), 0.25))
    # 0.25 could be any fraction of white, so it is not scaled to 255.
    assert (read(tmp_path / "a.npy") == 64).all()


def test_gray_of_16_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
    pixels = random_images(20, 16, 1)
    folder = write_folder(tmp_path / "deep", pixels.astype(np.uint16) * 257)
    with Image.open(folder / "000.png") as first:
        assert first.mode.startswith("I")
    assert (read(folder)[:, 0] == pixels).all()


def test_arrays_with_channels_first_are_read(tmp_path: Path) -> None:
    pixels = random_images(20, 12, 3).transpose(0, 3, 1, 2)
    np.save(tmp_path / "a.npy", pixels)
    assert np.array_equal(read(tmp_path / "a.npy"), pixels)


def test_gray_and_color_files_become_color(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mixed", random_images(20, 12, 1))
    Image.fromarray(random_images(1, 12, 3)[0]).save(folder / "color.png")
    assert read(folder).shape == (21, 3, 12, 12)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((25, 16, 16), -1.0), "negative values"),
        (np.full((25, 16, 16), np.nan), "NaN or infinite"),
        (np.zeros((25, 16)), r"images \(N, size, size\)"),
        (np.zeros((25, 16, 16, 7), np.uint8), "neither gray, RGB nor RGBA"),
        (np.array(["a"] * 25), r"images \(N, size, size\)"),
    ],
    ids=["negative", "nan", "two dimensions", "seven channels", "text"],
)
def test_arrays_without_images_are_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "a.npy")


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains no images; pass a folder"):
        read(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        read(tmp_path / "missing")


def test_file_of_another_size_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "sizes", random_images(20, 16, 1))
    Image.new("L", (16, 17)).save(folder / "x.png")
    with pytest.raises(UsageError, match=r"x\.png has 16x17 pixels, but 000\.png has 16x16"):
        read(folder)


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"x\.png is not a complete image"):
        read(tmp_path)


def test_too_large_file_is_named(tmp_path: Path) -> None:
    Image.new("L", (500, 500)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="at most 64x64 are supported; resize"):
        read(tmp_path)


def test_npz_with_several_unknown_names_is_refused(tmp_path: Path) -> None:
    images = random_images(20, 8, 1)
    np.savez(tmp_path / "b.npz", one=images, two=images)
    with pytest.raises(UsageError, match='contains one, two, .* save the images as "images"'):
        read(tmp_path / "b.npz")


def test_files_that_are_not_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    (tmp_path / "b.npy").write_text("not an array")
    for name in ("a.npz", "b.npy"):
        with pytest.raises(DataError, match="not an array that numpy can read"):
            read(tmp_path / name)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="not an array that numpy can read"):
        read(tmp_path / "c.npy")


@pytest.mark.parametrize("shape", [(10**10, 16, 16, 3), (10**30, 16, 16)])
def test_header_of_a_huge_array_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    file = io.BytesIO()
    np.lib.format.write_array_header_2_0(file, header)
    (tmp_path / "a.npy").write_bytes(file.getvalue())
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", file.getvalue())
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match="not an array that numpy can read"):
            read(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files")
def test_large_sparse_array_is_refused(tmp_path: Path) -> None:
    # 4 GB: more than the limit, but no more than common file systems allow.
    file = tmp_path / "a.npy"
    np.lib.format.open_memmap(file, "w+", np.uint8, (2**24, 16, 16)).flush()
    with pytest.raises(UsageError, match="more than 2,000,000,000 bytes"):
        read(file)


def test_damaged_and_encrypted_archives_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, images=random_images(30, 16, 1))
    data = file.read_bytes()
    file.write_bytes(data[:3000] + bytes(99) + data[3099:])
    with pytest.raises(DataError, match="not an array that numpy can read"):
        read(file)
    flags = data.index(b"PK\x01\x02") + 8
    file.write_bytes(data[:6] + b"\x01" + data[7:flags] + b"\x01" + data[flags + 1 :])
    with pytest.raises(DataError, match="encrypted"):
        read(file)

from __future__ import annotations

import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from support.gan import CPU

from punkdata.errors import DataError, UsageError
from punkdata.images.sprite import PNG_SIGNATURE, pack_chunk
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.metrics import frechet_distance
from punkmodels.gan.training_images import from_image_dir, from_split, to_signed, to_uint8


def random_images(n: int, size: int, channels: int = 1) -> np.ndarray:
    shape = (n, size, size) if channels == 1 else (n, size, size, channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_folder(folder: Path, pixels: np.ndarray) -> Path:
    folder.mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i:03d}.png")
    return folder


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_folder_and_arrays_give_the_same_images(channels: int, tmp_path: Path) -> None:
    pixels = random_images(25, 16, channels)
    folder = write_folder(tmp_path / "png", pixels)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "b.npz", pixels)
    np.savez(tmp_path / "c.npz", images=pixels, target=np.zeros(25))
    images = from_image_dir(folder).images
    assert (images.shape, images.dtype) == ((25, channels, 16, 16), torch.uint8)
    for name in ("a.npy", "b.npz", "c.npz"):
        assert torch.equal(from_image_dir(tmp_path / name).images, images)


def test_fractions_are_scaled_to_8_bits(tmp_path: Path) -> None:
    file = tmp_path / "digits.npy"
    np.save(file, load_digits().images / 16)
    train = from_image_dir(file)
    expected = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    assert (train.images[:, 0].numpy() == expected).all()
    assert train.description == f"1,797 gray images of 8x8 in {file}"
    assert train.data_config["image_shape"] == [1, 8, 8]


def test_an_array_is_chosen_by_its_name(tmp_path: Path) -> None:
    train, val = random_images(25, 16), random_images(30, 16)
    file = tmp_path / "pathmnist.npz"
    labels = np.zeros((25, 1), np.uint8)
    np.savez(file, train_images=train, val_images=val, test_images=val, train_labels=labels)
    found = from_image_dir(file)
    assert (found.images[:, 0].numpy() == train).all()
    assert found.description == f"25 gray images of 16x16 in {file}, array train_images"
    assert (from_image_dir(file, "val_images").images[:, 0].numpy() == val).all()


def test_booleans_are_black_and_white(tmp_path: Path) -> None:
    pixels = random_images(25, 16) > 127
    np.save(tmp_path / "a.npy", pixels)
    assert (from_image_dir(tmp_path / "a.npy").images[:, 0].numpy() == pixels * 255).all()


@pytest.mark.parametrize(
    "suffix", [".png", ".PNG", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".webp", ".pgm"]
)
def test_every_common_format_is_read(suffix: str, tmp_path: Path) -> None:
    pixels = random_images(1, 16)[0]
    options = {"lossless": True} if suffix == ".webp" else {}
    for i in range(20):
        Image.fromarray(pixels).save(tmp_path / f"{i}{suffix}", **options)
    images = from_image_dir(tmp_path).images
    assert len(images) == 20
    if suffix != ".avif":  # Which is lossy.
        assert (images[0, 0].numpy() == pixels).all()


def test_hidden_and_other_files_are_skipped_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "png", random_images(25, 16))
    expected = from_image_dir(folder)
    assert capsys.readouterr().err == ""
    for copies in (".ipynb_checkpoints", "__MACOSX"):
        write_folder(folder / copies, random_images(3, 16))
    for name in ("._000.png", ".DS_Store", "Thumbs.db", "a.svg", "b.heic", "c.heic", "noname"):
        (folder / name).write_bytes(b"x")
    (folder / "labels.csv").write_text("file,label")
    found = from_image_dir(folder)
    assert capsys.readouterr().err == (
        f"skipped in '{folder}': 5 hidden files or folders, 1 .svg file, 2 .heic files, "
        "1 file without an extension\n"
    )
    assert torch.equal(found.images, expected.images)
    assert found.data_config == expected.data_config


def test_gray_and_color_files_become_color(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mixed", random_images(20, 12))
    Image.fromarray(random_images(1, 12, 3)[0]).save(folder / "color.png")
    assert from_image_dir(folder).images.shape == (21, 3, 12, 12)


def test_generated_images_convert_to_the_format_of_training_images() -> None:
    pixels = torch.from_numpy(random_images(5, 8))[:, None]
    assert torch.equal(to_uint8(to_signed(pixels), is_punks=False), pixels)
    clipped = to_uint8(torch.tensor([-1.5, -1.0, 1.0, 1.5]), is_punks=False)
    assert clipped.tolist() == [0, 0, 255, 255]
    sprites = torch.randint(0, 222, (2, 24, 24), dtype=torch.uint8)
    assert torch.equal(to_uint8(to_rgba(sprites, color_table()), is_punks=True), sprites)
    assert torch.equal(to_uint8(sprites, is_punks=True), sprites)


def test_features_separate_different_digits(tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", load_digits().images / 16)
    train = from_image_dir(tmp_path / "digits.npy")
    target = torch.from_numpy(load_digits().target)
    zeros, ones = (train.embed(train.images[target == n], CPU) for n in (0, 1))
    half = len(zeros) // 2
    assert frechet_distance(zeros, ones) > 5 * frechet_distance(zeros[:half], zeros[half:])


def test_punks_come_from_a_split(built_root: Path) -> None:
    split = load_split(built_root, "latest", "default", "train")
    train = from_split(split)
    assert torch.equal(train.images, split.images)
    assert torch.equal(train.types, split.labels[:, :5])
    assert train.data_config["labels_hash"] == split.labels_hash


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (random_images(25, 16)[:, :8], "16x8 pixels .* squares of 8 to 64"),
        (random_images(25, 4), "4x4 pixels"),
        (random_images(25, 80), "80x80 pixels"),
        (random_images(25, 16, 7), "7 channels"),
        (random_images(5, 16), r"too few images \(5\); at least 20"),
        (np.full((25, 16, 16), -1.0), "from 0 to 1"),
        (np.full((25, 16, 16), np.nan), "from 0 to 1"),
        (np.full((25, 16, 16), 16.0), "from 0 to 1"),
        (np.zeros((25, 16, 16), np.uint16), "of type uint16"),
        (np.zeros((25, 16)), r"of type float64 and shape \(25, 16\)"),
        (np.array(["a"] * 25), "of type <U1"),
        (
            random_images(25, 16) % 2,
            "contain only the bytes 0 and 1, which look black as colors; multiply",
        ),
        (random_images(25, 16, 4) % 2 * np.uint8([1, 1, 1, 255]), "only the bytes 0 and 1"),
    ],
    ids=[
        "flat",
        "small",
        "large",
        "channels",
        "few",
        "-1",
        "nan",
        "16",
        "uint16",
        "2d",
        "text",
        "bits",
        "bits with transparency",
    ],
)
def test_arrays_without_usable_images_are_refused(
    array: np.ndarray, message: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UsageError, match=message):
        from_image_dir(tmp_path / "a.npy")


def test_missing_empty_and_mixed_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains no images; image_dir= must be a folder"):
        from_image_dir(tmp_path)
    with pytest.raises(UsageError, match="there is no file or folder '.*missing'"):
        from_image_dir(tmp_path / "missing")
    folder = write_folder(tmp_path / "sizes", random_images(20, 16))
    Image.new("L", (16, 17)).save(folder / "x.png")
    with pytest.raises(UsageError, match="differ in size"):
        from_image_dir(folder)


def test_unsupported_and_damaged_files_are_named(tmp_path: Path) -> None:
    for size, pixels, reason in (
        (500, np.uint8, r"500x500 pixels; at most 64x64"),
        (16, np.uint16, r"pixels of type I;16, not of 8 bits per channel"),
    ):
        Image.fromarray(np.zeros((size, size), pixels)).save(tmp_path / "a.png")
        with pytest.raises(UsageError, match=rf"a\.png' has {reason}"):
            from_image_dir(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"a\.png' cannot be read: it is damaged or not an"):
        from_image_dir(tmp_path)


def test_transparent_color_of_16_bits_is_kept(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (16, 16, 1)).repeat(3, axis=2) * 0x1234
    rows = np.concatenate([np.zeros((16, 1)), pixels.reshape(16, -1)], axis=1).astype(">u2")
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0),
        b"tRNS": struct.pack(">HHH", *[0x1234] * 3),
        b"IDAT": zlib.compress(b"".join(row.tobytes()[1:] for row in rows)),
        b"IEND": b"",
    }
    png = PNG_SIGNATURE + b"".join(pack_chunk(*chunk) for chunk in chunks.items())
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(png)
    images = from_image_dir(tmp_path).images
    assert images.shape == (20, 4, 16, 16)
    expected = np.where(pixels[..., 0] == 0, 255, 0)
    assert (images[0, 3].numpy() == expected).all()


def test_files_that_are_not_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    (tmp_path / "b.npy").write_text("not an array")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "d.npz", one=random_images(20, 8), two=random_images(20, 8))
    for name in ("a.npz", "b.npy", "c.npy"):
        with pytest.raises(DataError, match="not an array that numpy can read"):
            from_image_dir(tmp_path / name)
    with pytest.raises(UsageError, match="has several arrays: one, two; name one of them with im"):
        from_image_dir(tmp_path / "d.npz")
    with pytest.raises(UsageError, match="has no array named three: one, two"):
        from_image_dir(tmp_path / "d.npz", "three")
    with pytest.raises(UsageError, match="is a folder, which has no array"):
        from_image_dir(tmp_path, "one")


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
            from_image_dir(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files")
def test_large_sparse_array_is_refused(tmp_path: Path) -> None:
    # 4 GB: more than the limit, but no more than common file systems allow.
    file = tmp_path / "a.npy"
    np.lib.format.open_memmap(file, "w+", np.uint8, (2**24, 16, 16)).flush()
    with pytest.raises(UsageError, match="more than 2,000,000,000 bytes"):
        from_image_dir(file)


def test_damaged_and_encrypted_archives_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, images=random_images(30, 16))
    data = file.read_bytes()
    file.write_bytes(data[:3000] + bytes(99) + data[3099:])
    with pytest.raises(DataError, match="not an array that numpy can read"):
        from_image_dir(file)
    flags = data.index(b"PK\x01\x02") + 8
    file.write_bytes(data[:6] + b"\x01" + data[7:flags] + b"\x01" + data[flags + 1 :])
    with pytest.raises(DataError, match="encrypted"):
        from_image_dir(file)

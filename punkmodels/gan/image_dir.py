"""Reader of small training images from a folder of image files, a .npz or a .npy."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, UsageError

MAX_BYTES = 2_000_000_000
"""Maximum size of an array in memory."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
CHANNEL_NAMES = {1: "gray", 3: "RGB", 4: "RGBA"}
"""Name of each supported number of channels."""
STANDARD_WHITES = (1.0, 255.0, 65_535.0)
"""Usual values of white: as a fraction, in 8 bits, and in 16 bits."""
ARRAY_NAMES = ("images", "x_train", "data")
"""Names under which a .npz usually stores images, in order of preference."""


def read_images(path: Path, max_size_px: int) -> tuple[NDArray[np.uint8], float]:
    """Read images of equal size.

    Args:
        path: A folder, which is searched recursively, or an array file.
        max_size_px: Maximum side of the images in a folder, in pixels.

    Returns:
        The images, uint8 (N, channels, H, W), and the value of white in the source.

    Raises:
        UsageError: There are no images, their sizes differ or are too large, or the array has an
            unsupported shape, dtype or value range.
        DataError: An image or the array is damaged.
    """
    return _read_array(path) if path.is_file() else (_read_folder(path, max_size_px), 255.0)


def _read_folder(path: Path, max_size_px: int) -> NDArray[np.uint8]:
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        problem = "contains no images" if path.is_dir() else "does not exist"
        raise UsageError(
            f"{path} {problem}", hint="pass a folder of PNG files, a .npz or a .npy to --image-dir"
        )
    modes: set[str] = set()
    images: list[Image.Image] = []
    for file in files:
        image, mode = _read_file(file, max_size_px)
        if images and image.size != images[0].size:
            raise UsageError(
                f"{file} has {image.width}x{image.height} pixels, but {files[0].name} has "
                f"{images[0].width}x{images[0].height}",
                hint="resize all images to one size first",
            )
        modes.add(mode)
        images.append(image)
    mode = "RGBA" if "RGBA" in modes else "RGB" if "RGB" in modes else "L"
    stack = np.stack([np.asarray(image.convert(mode)) for image in images])
    return _channels_first(stack, path)


def _read_file(file: Path, max_size_px: int) -> tuple[Image.Image, str]:
    """Return an image, and the mode that represents all of its channels in 8 bits."""
    try:
        with Image.open(file) as image:
            if max(image.size) > max_size_px:
                raise UsageError(
                    f"{file} has {image.width}x{image.height} pixels; at most "
                    f"{max_size_px}x{max_size_px} are supported",
                    hint="resize the images first",
                )
            # Pillow would clip 16-bit gray instead of scaling it.
            is_16_bit = image.mode.startswith("I")
            is_gray = is_16_bit or image.mode in ("1", "L", "LA")
            mode = "RGBA" if image.has_transparency_data else "L" if is_gray else "RGB"
            return (_to_8_bit(image) if is_16_bit else image.copy()), mode
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # decoders raise arbitrary exceptions
        raise DataError(f"{file} is not a complete image ({error})") from None


def _to_8_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))


def _read_array(path: Path) -> tuple[NDArray[np.uint8], float]:
    """Return images, uint8 (N, channels, H, W), and the value of white in the file."""
    array = _load_array(path)
    if array.ndim not in (3, 4) or array.dtype.kind not in "buif" or not array.size:
        raise UsageError(
            f"{path} contains an array of type {array.dtype} and shape {array.shape}; images "
            "(N, size, size) or (N, size, size, channels) are needed"
        )
    if array.dtype == np.uint8:
        return _channels_first(array, path), 255.0
    if not np.isfinite(array).all():
        raise UsageError(f"{path} contains NaN or infinite values", hint="save values of 0 to 255")
    if array.min() < 0:
        raise UsageError(f"{path} contains negative values", hint="save values of 0 to 255")
    white = _guess_white(float(array.max()))
    scaled = np.rint(array * (255 / white)).astype(np.uint8)
    return _channels_first(scaled, path), white


def _load_array(path: Path) -> NDArray[Any]:
    """Load the array of a .npy or .npz; pickled objects are refused."""
    try:
        array = _read_npz(path) if path.suffix == ".npz" else np.lib.format.open_memmap(path, "r")
        if array.nbytes > MAX_BYTES:
            raise UsageError(f"{path} unpacks to more than {MAX_BYTES:,} bytes")
        return array
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # numpy, zipfile and zlib raise many kinds
        raise DataError(f"{path} is not an array that numpy can read ({error})") from None


def _guess_white(largest: float) -> float:
    """Return the value of white in an array, given its largest value.

    This is the standard value that is at most twice as large; if there is none, the largest value
    itself, but at least 1. The digits of scikit-learn, for example, have values of 0 to 16.
    """
    for white in STANDARD_WHITES:
        if white / 2 < largest <= white:
            return white
    return max(largest, 1.0)


def _read_npz(path: Path) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise UsageError(f"{path} unpacks to more than {MAX_BYTES:,} bytes")
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        known_names = [name for name in ARRAY_NAMES if name in members]
        if not known_names and len(members) != 1:
            raise UsageError(
                f"{path} contains {', '.join(members) or 'nothing'}, and none of them is called "
                f"{' or '.join(ARRAY_NAMES)}",
                hint='save the images as "images"',
            )
        with archive.open(members[[*known_names, *members][0]]) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array


def _channels_first(array: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Convert (N, H, W), (N, H, W, channels) or (N, channels, H, W) to (N, channels, H, W)."""
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[-1] in CHANNEL_NAMES:
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1] not in CHANNEL_NAMES:
        raise UsageError(
            f"{path} contains an array of shape {array.shape}, neither gray, RGB nor RGBA"
        )
    return np.array(array, order="C")  # Copies a memory-mapped file, so it can be closed.

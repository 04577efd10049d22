"""Reader for arrays in .npy and .npz files, which may come from anywhere."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError, UsageError

MAX_BYTES = 2_000_000_000  # of all arrays that are loaded
SUFFIXES = (".npy", ".npz")


def list_arrays(path: Path) -> dict[str, int]:
    """Return how many bytes each array in a .npz has; raises DataError if it is damaged."""
    with _damage_as_errors(path), zipfile.ZipFile(path) as archive:
        return {
            member.filename.removesuffix(".npy"): member.file_size
            for member in archive.infolist()
            if member.filename.endswith(".npy")
        }


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Load all arrays of a .npz by name.

    Pickled objects are refused. Raises DataError if the file is damaged, and UsageError if the
    arrays have more than 2 GB.
    """
    return _load(path, list_arrays(path))


def load_images(
    path: Path, name: str | None = None, defaults: Sequence[str] = ("images",)
) -> tuple[NDArray[Any], str | None]:
    """Load the array in a .npy, or the one with this name in a .npz, and return its name, too.

    Without a name, it is the only array of the .npz, or the first of the `defaults` that exists. A
    .npy is memory-mapped. Raises as `load_arrays`, and UsageError if there is no such array.
    """
    if path.suffix.lower() != ".npz":
        if name is not None:
            raise UsageError(
                f"'{path}' has a single array without a name", hint="remove image_array="
            )
        with _damage_as_errors(path):
            array: NDArray[Any] = np.lib.format.open_memmap(path, "r")
        _check_size(path, array.nbytes)
        return array, None
    sizes = list_arrays(path)
    if name is None:
        candidates = list(sizes) if len(sizes) == 1 else defaults
        name = next((candidate for candidate in candidates if candidate in sizes), None)
    if name is None or name not in sizes:
        problem = f"no array named {name}" if name else "several arrays" if sizes else "no array"
        raise UsageError(
            f"'{path}' has {problem}" + (f": {', '.join(sizes)}" if sizes else ""),
            hint="name one of them with image_array=" if sizes else None,
        )
    return _load(path, {name: sizes[name]})[name], name


def check_byte_range(images: NDArray[np.uint8], where: str) -> None:
    """Raise UsageError if images have only the bytes 0 and 1, which look black as colors."""
    colors = images[..., :3] if images.shape[-1] == 4 else images  # Transparency may be right.
    if colors.size and colors.max() == 1:
        raise UsageError(
            f"{where} contain only the bytes 0 and 1, which look black as colors",
            hint="multiply images of 0 and 1 by 255; convert floating-point numbers from 0 to 1 "
            "with: (images * 255).round().astype('uint8')",
        )


def _load(path: Path, sizes: dict[str, int]) -> dict[str, NDArray[Any]]:
    """Load the arrays of a .npz with these names and sizes."""
    _check_size(path, sum(sizes.values()))
    with _damage_as_errors(path), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in sizes}


def _check_size(path: Path, num_bytes: int) -> None:
    if num_bytes > MAX_BYTES:
        raise UsageError(f"the arrays in '{path}' have more than {MAX_BYTES:,} bytes")


@contextmanager
def _damage_as_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  # numpy, zipfile and zlib raise many kinds
        raise DataError(f"'{path}' is not an array that numpy can read ({error})") from None

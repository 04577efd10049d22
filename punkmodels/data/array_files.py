"""Reader for arrays in .npy and .npz files, which may come from anywhere."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError, UsageError

MAX_BYTES = 2_000_000_000  # of all arrays in memory
SUFFIXES = (".npy", ".npz")


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Load the arrays of a .npz by name, or that of a .npy as "images".

    A .npy is memory-mapped. Pickled objects are refused. Raises DataError if the file is damaged,
    and UsageError if the arrays have more than 2 GB.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        if path.suffix != ".npz":
            arrays = {"images": np.lib.format.open_memmap(path, "r")}
            size = arrays["images"].nbytes
        else:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size <= MAX_BYTES:
                with np.load(path, allow_pickle=False) as file:
                    loaded = {name: file[name] for name in file.files}
                arrays = {k: v for k, v in loaded.items() if isinstance(v, np.ndarray)}
    except Exception as error:  # noqa: BLE001  # numpy, zipfile and zlib raise many kinds
        raise DataError(f"'{path}' is not an array that numpy can read ({error})") from None
    if size > MAX_BYTES:
        raise UsageError(f"'{path}' unpacks to more than {MAX_BYTES:,} bytes")
    return arrays


def load_images(path: Path) -> NDArray[Any]:
    """Load the array `images` of a .npz, or its only array, or a .npy; raises as `load_arrays`."""
    arrays = load_arrays(path)
    name = next(iter(arrays)) if len(arrays) == 1 else "images"
    if name not in arrays:
        raise DataError(
            f"'{path}' has no array named images, but: {', '.join(arrays) or 'nothing'}",
            hint="save it with: numpy.savez(path, images=images)",
        )
    return arrays[name]

"""Export of a snapshot as one .npz file of NumPy arrays, in the layout of MedMNIST."""

import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.arguments import check_positive
from punkdata.files import translate_os_errors
from punkdata.images.image_grid import Color, parse_color
from punkdata.progress import Progress
from punkdata.snapshots.arrays import read_split
from punkdata.snapshots.reader import Snapshot
from punkdata.splits import SPLITS, check_split_scheme
from punkdata.traits import LABELS

_BATCH_SIZE = 250


def export_npz(
    snapshot: Snapshot,
    path: Path,
    progress: Progress = lambda done, total: None,
    *,
    split_scheme: str = "default",
    visible_only: bool = False,
    scale: int = 1,
    background: Color | None = None,
    make_masks: Callable[[NDArray[np.int32]], NDArray[np.uint8]] | None = None,
) -> Path:
    """Write all splits to one compressed file, which `numpy.load` reads without pickle.

    For each split ("train", "val" and "test"), the file contains

    - `train_images`: uint8 (N, 24 * scale, 24 * scale, 4), RGBA; (…, 3), RGB on a background;
    - `train_labels`: 0 and 1, uint8 (N, 92);
    - `train_punk_ids`: int32 (N,), ascending;
    - with `make_masks`, `train_masks`: uint8 (N, 24 * scale, 24 * scale), what the function returns
      for the ids, for example the index of the label that paints each pixel;

    and `label_names`, text (92,), and `version`, the version of the snapshot. MedMNIST's files have
    the images and labels under the same names.

    `visible_only` sets the labels of hidden accessories to 0. `scale` is the factor of
    nearest-neighbor upscaling. The same snapshot and options give the same bytes. The file appears
    under its name when it is complete. Raises UsageError if an argument is invalid or the path
    cannot be written, and DataError if the snapshot is damaged. Returns `path`.
    """
    check_split_scheme(split_scheme)
    check_positive(scale=scale)
    if background is not None:
        parse_color(background)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                done = 0
                for split in SPLITS:
                    found = read_split(
                        *(snapshot, split, split_scheme),
                        visible_only=visible_only,
                        background=background,
                    )
                    _write_images(archive, f"{split}_images", found.images, scale)
                    _write_array(archive, f"{split}_labels", found.labels)
                    _write_array(archive, f"{split}_punk_ids", found.punk_ids)
                    if make_masks:
                        _write_images(archive, f"{split}_masks", make_masks(found.punk_ids), scale)
                    done += len(found.punk_ids)
                    progress(done, snapshot.manifest.punks)
                _write_array(archive, "label_names", np.array(LABELS))
                _write_array(archive, "version", np.array(snapshot.version))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(_member(name), "w") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _write_images(
    archive: zipfile.ZipFile, name: str, images: NDArray[np.uint8], scale: int
) -> None:
    """Write images enlarged, batch by batch, because together they may exceed the memory."""
    count, height, width, *channels = images.shape
    shape = (count, height * scale, width * scale, *channels)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with archive.open(_member(name), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, _BATCH_SIZE):
            batch = images[start : start + _BATCH_SIZE]
            file.write(batch.repeat(scale, axis=1).repeat(scale, axis=2).tobytes())


def _member(name: str) -> zipfile.ZipInfo:
    # A ZipInfo has a fixed time; a name alone would get the current one.
    member = zipfile.ZipInfo(f"{name}.npy")
    member.compress_type = zipfile.ZIP_DEFLATED
    return member

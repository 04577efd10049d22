from __future__ import annotations

import pickle

import pytest

from punkdata import errors
from punkdata.errors import DataError, PunkError


def all_errors() -> list[type[PunkError]]:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in classes if issubclass(kind, PunkError)]


def test_str_is_one_line_with_message_and_hint() -> None:
    error = DataError("bad\n  file", hint="fetch again")
    assert str(error) == "bad file; fetch again"
    assert str(DataError("bad file")) == "bad file"


@pytest.mark.parametrize("kind", all_errors())
def test_pickling_preserves_message_and_hint(kind: type[PunkError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what", hint="next")))
    assert (type(copy), copy.message, copy.hint) == (kind, "what", "next")


def test_exit_codes_match_the_documentation() -> None:
    codes = {kind.__name__: kind.exit_code for kind in all_errors()}
    assert codes["UsageError"] == 2
    assert codes["SetupError"] == 3
    assert codes["RefusedError"] == 4
    assert codes["NetworkError"] == codes["BusyError"] == codes["StorageError"] == 5
    assert codes["DataError"] == codes["ImageError"] == codes["SchemaError"] == 6
    assert codes["DifferenceError"] == 7
    assert codes["StoppedError"] == 130

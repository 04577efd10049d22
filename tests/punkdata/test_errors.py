from __future__ import annotations

import pickle

import pytest

from punkdata import errors
from punkdata.errors import DataError, PunkError


def all_errors(kind: type[PunkError] = PunkError) -> list[type[PunkError]]:
    return [kind, *(c for child in kind.__subclasses__() for c in all_errors(child))]


def test_an_error_is_one_line_that_ends_with_what_to_do_next() -> None:
    error = DataError("bad\n  file", hint="fetch again")
    assert str(error) == "bad file; fetch again"
    assert str(DataError("bad file")) == "bad file"


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_crosses_a_process_boundary_whole(kind: type[PunkError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what", hint="next")))
    assert (type(copy), copy.message, copy.hint) == (kind, "what", "next")


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_drawn_in_the_tree_of_the_module(kind: type[PunkError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_exit_codes_are_those_of_the_contract() -> None:
    codes = {kind.__name__: kind.exit_code for kind in all_errors()}
    assert codes["UsageError"] == 2
    assert codes["SetupError"] == 3
    assert codes["RefusedError"] == 4
    assert codes["NetworkError"] == codes["BusyError"] == codes["StorageError"] == 5
    assert codes["DataError"] == codes["ImageError"] == codes["SchemaError"] == 6

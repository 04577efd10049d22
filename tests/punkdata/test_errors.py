from __future__ import annotations

import math
import pickle
from datetime import datetime
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from punkdata import errors
from punkdata.errors import (
    DataError,
    MissingExtraError,
    PunkError,
    RetryableError,
    plain_requirement,
)


def all_errors() -> list[type[PunkError]]:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in classes if issubclass(kind, PunkError)]


def make_error(kind: type[PunkError]) -> PunkError:
    if issubclass(kind, MissingExtraError):
        return kind("PunkDataset", "PyTorch", "models")
    return kind("what", hint="next")


def test_str_is_one_line_with_message_and_hint() -> None:
    error = DataError("bad\n  file", hint="fetch again")
    assert str(error) == "bad file; fetch again"
    assert str(DataError("bad file")) == "bad file"


@pytest.mark.parametrize("kind", all_errors())
def test_pickling_preserves_message_and_hint(kind: type[PunkError]) -> None:
    error = make_error(kind)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.hint) == (kind, error.message, error.hint)
    assert str(copy) == str(error) == f"{error.message}; {error.hint}"


def test_missing_extra_names_the_command_that_installs_it() -> None:
    assert str(MissingExtraError("PunkDataset", "PyTorch", "models")) == (
        "PunkDataset needs PyTorch, which is not installed; "
        'install it with: pip install "punkdata[models]"'
    )


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("UsageError", ValueError),
        ("NoSnapshotError", FileNotFoundError),
        ("SetupError", RuntimeError),
        ("MissingExtraError", ImportError),
        ("RefusedError", PermissionError),
        ("NetworkError", ConnectionError),
        ("LimitError", OSError),
        ("BusyError", OSError),
        ("StorageError", OSError),
        ("DataError", ValueError),
        ("ImageError", ValueError),
        ("NotRecordedError", ValueError),
        ("SchemaError", ValueError),
    ],
)
def test_builtin_handlers_catch_errors(name: str, builtin: type[Exception]) -> None:
    error = make_error(getattr(errors, name))
    with pytest.raises(builtin) as caught:
        raise error
    assert caught.value is error
    assert str(error).startswith(error.message)


def test_operating_system_errors_have_no_number() -> None:
    # `translate_os_errors` passes exceptions without a number on.
    for kind in all_errors():
        if issubclass(kind, RetryableError):
            assert make_error(kind).errno is None  # type: ignore[attr-defined]


class Record(BaseModel):
    """A field of each type that our files and options have."""

    kind: Literal["cat", "dog"] = "cat"
    number: int = Field(0, ge=0, le=9)
    share: float = Field(0.5, gt=0, allow_inf_nan=False)
    is_on: bool = False
    name: str = Field("", max_length=3)
    code: str = Field("a", pattern="^a")
    time: datetime | None = None
    items: list[int] = []
    pair: tuple[int, int] = (0, 0)
    group: dict[str, int] = {}


PROBLEMS: list[tuple[str, object, str]] = [
    ("kind", "cow", "must be 'cat' or 'dog'"),
    ("number", "one", "must be an integer"),
    ("number", "1" * 5000, "must be an integer with fewer digits"),
    ("number", 1.5, "must be an integer"),
    ("number", None, "must be an integer"),
    ("number", -1, "must be at least 0"),
    ("number", 10, "must be at most 9"),
    ("share", "half", "must be a number"),
    ("share", [], "must be a number"),
    ("share", 0, "must be greater than 0"),
    ("share", math.nan, "must be a finite number"),
    ("is_on", "maybe", "must be true or false"),
    ("is_on", 3.5, "must be true or false"),
    ("name", 1, "must be a string"),
    ("name", "\udcff", "must be a string that UTF-8 can encode"),
    ("name", "abcd", "must have at most 3 characters"),
    ("code", "b", "has characters that are not allowed here"),
    ("time", "today", "must be a date and a time"),
    ("items", 1, "must be a list"),
    ("items", ["x"], "must be an integer"),
    ("pair", 1, "must be a list"),
    ("pair", [1], "is missing"),
    ("pair", [1, 2, 3], "must have at most 2 items"),
    ("group", 1, "must be an object"),
    ("group", {"a": "b"}, "must be an integer"),
]


@pytest.mark.parametrize(("field", "value", "expected"), PROBLEMS)
def test_requirements_are_plain_words(field: str, value: object, expected: str) -> None:
    with pytest.raises(ValidationError) as error:
        Record.model_validate({field: value})
    assert plain_requirement(error.value.errors()[0]["msg"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[]", "must be an object"), ('{"kind":}', "is not JSON (line 1, column 9)")],
)
def test_requirements_of_json_are_plain_words(text: str, expected: str) -> None:
    with pytest.raises(ValidationError) as error:
        Record.model_validate_json(text)
    assert plain_requirement(error.value.errors()[0]["msg"]) == expected


def test_exit_codes_match_the_documentation() -> None:
    codes = {kind.__name__: kind.exit_code for kind in all_errors()}
    assert codes["UsageError"] == 2
    assert codes["SetupError"] == 3
    assert codes["RefusedError"] == 4
    assert codes["NetworkError"] == codes["BusyError"] == codes["StorageError"] == 5
    assert codes["DataError"] == codes["ImageError"] == codes["SchemaError"] == 6
    assert codes["DifferenceError"] == 7
    assert codes["StoppedError"] == 130

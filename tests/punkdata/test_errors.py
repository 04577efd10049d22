from __future__ import annotations

import pickle

import pytest

from punkdata import errors
from punkdata.errors import DataError, MissingExtraError, PunkError, RetryableError


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


def test_exit_codes_match_the_documentation() -> None:
    codes = {kind.__name__: kind.exit_code for kind in all_errors()}
    assert codes["UsageError"] == 2
    assert codes["SetupError"] == 3
    assert codes["RefusedError"] == 4
    assert codes["NetworkError"] == codes["BusyError"] == codes["StorageError"] == 5
    assert codes["DataError"] == codes["ImageError"] == codes["SchemaError"] == 6
    assert codes["DifferenceError"] == 7
    assert codes["StoppedError"] == 130

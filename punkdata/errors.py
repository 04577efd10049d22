"""The exceptions that users see, each with the exit code of the command that raised it.

PunkError
├── UsageError          2  wrong option, path or name
├── SetupError          3  something is not configured
├── RefusedError        4  the server answered 401 or 403
├── RetryableError      5  temporary failure: run the same command again
│   ├── NetworkError       server unreachable or failing
│   ├── LimitError         rate limit longer than the allowed wait
│   ├── BusyError          another command is writing to the same root
│   └── StorageError       disk full, read-only or failing
├── DataError           6  data invalid, damaged or incomplete
│   ├── ImageError         image that cannot be read as exactly one sprite
│   ├── NotRecordedError   request that a replayed recording does not contain
│   └── SchemaError        data written by a newer version of punkdata
├── DifferenceError     7  two snapshots differ
└── StoppedError      130  stopped with Ctrl-C
"""

from __future__ import annotations

from typing import ClassVar


class PunkError(Exception):
    """Base class of all errors that are shown to the user as one line.

    Args:
        message: What went wrong and where, without a final period.
        hint: What the user can do about it, for example a command; shown after the message.
    """

    exit_code: ClassVar[int] = 1
    """Exit code of a command that ends with this error."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # By default, pickle would lose the hint of an error that comes from a worker process.
        return type(self), (self.message,), {"hint": self.hint}


class UsageError(PunkError):
    """Raised if an option, argument, path or name is wrong; exit code 2."""

    exit_code = 2


class SetupError(PunkError):
    """Raised if something must be configured or installed first, such as a key; exit code 3."""

    exit_code = 3


class RefusedError(PunkError):
    """Raised if a server denies access with status 401 or 403; exit code 4."""

    exit_code = 4


class RetryableError(PunkError):
    """Base class of temporary failures, after which the same command may succeed; exit code 5."""

    exit_code = 5


class NetworkError(RetryableError):
    """Raised if a server cannot be reached or keeps failing after several attempts; exit code 5."""


class LimitError(RetryableError):
    """Raised if a rate limit requires a longer wait than allowed; exit code 5."""


class BusyError(RetryableError):
    """Raised if another command is writing to the same folder; exit code 5."""


class StorageError(RetryableError):
    """Raised if the disk is full, read-only or failing; exit code 5."""


class DataError(PunkError):
    """Raised if data is invalid, damaged or incomplete; exit code 6."""

    exit_code = 6


class ImageError(DataError):
    """Raised if an image cannot be read, or is not certain to be one sprite; exit code 6."""


class NotRecordedError(DataError):
    """Raised if a replayed recording has no reply to a request; exit code 6."""


class SchemaError(DataError):
    """Raised if a newer version of punkdata wrote the data; exit code 6."""


class DifferenceError(PunkError):
    """Raised by `punkdata diff --exit-code` if the two snapshots differ; exit code 7."""

    exit_code = 7


class StoppedError(PunkError):
    """Raised if a long-running command is stopped with Ctrl-C; exit code 130."""

    exit_code = 130

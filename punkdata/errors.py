"""What can go wrong, sorted by who must act. Each class carries its exit code.

PunkError
├── UsageError          2  the user: a wrong option, path or name
├── SetupError          3  the user: something is not configured
├── RefusedError        4  the server's owner: 401 or 403
├── RetryableError      5  time: the same command, run again, goes on
│   ├── NetworkError       a server could not be reached or gave up
│   ├── LimitError         a rate limit that lasts longer than we may wait
│   ├── BusyError          another punkdata is at work in the same root
│   └── StorageError       the disk is full, read-only or failing
├── DataError           6  the data: invalid, damaged or incomplete
│   ├── ImageError         a picture that is not certainly one sprite
│   ├── NotRecordedError   a replay was asked for what its recording does not hold
│   └── SchemaError        written by a newer punkdata
├── DifferenceError     7  nobody: two snapshots differ, and the caller asked
└── StoppedError      130  nobody: Ctrl-C
"""

from __future__ import annotations

from typing import ClassVar


class PunkError(Exception):
    """An error that reaches the user as one line.

    Args:
        message: what went wrong and where, without a full stop.
        try_next: what to type or do next; shown behind the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # An error raised in a worker process travels by pickle.
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[PunkError], message: str, hint: str | None) -> PunkError:
    return kind(message, hint=hint)


class UsageError(PunkError):
    exit_code = 2


class SetupError(PunkError):
    exit_code = 3


class RefusedError(PunkError):
    exit_code = 4


class RetryableError(PunkError):
    exit_code = 5


class NetworkError(RetryableError):
    pass


class LimitError(RetryableError):
    pass


class BusyError(RetryableError):
    pass


class StorageError(RetryableError):
    pass


class DataError(PunkError):
    exit_code = 6


class ImageError(DataError):
    pass


class NotRecordedError(DataError):
    pass


class SchemaError(DataError):
    pass


class DifferenceError(PunkError):
    exit_code = 7


class StoppedError(PunkError):
    exit_code = 130

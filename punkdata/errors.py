"""The exceptions that users see, each with the exit code of the command that raised it.

Each also derives from the built-in exception that Python programs catch in such a case, for example
ValueError for a wrong argument. A handler of built-in exceptions that encloses calls of punkdata
must therefore let PunkError pass before it translates anything.
"""

import re
from typing import ClassVar

from punkdata.safe_text import make_safe


class PunkError(Exception):
    """Base class of all errors that are shown to the user as one line.

    Args:
        message: What went wrong and where, without a final period.
        hint: What the user can do about it, for example a command; shown after the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message: str = make_safe(message)
        self.hint: str | None = None if hint is None else make_safe(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # By default, pickle would lose the hint of an error that comes from a worker process.
        return type(self), (self.message,), vars(self)


class UsageError(PunkError, ValueError):
    """An option, argument, path or name is wrong."""

    exit_code = 2


class NoFileError(UsageError, FileNotFoundError):
    """A file or folder does not exist."""


class NoSnapshotError(UsageError, FileNotFoundError):
    """A data root has no complete snapshot."""


class SetupError(PunkError, RuntimeError):
    """Something must be configured or installed first, such as a key."""

    exit_code = 3


class MissingExtraError(SetupError, ImportError):
    """A package is missing that one of the optional extras installs.

    Args:
        what: What needs the package, the beginning of a sentence, for example "PunkDataset".
        package: Name of the missing package, as people write it, for example "PyTorch".
        extra: Name of the extra that installs it, for example "models".
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed",
            # Double quotes, because cmd.exe does not know single ones.
            hint=f'install it with: pip install "punkdata[{extra}]"',
        )
        self._arguments = (what, package, extra)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self._arguments


class RefusedError(PunkError, PermissionError):
    """A server answered 401 or 403."""

    exit_code = 4


class ForbiddenError(RefusedError):
    """A server answered 403. Unlike 401, this may concern a single endpoint."""


class RetryableError(PunkError, OSError):
    """A temporary failure, after which the same command may succeed."""

    exit_code = 5


class NetworkError(RetryableError, ConnectionError):
    """A server cannot be reached or keeps failing after several attempts."""


class UnreachableError(NetworkError):
    """No connection to a server can be established."""


class LimitError(RetryableError):
    """A rate limit requires a longer wait than allowed.

    Args:
        is_host_wide: Whether the limit holds for the whole server. If not, requests to its other
            endpoints may still succeed.
    """

    def __init__(self, message: str, *, hint: str | None = None, is_host_wide: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.is_host_wide = is_host_wide


class BusyError(RetryableError):
    """Another command is writing to the same folder."""


class StorageError(RetryableError):
    """The disk is full, read-only or failing."""


class DataError(PunkError, ValueError):
    """Data is invalid, damaged or incomplete."""

    exit_code = 6


class DivergedError(DataError):
    """The loss or the weights of a training are no longer finite numbers."""


class ImageError(DataError):
    """An image cannot be read, or is not certain to be one sprite."""


class ReplyError(DataError):
    """A server's reply does not match its documentation."""


class NotRecordedError(DataError):
    """A replayed recording has no reply to a request."""


class SchemaError(DataError):
    """A newer version of punkdata wrote the data."""


class DifferenceError(PunkError):
    """Two snapshots differ, and `punkdata diff --exit-code` was asked to say so."""

    exit_code = 7


class StoppedError(PunkError):
    """A long-running command was stopped with Ctrl-C."""

    exit_code = 130


_REQUIREMENTS = {
    r"(Value error|Assertion failed), ": "",
    r"Field required": "is missing",
    r"Extra inputs are not permitted": "is unknown",
    r"Invalid JSON: .*?( at line (\d+) column (\d+))?": r"is not JSON (line \2, column \3)",
    r"Input should be (a valid (dictionary|mapping)\b.*|an object)": "must be an object",
    r"Input should be a valid array.*": "must be an array",
    r"Input should be a valid (list|tuple|set)\b.*": "must be a list",
    r"Input should be a valid integer.*": "must be an integer",
    r"Unable to parse input string as an integer.*": "must be an integer with fewer digits",
    r"Input should be a valid boolean.*": "must be true or false",
    r"Input should be a valid string, .*": "must be a string that UTF-8 can encode",
    r"Input should be a valid string": "must be a string",
    r"Input should be a valid (number|decimal).*": "must be a number",
    r"Input should be a valid datetime.*": "must be a date and a time",
    r"Input should be a valid (date[^,]*).*": r"must be a \1",
    r"Input should be a valid ([^,]+).*": r"must be a valid \1",
    r"Input should be greater than or equal to (.*)": r"must be at least \1",
    r"Input should be less than or equal to (.*)": r"must be at most \1",
    r"Input should (.*)": r"must \1",
    r"Keys should be strings": "must have string keys",
    r"String should match pattern .*": "has characters that are not allowed here",
    r"[A-Z]\w+ should (.*?)( after validation)?(, not .*)?": r"must \1",
}
"""Messages of pydantic as regular expressions, and the same in plain words."""


def plain_requirement(message: str) -> str:
    """Return a message of pydantic in plain words, for example "must be an integer".

    Unknown messages are returned unchanged, except for a prefix of pydantic.
    """
    for pattern, text in _REQUIREMENTS.items():
        if match := re.fullmatch(pattern, message) or (not text and re.match(pattern, message)):
            message = match.expand(text) + message[match.end() :]
    return message

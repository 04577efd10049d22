"""Reading files at URLs through fsspec, and the errors of its many file systems."""

import codecs
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec

from punkdata.errors import (
    BusyError,
    NetworkError,
    PunkError,
    RefusedError,
    SetupError,
    StorageError,
    UsageError,
)
from punkdata.extras import find_missing_extra
from punkdata.safe_text import redact_url, redact_urls
from punkdata.snapshots.manifest import MAX_MANIFEST_BYTES

REPUBLISH_HINT = "upload it again with: punkdata publish URL --force"


def read_url(url: str, max_bytes: int = MAX_MANIFEST_BYTES) -> bytes | None:
    """Return a file, or its first `max_bytes` + 1 bytes; None if it does not exist.

    Raises UsageError if the server sends a web page instead, as some do for every path.
    """
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        try:
            data: bytes = fs.cat_file(path, end=max_bytes + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except Exception as error:
            if _get_status(error) != 416:
                raise
            data = b""  # An empty file has no range of bytes.
    if _is_web_page(data):
        raise UsageError(
            f"{redact_url(url)} is a web page, not a file of a snapshot", hint="check the address"
        )
    return data


def read_optional(url: str, max_bytes: int = MAX_MANIFEST_BYTES) -> bytes | None:
    """Return a file, or None if it is missing.

    A server that does not permit listing denies access to files that do not exist, so a refusal
    also counts as missing, and so does a web page.
    """
    try:
        return read_url(url, max_bytes)
    except (RefusedError, UsageError):
        return None


def _is_web_page(data: bytes) -> bool:
    start = data[:1000].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<!--"))


@contextmanager
def url_errors(url: str, not_found: PunkError | None = None) -> Iterator[None]:
    """Translate the exceptions of fsspec's many file systems while a block accesses a URL.

    Raises `not_found` if the file does not exist; by default, FileNotFoundError passes through.
    """
    try:
        yield
    except PunkError:
        raise
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
        if not_found is None:
            raise
        raise not_found from None
    except Exception as error:  # noqa: BLE001  # each file system has its own exceptions
        raise _translate_error(url, error) from None


def _translate_error(url: str, error: Exception) -> PunkError:
    scheme, shown = url.partition("://")[0], redact_url(url)
    if isinstance(error, ImportError):
        return find_missing_extra(f"{scheme}://", error) or SetupError(
            f"{scheme}:// needs a package that is not installed ({error})"
        )
    status = _get_status(error)
    if isinstance(error, PermissionError) or status in (401, 403):
        return RefusedError(
            f"access to {shown} was denied ({_describe(error)})",
            hint="check your credentials and the address: some servers also deny access to what "
            "does not exist",
        )
    if status == 412:  # A precondition failed: something has changed since it was read.
        return BusyError(
            f"{shown} was changed by another upload at the same time",
            hint="run the same command again",
        )
    if isinstance(error, NotImplementedError) or status in (405, 501):
        hint = "publish to a folder with file:///…, and serve that"
        return UsageError(f"{shown} does not accept uploads ({_describe(error)})", hint=hint)
    # This happens on the local disk, or on the disk that a file:// URL refers to.
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "free some disk space, then run the same command again"
        return StorageError(f"cannot write {shown}: {error.strerror}", hint=hint)
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return UsageError(f"{scheme}:// is not a protocol that fsspec supports")
    if "Credentials" in type(error).__name__:
        variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        hint = f"set {variables}, or FSSPEC_S3_ANON=true for a public bucket"
        return SetupError(f"no credentials found for {shown}", hint=hint)
    return NetworkError(f"cannot reach {shown} ({_describe(error)})", hint="try again later")


def _get_status(error: BaseException) -> int:
    """Return the HTTP status that an exception is about; 0 if none is known."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # of botocore, for s3://
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    # hf:// uses httpx, and http:// uses aiohttp.
    status = getattr(response, "status_code", 0) or getattr(error, "status", 0)
    if isinstance(status, int) and status:
        return status
    return _get_status(error.__cause__) if error.__cause__ else 0


def _describe(error: Exception) -> str:
    """Return the reason for a failed connection, or an exception's type and first line."""
    # aiohttp keeps the error of the operating system in an attribute.
    cause = getattr(error, "os_error", None)
    if isinstance(cause, OSError) and cause.errno:
        # The numbers of failed name lookups are negative; `os.strerror` does not know them.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    line = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {redact_urls(line)}" if line else type(error).__name__

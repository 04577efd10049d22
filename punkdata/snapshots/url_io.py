"""File operations at any URL that fsspec supports: reading, atomic uploads, sizes, deletion.

Errors of the many file systems behind fsspec are translated into the exceptions of `errors.py`.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec

from punkdata.errors import (
    NetworkError,
    PunkError,
    RefusedError,
    SetupError,
    StorageError,
    UsageError,
)
from punkdata.files import redact_url
from punkdata.snapshots.manifest import MAX_MANIFEST_BYTES

OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory"}
"""Protocols whose uploads are atomic and whose folders need not be created."""


def read_url(url: str) -> bytes | None:
    """Return the content of a small file, or None if there is no such file.

    At most `MAX_MANIFEST_BYTES` + 1 bytes are read.

    Raises:
        PunkError: As listed for `url_errors`.
    """
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        try:
            data: bytes = fs.cat_file(path, end=MAX_MANIFEST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return data


def upload_file(url: str, file: Path) -> None:
    """Upload a file atomically.

    Raises:
        UsageError: The bucket does not exist, or the path of a parent folder is a file.
        PunkError: As listed for `url_errors`.
    """
    not_found_error = UsageError(
        f"cannot write {redact_url(url)}: the bucket or folder does not exist",
        hint="check the URL, and create the bucket first",
    )
    with url_errors(url, not_found_error):
        fs, path = fsspec.core.url_to_fs(url)
        if OBJECT_STORES & set(get_protocols(fs)):
            fs.put_file(str(file), path)
            return
        parent = path.rpartition("/")[0]
        fs.makedirs(parent, exist_ok=True)
        # The temporary file is placed outside the snapshot's folder, because it stays there if
        # the process is killed.
        base, found, _ = parent.partition("/snapshots/")
        temporary = f"{base if found else parent}/.uploading-{uuid.uuid4().hex}"
        try:
            fs.put_file(str(file), temporary)
            fs.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                fs.rm_file(temporary)
            raise


def delete_file(url: str) -> None:
    """Delete a file; do nothing if there is no such file.

    Raises:
        PunkError: As listed for `url_errors`.
    """
    with url_errors(url), suppress(FileNotFoundError):
        fs, path = fsspec.core.url_to_fs(url)
        fs.rm_file(path)


def get_size(url: str) -> int | None:
    """Return the current size of a file in bytes, or None if there is no such file.

    Raises:
        PunkError: As listed for `url_errors`.
    """
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        fs.invalidate_cache()
        try:
            return int(fs.info(path)["size"])
        except FileNotFoundError:
            return None


def get_local_folder(url: str) -> Path | None:
    """Return the local folder of a file:// URL, or None for any other URL."""
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
    return Path(path).resolve() if "file" in get_protocols(fs) else None


def get_protocols(fs: Any) -> tuple[str, ...]:
    """Return the protocol names of an fsspec file system."""
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


@contextmanager
def url_errors(url: str, not_found_error: PunkError | None = None) -> Iterator[None]:
    """Translate exceptions of fsspec and its file systems into those of `errors.py`.

    Args:
        url: URL that is accessed in the block.
        not_found_error: Exception to raise if the file does not exist; by default,
            FileNotFoundError passes through.

    Raises:
        UsageError: fsspec does not support the URL's protocol.
        SetupError: A package or credentials are missing.
        RefusedError: The server denies access.
        NetworkError: The server cannot be reached.
        StorageError: The disk is full.
    """
    try:
        yield
    except PunkError:
        raise
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
        if not_found_error is None:
            raise
        raise not_found_error from None
    except Exception as error:  # noqa: BLE001  # each file system has its own exceptions
        raise _translate_error(url, error) from None


def _translate_error(url: str, error: Exception) -> PunkError:
    scheme, shown = url.partition("://")[0], redact_url(url)
    if isinstance(error, ImportError):
        return SetupError(
            f"{scheme}:// needs a package that is not installed ({error})",
            hint='pip install "punkdata[s3]"' if scheme in ("s3", "s3a") else None,
        )
    # http:// uses aiohttp, whose exceptions have the HTTP status in `status`.
    if isinstance(error, PermissionError) or getattr(error, "status", None) in (401, 403):
        return RefusedError(
            f"access to {shown} was denied ({_describe(error)})", hint="check your credentials"
        )
    if isinstance(error, OSError):
        # This happens on the local disk, or on the disk that a file:// URL refers to.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StorageError(
                f"cannot write {shown}: {error.strerror}",
                hint="free some disk space, then run the same command again",
            )
    elif isinstance(error, ValueError) and "rotocol" in str(error):
        return UsageError(f"{scheme}:// is not a protocol that fsspec supports")
    elif "Credentials" in type(error).__name__:
        return SetupError(
            f"no credentials found for {shown}",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for a "
            "public bucket",
        )
    return NetworkError(f"cannot reach {shown} ({_describe(error)})", hint="try again later")


def _describe(error: Exception) -> str:
    """Return the reason for a failed connection, or an exception's type and first line.

    The first line is cut to 200 characters.
    """
    # aiohttp keeps the error of the operating system in an attribute.
    cause = getattr(error, "os_error", None)
    if isinstance(cause, OSError) and cause.errno:
        # The numbers of failed name lookups are negative; `os.strerror` does not know them.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__

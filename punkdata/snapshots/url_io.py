"""Files at any URL that fsspec opens: read, sent whole or not at all, its errors in our words."""

from __future__ import annotations

import errno
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
"""where an object is there whole or not at all, and folders are but names"""


def read_url(url: str) -> bytes | None:
    """A small file; None if there is none. Of one that is larger than any manifest, the
    beginning.

    Raises:
        As `talking`.
    """
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        try:
            data: bytes = fs.cat_file(path, end=MAX_MANIFEST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return data


def upload_file(url: str, file: Path) -> None:
    """Send a file, so that it is there whole or not at all.

    Raises:
        As `talking`; UsageError: there is no such bucket, or a file where a folder must be.
    """
    missing = UsageError(f"{redact_url(url)} cannot be written: there is no such bucket or place")
    with url_errors(url, missing):
        fs, path = fsspec.core.url_to_fs(url)
        if OBJECT_STORES & set(protocols(fs)):
            fs.put_file(str(file), path)
            return
        parent = path.rpartition("/")[0]
        fs.makedirs(parent, exist_ok=True)
        # In no snapshot's folder: after a kill -9 it stays.
        head, found, _ = parent.partition("/snapshots/")
        beside = f"{head if found else parent}/.sending-{uuid.uuid4().hex}"
        try:
            fs.put_file(str(file), beside)
            fs.mv(beside, path)
        except BaseException:
            with suppress(Exception):
                fs.rm_file(beside)
            raise


def delete_file(url: str) -> None:
    """Whether or not it is there.

    Raises:
        As `talking`.
    """
    with url_errors(url), suppress(FileNotFoundError):
        fs, path = fsspec.core.url_to_fs(url)
        fs.rm_file(path)


def get_size(url: str) -> int | None:
    """Bytes of a file, as its server says now; None if there is none.

    Raises:
        As `talking`.
    """
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        fs.invalidate_cache()
        try:
            return int(fs.info(path)["size"])
        except FileNotFoundError:
            return None


def get_local_folder(url: str) -> Path | None:
    """The folder on this machine's disk that a URL is; None if it is elsewhere."""
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
    return Path(path).resolve() if "file" in protocols(fs) else None


def protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


@contextmanager
def url_errors(url: str, missing: PunkError | None = None) -> Iterator[None]:
    """Turn what other libraries raise about a URL into an error of ours.

    Args:
        missing: what is raised when there is no such file; without it FileNotFoundError.

    Raises:
        UsageError: fsspec knows no such URL.
        SetupError: a package or credentials are missing.
        RefusedError, NetworkError: the other side refuses, or is not there.
        StorageError: the disk is full.
    """
    scheme = url.partition("://")[0]
    try:
        yield
    except PunkError:
        raise
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
        if missing is None:
            raise
        raise missing from None
    except ImportError as error:
        raise SetupError(
            f"{scheme}:// needs a package that is not installed ({error})",
            hint='pip install "punkdata[s3]"' if scheme in ("s3", "s3a") else None,
        ) from None
    except PermissionError as error:
        raise _refused(url, error) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the disk here, or where a file:// is
            raise StorageError(
                f"{redact_url(url)}: {error.strerror}", hint="make room, then type the same again"
            ) from None
        raise _unreachable(url, error) from None
    except Exception as error:  # noqa: BLE001  # each file system has errors of its own
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise UsageError(f"{scheme}:// is no file system that fsspec knows") from None
        if "Credentials" in type(error).__name__:
            raise SetupError(
                f"there are no credentials for {redact_url(url)}",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true "
                "if it is public",
            ) from None
        if getattr(error, "status", None) in (401, 403):  # aiohttp's, behind http://
            raise _refused(url, error) from None
        raise _unreachable(url, error) from None


def _refused(url: str, error: Exception) -> RefusedError:
    return RefusedError(
        f"{redact_url(url)} is refused ({_told(error)})", hint="check your credentials for it"
    )


def _unreachable(url: str, error: Exception) -> NetworkError:
    return NetworkError(
        f"{redact_url(url)} cannot be reached ({_told(error)})", hint="try again later"
    )


def _told(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__

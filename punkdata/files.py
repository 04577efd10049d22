"""The data root on disk: what lies where, its lock, and files written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from punkdata.errors import BusyError, StorageError, UsageError

DEFAULT_ROOT = Path("data")
_WRONG_PLACE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT),
    *(errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
}


def default_root() -> Path:
    """PUNKDATA_ROOT, else `./data`."""
    return Path(os.environ.get("PUNKDATA_ROOT") or DEFAULT_ROOT)


def parse_root_url(root: str | Path) -> str | None:
    """The URL that a root is, or None of a folder's path.

    `Path` makes one slash of the two in "s3://bucket"; they are put back, and others made one.

    Raises:
        UsageError: it is of a machine's name, as file://punks.
    """
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)([^/].*)", str(root))
    if match is None:
        return None
    scheme, rest = match[1].lower(), match[3]
    if scheme == "file" and match[2] == "//":  # its first part would be a machine's name
        raise UsageError(
            f"{root} names no folder", hint=f"write it as file://{Path(rest).absolute()}"
        )
    return f"{scheme}:{'///' if scheme == 'file' else '//'}{re.sub('/+', '/', rest)}"


def redact_url(url: str) -> str:
    """A URL without user, password and query, for people to read."""
    return re.sub(r"\?.*", "", re.sub(r"(?<=:/)(/*)[^/]*@", r"\1", url))


def raw_dir(root: Path) -> Path:
    return root / "raw"


def snapshots_dir(root: Path, collection: str) -> Path:
    return root / "snapshots" / collection


def root_option(root: Path) -> str:
    """What a suggested command needs at its end to work on this root: often nothing."""
    url = parse_root_url(root)
    return (
        "" if root == DEFAULT_ROOT else f" --root {shell_quote(redact_url(url) if url else root)}"
    )


def shell_quote(path: str | Path) -> str:
    """As one types it in a shell: in quotes, where it has a space, say."""
    return shlex.quote(str(path))


def utc_now() -> datetime:
    """The present in UTC, to the second: as precise as anything we store."""
    return datetime.now(UTC).replace(microsecond=0)


@contextmanager
def translate_os_errors(place: Path) -> Iterator[None]:
    """Turn an operating-system error while writing below `place` into one of ours.

    Raises:
        UsageError: the place is wrong, as a URL is, and would be so again.
        StorageError: the disk is full or failing.
    """
    if url := parse_root_url(place):
        raise UsageError(f"cannot write {redact_url(url)}: it is a URL", hint="choose a folder")
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a library's own, as those of requests
            raise
        message = f"cannot write {error.filename or place}: {error.strerror}"
        if error.errno in _WRONG_PLACE:
            raise UsageError(message, hint="choose a folder that can be written") from None
        raise StorageError(message, hint="make room, then run the same command again") from None


@contextmanager
def lock_root(root: Path) -> Iterator[None]:
    """Hold the root's one lock file, created with the root when missing.

    The operating system frees the lock when its holder ends, even by kill -9.

    Raises:
        BusyError: another process holds it.
        UsageError, StorageError: the root cannot be created or written.
    """
    if url := parse_root_url(root):
        raise UsageError(
            f"{redact_url(url)} is no folder",
            hint="work in one, then send the snapshot with: punkdata publish",
        )
    if root.is_file():
        raise UsageError(f"{root} is a file, not a folder", hint="name another")
    with translate_os_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(
                f"another command is writing to {root}",
                hint="wait until it has ended, then run the same command again",
            ) from None
    try:
        yield
    finally:
        lock.release()


def write_atomic(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Write `data` beside `path` and rename it into place; what is no file, as a pipe or /dev/null,
    is written to, and a link led along.

    Args:
        flush: force the data onto the disk first. Without, a power cut may leave the file
            empty or torn; a killed process cannot.
    """
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        path = path.resolve()
        beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            with beside.open("wb") as file:
                file.write(data)
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)  # on a full disk, it would be in its own way
            raise


def fsync_tree(folder: Path) -> None:
    """Force every file and folder below `folder`, itself included, onto the disk."""
    with translate_os_errors(folder):
        for path in [*folder.rglob("*"), folder]:
            # Windows cannot open a folder, and flushes its entries by itself.
            if path.is_dir() and os.name == "nt":
                continue
            handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def remove_tree(folder: Path) -> None:
    with translate_os_errors(folder):
        shutil.rmtree(folder)


def sha256_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files below the data root: folder layout, lock, atomic writes and error conversion."""

import errno
import hashlib
import os
import re
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from punkdata.errors import BusyError, StorageError, UsageError
from punkdata.paths import expand_user
from punkdata.safe_text import escape_control_characters, redact_url

DEFAULT_ROOT = Path("data")
DEFAULT_COLLECTION = "cryptopunks"
"""Name of the collection below a data root, and in the OpenSea API."""
OPENSEA_URL = "https://api.opensea.io"

_WRONG_PATH_ERRNOS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT),
    *(errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
}
"""Error numbers that mean that the path is wrong, so trying again would not help."""
_LEFTOVERS = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"),
    *("system volume information", "$recycle.bin", "lost+found"),
}
"""Names without a leading dot of what Windows, macOS, Linux and network drives leave in folders."""


def default_root() -> Path:
    """Return the data root: the environment variable PUNKDATA_ROOT, or `./data`."""
    return expand_user(os.environ.get("PUNKDATA_ROOT") or DEFAULT_ROOT)


def check_root(root: str | Path | None) -> str | Path:
    """Return the path or URL of a data root, by default `default_root()`.

    Raises UsageError if it is of another type, or in the home folder of an unknown user.
    """
    if not isinstance(root, str | Path | None):
        raise UsageError(f"the data root is a path or a URL, not {type(root).__name__}")
    if root is None:
        return default_root()
    return expand_user(root) if str(root).startswith("~") else root


def parse_root_url(root: str | Path) -> str | None:
    """Return the URL if `root` is one, or None if it is the path of a folder.

    The slashes of "s3://bucket", of which `Path` removes one, are restored. Raises UsageError if
    the URL has a host name where a path is required, for example file://punks, or is a chain of
    several, for example simplecache::s3://bucket.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+::.*:/", str(root)):
        raise UsageError(
            f"'{root}' is a chain of URLs, which is not supported",
            hint="use one URL without ::, such as s3://bucket/punks; its files are cached anyway",
        )
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)([^/].*)", str(root))
    if match is None:
        return None
    scheme, rest = match[1].lower(), match[3]
    if scheme == "file" and match[2] == "//":
        raise UsageError(
            f"'{root}' has a host name instead of a path",
            hint=f"write it as file://{Path(rest).absolute()}",
        )
    return f"{scheme}:{'///' if scheme == 'file' else '//'}{re.sub('/+', '/', rest)}"


def snapshots_dir(root: Path) -> Path:
    """Return the folder below `root` that contains the snapshots."""
    return root / "snapshots" / DEFAULT_COLLECTION


def is_hidden(path: str | Path) -> bool:
    """Return whether a relative path is hidden, or was left behind by a file manager or a system.

    Examples are `.DS_Store`, `._0042.png`, `.ipynb_checkpoints/a.png` and `Thumbs.db`.
    """
    return any(name.startswith(".") or name.casefold() in _LEFTOVERS for name in Path(path).parts)


def root_option(root: Path) -> str:
    """Return the --root option for a suggested command, or "" for the default root."""
    if root == DEFAULT_ROOT:
        return ""
    url = parse_root_url(root)
    return f" --root {shell_quote(redact_url(url) if url else root)}"


def shell_quote(path: str | Path) -> str:
    """Return a path quoted for a POSIX shell, if it needs quotes.

    Bytes that are not UTF-8 and control characters are written as escapes, for bash and zsh.
    """
    text = str(path)
    if text == escape_control_characters(text) and "\n" not in text:
        return shlex.quote(text)
    return f"$'{''.join(map(_escape_byte, os.fsencode(text)))}'"


def _escape_byte(byte: int) -> str:
    return chr(byte) if 32 <= byte <= 126 and byte not in b"'\\" else f"\\x{byte:02x}"


def utc_now() -> datetime:
    """Return the current time in UTC, rounded down to a second."""
    return datetime.fromtimestamp(int(time.time()), UTC)


def refuse_url_root(root: Path) -> None:
    """Raise UsageError if a data root or file that is to be written is a URL, or below "~"."""
    if root.parts[:1] == ("~",):
        raise UsageError(f"cannot write '{root}'", hint="use an absolute path without ~")
    if url := parse_root_url(root):
        raise UsageError(
            f"cannot write to {redact_url(url)}: it is a URL",
            hint="choose a local folder; snapshots are uploaded with: punkdata publish",
        )


@contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn operating-system errors while writing below `path` into UsageError or StorageError.

    It is UsageError if trying again would not help, also if `path` is a URL.
    """
    refuse_url_root(path)
    try:
        yield
    except OSError as error:
        # Libraries raise subclasses of OSError without a number.
        if error.errno is None:
            raise
        message = f"cannot write '{error.filename or path}': {error.strerror}"
        if error.errno in _WRONG_PATH_ERRNOS:
            raise UsageError(message, hint="choose a folder that can be written") from None
        raise StorageError(
            message, hint="free some disk space, then run the same command again"
        ) from None


@contextmanager
def lock_root(root: Path) -> Iterator[None]:
    """Hold the lock of a data root, which is created if it does not exist.

    The operating system releases the lock even after `kill -9`. Raises BusyError if another
    process holds it, and the errors of `translate_os_errors`.
    """
    with translate_os_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        try:
            lock = _lock_file(root / ".lock")
        except (Timeout, BlockingIOError):
            raise BusyError(
                f"another command is writing to '{root}'",
                hint="wait until it has finished, then run the same command again",
            ) from None
    with lock:
        yield


def _lock_file(path: Path) -> AbstractContextManager[object]:
    """Lock a file, which is created if necessary, until the returned context ends.

    Everybody who may write to the folder may also write to a new lock file. An existing one that
    another user made read-only is locked through a read handle. Raises Timeout or BlockingIOError
    if it is locked already.
    """
    mode = 0o600 | path.parent.stat().st_mode & 0o066
    try:
        return FileLock(path, mode=mode).acquire(timeout=0)
    except PermissionError:
        if os.name == "nt" or not path.exists():
            raise
    import fcntl  # POSIX only

    file = path.open("rb")  # Closing it releases the lock.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def write_atomic(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Write a file atomically: to a temporary file in the same folder, which is then renamed.

    Missing folders are created and symbolic links are followed. Pipes and devices such as
    /dev/null are written directly. Without `flush`, a power failure (but not a killed process)
    may leave an incomplete file. Raises the errors of `translate_os_errors`.
    """
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(target)
        except OSError as error:
            # On a full disk, the incomplete file would take up space that is needed.
            with suppress(OSError):
                temporary.unlink()
            error.filename = str(path)  # The user does not know the temporary file.
            raise


def fsync_tree(folder: Path) -> None:
    """Flush a folder, and every file and folder below it, to disk."""
    with translate_os_errors(folder):
        for path in [*folder.rglob("*"), folder]:
            # Windows cannot open a folder; it flushes folder entries by itself.
            if path.is_dir() and os.name == "nt":
                continue
            handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

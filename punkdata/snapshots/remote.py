"""Snapshots at a URL: reading them through a local cache of their files, and uploading them.

Any URL that fsspec supports works, for example s3://, gs://, file:// or memory://. The layout
below the URL is that of a data root. Files are cached on demand and verified against the manifest:

    <cache>/cryptopunks/<version>-<first 12 hex digits of the manifest's SHA-256>/

fsspec's own caches (simplecache, filecache) would not do: they download straight to the final
name, where other processes find incomplete files, and they do not limit the size of a download.
"""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem
from platformdirs import user_cache_dir

from punkdata.errors import (
    DataError,
    NetworkError,
    PunkError,
    RefusedError,
    SetupError,
    StorageError,
    UsageError,
)
from punkdata.extras import find_missing_extra
from punkdata.files import DEFAULT_COLLECTION, redact_url, translate_os_errors, write_atomic
from punkdata.progress import Progress
from punkdata.snapshots.manifest import (
    MAX_MANIFEST_BYTES,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    parse_manifest,
)

REPUBLISH_HINT = "upload it again with: punkdata publish URL --force"
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory"}
"""Protocols whose uploads are atomic and whose folders need not be created."""


def open_remote(url: str, version: str) -> tuple[Path, Manifest, str]:
    """Locate a snapshot at the URL of a data root or of its own folder.

    Returns its folder in the cache, which contains only the manifest until files are downloaded,
    the manifest, and the URL of its own folder. Raises the errors of `open_snapshot`.
    """
    url = url.rstrip("/")
    if url.startswith("hf://"):
        from punkdata.snapshots.hub import find_on_hub

        url, data = find_on_hub(url, version)
    else:
        url, data = _find_below_root(url, version)
    manifest = parse_manifest(data, f"{redact_url(url)}/manifest.json", REPUBLISH_HINT)
    manifest.check_version(version, redact_url(url))
    # Two builds of the same version may differ in the bytes of their files, so the name of the
    # cache folder also contains the hash of the manifest.
    digest = hashlib.sha256(data).hexdigest()[:12]
    cache = os.environ.get("PUNKDATA_CACHE") or user_cache_dir("punkdata", appauthor=False)
    folder = Path(cache).expanduser() / DEFAULT_COLLECTION / f"{manifest.version}-{digest}"
    file = folder / "manifest.json"
    with translate_os_errors(file):
        if not file.is_file() or file.read_bytes() != data:
            write_atomic(file, data)
    return folder, manifest, url


def _find_below_root(url: str, version: str) -> tuple[str, bytes]:
    """Return the URL of a snapshot's folder, and its manifest, below a data root or at the URL."""
    data = read_url(f"{url}/manifest.json")
    if data is None:
        home = f"{url}/snapshots/{DEFAULT_COLLECTION}"
        found = _read_latest(home) if version == "latest" else version
        if found is None:
            raise UsageError(
                f"no complete snapshot found at {redact_url(url)}",
                hint=f"publish one with: punkdata publish {redact_url(url)}",
            )
        url = f"{home}/{found}"
        data = read_url(f"{url}/manifest.json") if re.fullmatch(VERSION_PATTERN, found) else None
    if data is None:
        raise UsageError(f"there is no snapshot at {redact_url(url)}")
    return url, data


def _read_latest(home: str) -> str | None:
    """Return the version that `latest` names in a remote snapshots folder, or None."""
    version = (read_url(f"{home}/latest") or b"").decode("utf-8", "replace").strip()
    return version if re.fullmatch(VERSION_PATTERN, version) else None


def read_url(url: str) -> bytes | None:
    """Return the first `MAX_MANIFEST_BYTES` + 1 bytes of a file, or None if it does not exist."""
    with url_errors(url):
        fs, path = fsspec.core.url_to_fs(url)
        try:
            data: bytes = fs.cat_file(path, end=MAX_MANIFEST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return data


def download_file(snapshot_url: str, entry: FileEntry, folder: Path) -> None:
    """Copy a file of a snapshot to its folder, where it appears once it is complete and verified.

    Raises DataError if it is missing or differs from its manifest entry.
    """
    url, path = f"{snapshot_url}/{entry.path}", folder / entry.path
    not_found = DataError(
        f"{redact_url(url)} is missing, although its manifest lists it", hint=REPUBLISH_HINT
    )
    # Each process writes a temporary file of its own, and the last rename wins. It is outside the
    # snapshot's folder, because it stays there if the process is killed.
    temporary = folder.parent / f".downloading-{uuid.uuid4().hex}"
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                temporary.open("xb") as file,
                url_errors(url, not_found),
                fsspec.open(url, "rb") as source,
            ):
                while file.tell() <= entry.bytes and (chunk := source.read(1 << 20)):
                    file.write(chunk)
            if entry.find_damage(temporary):
                raise DataError(
                    f"{redact_url(url)} differs from its manifest ({entry.bytes:,} bytes with the "
                    f"SHA-256 {entry.sha256[:12]}…)",
                    hint=REPUBLISH_HINT,
                )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def publish_snapshot(
    folder: Path,
    manifest: Manifest,
    url: str,
    progress: Progress = lambda done, total: None,
    *,
    force: bool = False,
) -> tuple[str, bool, str | None]:
    """Upload a snapshot, whose files have been verified, to the URL of a data root.

    Returns the URL of the snapshot, whether it was uploaded, and the latest version there.

    The manifest follows all other files, so an interrupted upload is never visible to readers, and
    calling this function again completes it. `latest` comes last, unless the snapshot is partial or
    a sample smaller than the latest one at the URL. Two builds of one version that are uploaded at
    the same time may get mixed; readers notice, and `force`, which replaces all files, repairs it.

    Raises UsageError if the bucket does not exist or the URL is the snapshot's own folder, and
    NetworkError if a file did not arrive completely.
    """
    url = url.rstrip("/")
    if url.startswith("hf://"):
        from punkdata.snapshots.hub import publish_to_hub

        return publish_to_hub(folder, manifest, url, progress, force=force)
    home = f"{url}/snapshots/{DEFAULT_COLLECTION}"
    target = f"{home}/{manifest.version}"
    is_uploaded = force or read_remote_manifest(target) is None
    not_found = UsageError(
        f"cannot write {redact_url(url)}: the bucket or folder does not exist",
        hint="check the URL, and create the bucket first",
    )
    with url_errors(url, not_found):
        if is_uploaded:
            _upload_files(folder, manifest, url, target, progress)
        if manifest.may_replace(read_remote_manifest(f"{home}/{_read_latest(home)}")):
            _upload(url, f"{home}/latest", f"{manifest.version}\n".encode())
    return target, is_uploaded, _read_latest(home)


def read_remote_manifest(target: str) -> Manifest | None:
    """Return the manifest of a remote snapshot; None if there is none or it is damaged."""
    with suppress(DataError):
        if data := read_url(f"{target}/manifest.json"):
            return parse_manifest(data, target, REPUBLISH_HINT)
    return None


def _upload_files(
    folder: Path, manifest: Manifest, url: str, target: str, progress: Progress
) -> None:
    """Upload all files, and the manifest only if the others have arrived completely."""
    fs, path = fsspec.core.url_to_fs(target)
    if isinstance(fs, LocalFileSystem) and Path(path).resolve() == folder.resolve():
        raise UsageError(
            f"cannot publish '{folder}' to its own location", hint="choose another URL"
        )
    with suppress(FileNotFoundError):
        fs.rm_file(f"{path}/manifest.json")
    done = 0
    progress(0, manifest.bytes)
    for entry in manifest.files:
        _upload(url, f"{target}/{entry.path}", (folder / entry.path).read_bytes())
        done += entry.bytes
        progress(done, manifest.bytes)
    fs.invalidate_cache()
    arrived = {name: info["size"] for name, info in fs.find(path, detail=True).items()}
    for entry in manifest.files:
        if arrived.get(f"{path}/{entry.path}") != entry.bytes:
            raise NetworkError(
                f"{redact_url(target)}/{entry.path} did not arrive completely",
                hint="run the same command again",
            )
    _upload(url, f"{target}/manifest.json", (folder / "manifest.json").read_bytes())


def _upload(root_url: str, url: str, data: bytes) -> None:
    """Write a file below a root URL atomically."""
    fs, path = fsspec.core.url_to_fs(url)
    if url.partition("://")[0] in _OBJECT_STORES:
        fs.pipe_file(path, data)
        return
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    # Outside the snapshot's folder, because it stays there if the process is killed.
    temporary = fsspec.core.url_to_fs(f"{root_url}/.uploading-{uuid.uuid4().hex}")[1]
    try:
        fs.pipe_file(temporary, data)
        fs.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            fs.rm_file(temporary)
        raise


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
    # http:// uses aiohttp and hf:// uses httpx, which keep the HTTP status in these attributes.
    status = getattr(getattr(error, "response", error), "status_code", getattr(error, "status", 0))
    if isinstance(error, PermissionError) or status in (401, 403):
        return RefusedError(
            f"access to {shown} was denied ({_describe(error)})", hint="check your credentials"
        )
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


def _describe(error: Exception) -> str:
    """Return the reason for a failed connection, or an exception's type and first line."""
    # aiohttp keeps the error of the operating system in an attribute.
    cause = getattr(error, "os_error", None)
    if isinstance(cause, OSError) and cause.errno:
        # The numbers of failed name lookups are negative; `os.strerror` does not know them.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    line = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {redact_url(line)}" if line else type(error).__name__

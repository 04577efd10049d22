"""Uploading a snapshot to a URL, in the layout of a data root.

Files appear one after the other, in the order of the manifest, which follows last: an interrupted
upload is never visible to readers, and can be completed. A file that exists is never replaced, so
of several uploads of the same version at the same time, the one that first creates a file that
differs between them goes on, and the others stop there.
"""

import errno
import hashlib
import inspect
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from punkdata.errors import BusyError, DataError, UsageError
from punkdata.files import DEFAULT_COLLECTION, lock_root
from punkdata.progress import Progress
from punkdata.safe_text import redact_url
from punkdata.snapshots.manifest import Manifest, parse_latest, parse_manifest
from punkdata.snapshots.stores.urls import REPUBLISH_HINT, read_optional, read_url, url_errors

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory"}
"""Protocols whose uploads are atomic and whose folders need not be created."""


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

    `latest` is updated last, unless the snapshot is partial or a sample smaller than the latest one
    at the URL. `force` replaces the files that are there.

    Raises UsageError if the bucket does not exist or the URL is the snapshot's own folder,
    BusyError if files of another build of this version are there, which is being uploaded or was
    not uploaded completely, and the errors of `open_snapshot` for a URL.
    """
    url = url.rstrip("/")
    if url.startswith("hf://"):
        from punkdata.snapshots.stores.hub import publish_to_hub

        return publish_to_hub(folder, manifest, url, progress, force=force)
    home = f"{url}/snapshots/{DEFAULT_COLLECTION}"
    target = f"{home}/{manifest.version}"
    not_found = UsageError(
        f"cannot write {redact_url(url)}: the bucket or folder does not exist",
        hint="check the URL, and create the bucket first",
    )
    with url_errors(url, not_found), _lock_local_folder(url, target, folder) as is_locked:
        is_uploaded = force or read_remote_manifest(target) is None
        if is_uploaded:
            _upload_files(folder, manifest, url, progress, replace=force or is_locked)
        latest = _read_latest(home)
        if manifest.may_replace(read_remote_manifest(f"{home}/{latest}") if latest else None):
            latest = manifest.version
            _upload(url, f"{home}/latest", f"{latest}\n".encode())
    return target, is_uploaded, latest


def read_remote_manifest(target: str) -> Manifest | None:
    """Return the manifest of a remote snapshot; None if there is none or it is damaged."""
    with suppress(DataError):
        if data := read_optional(f"{target}/manifest.json"):
            return parse_manifest(data, target, REPUBLISH_HINT)
    return None


def _read_latest(home: str) -> str | None:
    return parse_latest(read_optional(f"{home}/latest") or b"")


@contextmanager
def _lock_local_folder(url: str, target: str, folder: Path) -> Iterator[bool]:
    """Hold the lock of a data root that is a local folder; yields False for other URLs."""
    fs, path = fsspec.core.url_to_fs(target)
    if not isinstance(fs, LocalFileSystem):
        yield False
        return
    if Path(path).resolve() == folder.resolve():
        raise UsageError(
            f"cannot publish '{folder}' to its own location", hint="choose another URL"
        )
    with lock_root(Path(fsspec.core.url_to_fs(url)[1])):
        yield True


def _upload_files(
    folder: Path, manifest: Manifest, url: str, progress: Progress, *, replace: bool
) -> None:
    """Upload all files, and the manifest only if the others have arrived completely."""
    target = f"{url}/snapshots/{DEFAULT_COLLECTION}/{manifest.version}"
    # A manifest that cannot be read is useless, so it is replaced.
    if replace or read_optional(f"{target}/manifest.json") is not None:
        _remove(target, ["manifest.json"])
    if replace:
        _remove(target, [entry.path for entry in manifest.files])
    done = 0
    progress(0, manifest.bytes)
    try:
        for entry in manifest.files:
            _create(url, f"{target}/{entry.path}", (folder / entry.path).read_bytes())
            done += entry.bytes
            progress(done, manifest.bytes)
        _check_arrival(target, manifest)
        _create(url, f"{target}/manifest.json", (folder / "manifest.json").read_bytes())
        _check_arrival(target, manifest)
    except BusyError:
        found = read_remote_manifest(target)
        if found and _find_difference(target, found):
            _remove(target, ["manifest.json"])
        raise


def _remove(target: str, names: list[str]) -> None:
    """Remove those of a snapshot's files that exist."""
    fs, path = fsspec.core.url_to_fs(target)
    for name in names:
        with suppress(FileNotFoundError):
            fs.rm_file(f"{path}/{name}")


def _create(root_url: str, url: str, data: bytes) -> None:
    """Write a file unless it exists; raises BusyError if it exists with another content."""
    if _exists(url, data):
        return
    try:
        _upload(root_url, url, data, is_new=True)
    except Exception:
        # The stores have various errors for a file that another process has created meanwhile.
        if not _exists(url, data):
            raise


def _exists(url: str, data: bytes) -> bool:
    """Return whether a file exists; raises BusyError if it has another content than `data`."""
    found = read_optional(url, len(data))
    if found not in (None, data):
        raise BusyError(
            f"{redact_url(url)} belongs to another build of this version, whose upload is in "
            "progress or was interrupted",
            hint="wait until that upload is complete, or replace it with --force",
        )
    return found is not None


def _check_arrival(target: str, manifest: Manifest) -> None:
    if name := _find_difference(target, manifest):
        raise BusyError(
            f"{redact_url(target)}/{name} did not arrive, or another upload has replaced it",
            hint="run the same command again",
        )


def _find_difference(target: str, manifest: Manifest) -> str | None:
    """Return the first file at the URL of a snapshot that its manifest does not describe."""
    for entry in manifest.files:
        data = read_url(f"{target}/{entry.path}", entry.bytes)
        if data is None or hashlib.sha256(data).hexdigest() != entry.sha256:
            return entry.path
    return None


def _upload(root_url: str, url: str, data: bytes, *, is_new: bool = False) -> None:
    """Write a file below a root URL atomically; with `is_new`, fail if it exists already.

    Stores without such conditional writes, and other servers, replace the file instead.
    """
    fs, path = fsspec.core.url_to_fs(url)
    if url.partition("://")[0] in _OBJECT_STORES:
        if (
            is_new
            and "mode" in inspect.signature(getattr(fs, "_pipe_file", fs.pipe_file)).parameters
        ):
            try:
                fs.pipe_file(path, data, mode="create")
            except OSError as error:
                if error.errno != errno.ENOSYS:
                    raise
            else:
                return
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

"""Uploading a snapshot to a URL, from which `remote.py` reads it."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from punkdata.errors import DataError, NetworkError, UsageError
from punkdata.files import redact_url
from punkdata.progress import Progress
from punkdata.snapshots.manifest import Manifest, parse_manifest
from punkdata.snapshots.remote import REPUBLISH_HINT, read_latest, read_url, url_errors

OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory"}
"""Protocols whose uploads are atomic and whose folders need not be created."""


class PublishResult(NamedTuple):
    """The URL of a published snapshot, whether it was uploaded, and the latest version there."""

    url: str
    is_uploaded: bool
    latest: str | None


def publish_snapshot(
    folder: Path,
    manifest: Manifest,
    url: str,
    progress: Progress = lambda done, total: None,
    *,
    force: bool = False,
) -> PublishResult:
    """Upload a snapshot, whose files have been verified, to the URL of a data root.

    The manifest follows all other files, so an interrupted upload is never visible to readers, and
    calling this function again completes it. `latest` comes last, unless the snapshot is partial or
    a sample smaller than the latest one at the URL. If two builds of the same version are uploaded
    at the same time, their files may be mixed. Readers notice, because they verify every file, and
    uploading one of the builds with `force`, which replaces all files, repairs it.

    Raises UsageError if the bucket does not exist or the URL is the snapshot's own folder, and
    NetworkError if a file did not arrive completely.
    """
    url = url.rstrip("/")
    home = f"{url}/snapshots/{manifest.collection}"
    target = f"{home}/{manifest.version}"
    is_uploaded = force or _read_manifest(target) is None
    not_found = UsageError(
        f"cannot write {redact_url(url)}: the bucket or folder does not exist",
        hint="check the URL, and create the bucket first",
    )
    with url_errors(url, not_found):
        if is_uploaded:
            _upload_files(folder, manifest, url, target, progress)
        if manifest.may_replace(_read_manifest(f"{home}/{read_latest(home)}")):
            _upload(url, f"{home}/latest", f"{manifest.version}\n".encode())
    return PublishResult(target, is_uploaded, read_latest(home))


def _read_manifest(target: str) -> Manifest | None:
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
    if url.partition("://")[0] in OBJECT_STORES:
        fs.pipe_file(path, data)
        return
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    # The temporary file is placed outside the snapshot's folder, because it stays there if the
    # process is killed.
    temporary = fsspec.core.url_to_fs(f"{root_url}/.uploading-{uuid.uuid4().hex}")[1]
    try:
        fs.pipe_file(temporary, data)
        fs.mv(temporary, path)
    except BaseException:
        with suppress(Exception):
            fs.rm_file(temporary)
        raise

"""Uploading a snapshot to a URL, from which `remote.py` reads it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from punkdata.errors import NetworkError, UsageError
from punkdata.files import redact_url
from punkdata.progress import Progress
from punkdata.snapshots.manifest import Manifest, may_become_latest
from punkdata.snapshots.remote import parse_manifest_or_none, read_remote_latest
from punkdata.snapshots.url_io import delete_file, get_local_folder, get_size, read_url, upload_file


class PublishResult(NamedTuple):
    """The result of `publish_snapshot`."""

    url: str
    """URL of the snapshot."""
    is_uploaded: bool
    """Whether files were uploaded; False if the version was at the URL already."""
    latest: str | None
    """Version that `latest` names at the URL; None if there is no complete snapshot."""


def publish_snapshot(
    folder: Path,
    manifest: Manifest,
    url: str,
    progress: Progress = lambda done, total: None,
    *,
    force: bool = False,
) -> PublishResult:
    """Upload a snapshot: first its files, then the manifest, then `latest`.

    The manifest is the last file of the snapshot, so an interrupted upload is never visible to
    readers, and calling this function again completes it. If two builds of the same version are
    uploaded at the same time, their files may be mixed. Readers notice, because they verify every
    file, and uploading one of the builds with `force` repairs it.

    A partial snapshot, or a sample smaller than the latest snapshot at the URL, does not become
    the latest.

    Args:
        folder: Local folder of the snapshot, whose files have been verified.
        manifest: Manifest of the snapshot.
        url: URL of the data root to publish to.
        progress: Called with the number of bytes uploaded so far and in total.
        force: Upload again even if the version exists at the URL, to replace damaged files.
            Until the upload is complete, readers do not see the version.

    Raises:
        UsageError: fsspec does not support the URL, the bucket does not exist, or the URL is the
            snapshot's own folder.
        SetupError: A package or credentials are missing.
        RefusedError: The server denies access.
        NetworkError: The server cannot be reached, or a file did not arrive completely.
        StorageError: The disk is full.
    """
    home = f"{url.rstrip('/')}/snapshots/{manifest.collection}"
    target = f"{home}/{manifest.version}"
    existing = read_url(f"{target}/manifest.json")
    is_uploaded = force or parse_manifest_or_none(existing, target) is None
    if is_uploaded:
        if get_local_folder(target) == folder.resolve():
            raise UsageError(
                f"cannot publish '{folder}' to its own location", hint="choose another URL"
            )
        if existing is not None:
            delete_file(f"{target}/manifest.json")
        _upload_files(folder, manifest, target, progress)
        upload_file(f"{target}/manifest.json", folder / "manifest.json")
    newest_url = f"{home}/{read_remote_latest(home)}"
    newest = parse_manifest_or_none(read_url(f"{newest_url}/manifest.json"), newest_url)
    if may_become_latest(manifest, newest):
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary) / "latest"
            file.write_text(f"{manifest.version}\n", "utf-8")
            upload_file(f"{home}/latest", file)
    return PublishResult(target, is_uploaded, read_remote_latest(home))


def _upload_files(folder: Path, manifest: Manifest, target: str, progress: Progress) -> None:
    """Upload all files except the manifest, and check that they arrived completely."""
    total, done = sum(entry.bytes for entry in manifest.files), 0
    progress(0, total)
    for entry in manifest.files:
        upload_file(f"{target}/{entry.path}", folder / entry.path)
        done += entry.bytes
        progress(done, total)
    for entry in manifest.files:
        size = get_size(f"{target}/{entry.path}") or 0
        if size != entry.bytes:
            raise NetworkError(
                f"only {size:,} of {entry.bytes:,} bytes of {redact_url(target)}/{entry.path} "
                "arrived",
                hint="run the same command again",
            )

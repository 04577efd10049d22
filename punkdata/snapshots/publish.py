"""A snapshot sent below a URL, where remote.py reads it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from punkdata.errors import NetworkError, UsageError
from punkdata.files import redact_url
from punkdata.snapshots.manifest import Manifest, may_become_latest
from punkdata.snapshots.remote import parse_manifest_or_none, read_remote_latest
from punkdata.snapshots.url_io import delete_file, get_local_folder, get_size, read_url, upload_file


def publish_snapshot(
    folder: Path,
    manifest: Manifest,
    url: str,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    force: bool = False,
) -> tuple[str, bool, str | None]:
    """Send a snapshot below a URL, manifest last.

    Two that send one version at once, built twice with other bytes, may mix their files. Whoever
    reads them is told, because each file is checked; `force` mends it.

    Args:
        folder: the snapshot's own, checked.
        report: bytes sent, and of all.
        force: send it even if it is there already, because what is there is damaged; until all has
            arrived, there is none.

    Returns:
        Its URL; whether it was sent now, False if it was there already; and what `latest` names
        there, which is not this if it is partial, or a sample of what is there in full.

    Raises:
        UsageError: fsspec knows no such URL, there is no such bucket, or it is the folder's own.
        SetupError: a package or credentials are missing.
        RefusedError, NetworkError: the other side refuses, is not there, or lost something.
        StorageError: the disk is full.
    """
    home = f"{url.rstrip('/')}/snapshots/{manifest.collection}"
    target = f"{home}/{manifest.version}"
    there = read_url(f"{target}/manifest.json")
    is_sent = force or parse_manifest_or_none(there, target) is None
    if is_sent:
        if get_local_folder(target) == folder.resolve():
            raise UsageError(f"{folder} cannot be sent to itself", hint="choose another URL")
        if there is not None:
            delete_file(f"{target}/manifest.json")
        _send_files(folder, manifest, target, report)
        upload_file(f"{target}/manifest.json", folder / "manifest.json")
    newest = parse_manifest_or_none(
        read_url(f"{home}/{read_remote_latest(home)}/manifest.json"), home
    )
    if may_become_latest(manifest, newest):
        with tempfile.TemporaryDirectory() as beside:
            (Path(beside) / "latest").write_text(f"{manifest.version}\n", "utf-8")
            upload_file(f"{home}/latest", Path(beside) / "latest")
    return target, is_sent, read_remote_latest(home)


def _send_files(
    folder: Path, manifest: Manifest, target: str, report: Callable[[int, int], None]
) -> None:
    """All but the manifest, and look whether they have arrived in full."""
    total, sent = sum(entry.bytes for entry in manifest.files), 0
    report(0, total)
    for entry in manifest.files:
        upload_file(f"{target}/{entry.path}", folder / entry.path)
        sent += entry.bytes
        report(sent, total)
    for entry in manifest.files:
        arrived = get_size(f"{target}/{entry.path}") or 0
        if arrived != entry.bytes:
            raise NetworkError(
                f"{redact_url(target)}/{entry.path} arrived with {arrived:,} of "
                f"{entry.bytes:,} bytes",
                hint="run the same command again",
            )

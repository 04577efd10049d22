"""Removing snapshots and recordings: named one by one, renamed before they are deleted.

What has been renamed is not to be seen any more, so a stop leaves nothing half; the next removal
deletes what such a stop has left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from punkdata.errors import DataError, UsageError
from punkdata.files import (
    raw_dir,
    remove_tree,
    root_option,
    snapshots_dir,
    translate_os_errors,
    write_atomic,
)
from punkdata.snapshots.manifest import VERSION_PATTERN, Manifest, may_become_latest, read_manifest
from punkdata.snapshots.versions import COLLECTION, get_latest_version
from punkdata.sources.recording import open_recording

_HIDDEN = ".removing-"


@dataclass(frozen=True)
class RemovalTarget:
    """A folder that was asked for by name."""

    name: str
    path: Path
    kind: Literal["snapshot", "recording"]
    bytes: int
    warning: str = ""
    """why it takes `force`; empty where it does not"""


def find_removal_targets(
    root: Path, names: list[str], collection: str = COLLECTION
) -> list[RemovalTarget]:
    """What lies below a root under these names.

    Args:
        names: of snapshots, as s2-0123456789ab, or of recordings; nothing else is looked for.

    Raises:
        UsageError: one is no such name, or there is none of it.
    """
    found = []
    latest = get_latest_version(root, collection)
    for name in dict.fromkeys(names):
        if re.fullmatch(VERSION_PATTERN, name):
            path = snapshots_dir(root, collection) / name
            warning = "it is the latest" if name == latest else ""
            kind: Literal["snapshot", "recording"] = "snapshot"
        elif re.fullmatch(r"[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9-]+", name):
            path, kind = raw_dir(root) / name, "recording"
            warning = _why_keep(path)
        else:
            raise UsageError(
                f"{name!r} is no name of a snapshot or a recording",
                hint=f"they lie in {snapshots_dir(root, collection)} and {raw_dir(root)}",
            )
        if not path.is_dir() and not path.is_symlink():
            raise UsageError(
                f"there is no {kind} {name} in {root}",
                hint=f"punkdata list{root_option(root)}",
            )
        found.append(RemovalTarget(name, path, kind, _size(path), warning))
    return found


def remove(root: Path, doomed: list[RemovalTarget], collection: str = COLLECTION) -> str | None:
    """Delete folders; the caller holds the root's lock.

    Where the latest snapshot is among them, `latest` first goes to the newest that stays.

    Returns:
        The version that `latest` names now.

    Raises:
        UsageError, StorageError: a folder cannot be deleted.
    """
    home = snapshots_dir(root, collection)
    leaving = {one.path for one in doomed}
    if any(one.name == get_latest_version(root, collection) for one in doomed):
        stays = _newest(
            [file for file in home.glob("[!.]*/manifest.json") if file.parent not in leaving]
        )
        if stays is None:
            with translate_os_errors(home):
                (home / "latest").unlink()
        else:
            write_atomic(home / "latest", f"{stays.version}\n".encode())
    for one in doomed:
        hidden = one.path.with_name(f"{_HIDDEN}{one.name}")
        _delete(hidden)  # of a removal that was stopped, and the same name made anew
        with translate_os_errors(one.path):
            one.path.rename(hidden)
    for folder in (home, raw_dir(root)):
        for hidden in folder.glob(f"{_HIDDEN}*"):
            _delete(hidden)
    return get_latest_version(root, collection)


def _newest(manifests: list[Path]) -> Manifest | None:
    """Of complete snapshots the one that would be the latest."""
    newest = None
    for manifest in sorted((read_manifest(file) for file in manifests), key=lambda m: m.created_at):
        if may_become_latest(manifest, newest):
            newest = manifest
    return newest


def _why_keep(recording: Path) -> str:
    if not (recording / "recording.json").is_file():
        return ""
    try:
        unfinished = open_recording(recording).info.status == "running"
    except DataError:
        return "it cannot be read"
    return "it is unfinished, and a fetch would go on with it" if unfinished else ""


def _delete(path: Path) -> None:
    with translate_os_errors(path):
        if path.is_symlink():
            path.unlink()  # what it leads to is not ours
        elif path.is_dir():
            remove_tree(path)


def _size(folder: Path) -> int:
    if folder.is_symlink():
        return 0
    return sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_dir())

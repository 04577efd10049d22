"""Checks of a data root between two commands of the soak test."""

from __future__ import annotations

import os
import random
from pathlib import Path

from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import find_damaged_files, list_snapshots, open_snapshot
from punkdata.sources.recording import list_recordings


class ViolationError(Exception):
    """Raised if a command left behind something that it must not."""


def measure_root(root: Path, valid_versions: set[str], torn: set[str]) -> dict[str, int]:
    """Check a data root, and return the number of entries of each recording and snapshot.

    Args:
        valid_versions: Versions that complete snapshots may have.
        torn: Names of unfinished recordings to skip, because they may have lost data.

    Raises:
        ViolationError: A snapshot is incomplete, or has content that no source has.
        DataError: A finished recording is damaged.
    """
    sizes = {}
    for recording in list_recordings(root):
        replies = list(recording.replies())
        if recording.info.status == "running":
            if recording.name not in torn:
                sizes[recording.name] = len(replies)
            continue
        for reply in replies:
            if reply.body is not None:
                recording.read_body(reply)
        sizes[recording.name] = len(replies)
    for snapshot in list_snapshots(root):
        if damage := find_damaged_files(snapshot):
            raise ViolationError(f"{snapshot.version} is visible but incomplete: {damage}")
        manifest = snapshot.manifest
        if manifest.status == "complete" and snapshot.version not in valid_versions:
            raise ViolationError(f"{snapshot.version} has content that no source has")
        sizes[snapshot.version] = manifest.punks
    if get_latest_version(root):
        open_snapshot(root)
    return sizes


def check_nothing_lost(before: dict[str, int], after: dict[str, int], ignored: set[str]) -> None:
    """Compare two results of `measure_root`, except for the names in `ignored`.

    Raises:
        ViolationError: A recording or snapshot is gone, or has fewer entries.
    """
    for name, size in before.items():
        if name not in ignored and after.get(name, -1) < size:
            raise ViolationError(f"{name} had {size} entries and now has {after.get(name)}")


def simulate_power_failure(root: Path, rng: random.Random) -> set[str]:
    """Truncate files that were not flushed to disk, and return the names of their recordings.

    Only unfinished recordings have such files.
    """
    torn = set()
    for recording in list_recordings(root):
        if recording.info.status != "running":
            continue
        torn.add(recording.name)
        if recording.index_path.exists():
            size = recording.index_path.stat().st_size
            os.truncate(recording.index_path, max(0, size - rng.randrange(400)))
        # Bodies that are shared with a finished recording are on disk already.
        bodies = [p for p in (recording.path / "bodies").glob("*") if p.stat().st_nlink == 1]
        bodies.sort(key=lambda path: path.stat().st_mtime)
        for body in bodies[-rng.randrange(1, 6) :]:
            os.truncate(body, rng.randrange(body.stat().st_size + 1))
    return torn

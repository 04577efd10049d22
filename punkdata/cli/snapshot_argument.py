"""Opening the snapshot that is named on the command line.

The package `punkdata.snapshots` does not depend on recordings. Therefore the hint on how to get a
first snapshot (resume a fetch, start one, or build from a finished one) is composed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from punkdata.files import root_option

if TYPE_CHECKING:
    from punkdata.snapshots.reader import Snapshot


def open_snapshot_argument(root: Path, name: str) -> Snapshot:
    """Open a snapshot by its version below a root, by its folder or by its URL.

    Raises the same errors as `punkdata.snapshots.reader.open_snapshot`.
    """
    from punkdata.snapshots.reader import resolve_snapshot
    from punkdata.snapshots.versions import NoSnapshotError

    try:
        return resolve_snapshot(root, name)
    except NoSnapshotError as error:
        raise NoSnapshotError(error.message, hint=suggest_first_snapshot(root)) from None


def suggest_first_snapshot(root: Path) -> str:
    """Return the commands that create the first snapshot of a root."""
    from punkdata.sources.find_recording import list_finished, suggest_fetch

    build = f"punkdata build-dataset{root_option(root)}"
    if list_finished(root):
        return f"create one with: {build}"
    return f"{suggest_fetch(root)} && {build}"

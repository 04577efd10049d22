"""Check that a fetch, its replay and the builds of both come to the same result."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.opensea_api import KEY
from support.paths import iter_files
from support.row_damage import check_message

from punkdata.build import build_dataset
from punkdata.errors import DataError
from punkdata.fetch import OpenSeaResult, fetch_opensea
from punkdata.snapshots.reader import Snapshot
from punkdata.sources.recording import open_recording
from punkdata.sources.recording_transport import RecordingTransport

MAX_WARNINGS = 24
"""Number of warnings that a person still reads."""


def check_agreement(root: Path, result: OpenSeaResult) -> Snapshot | None:
    """Replay and build a recording in `root`, compare all results, and return the snapshot, if any.

    A partial recording must be refused without `allow_partial`, and its messages must be readable.
    """
    recording = open_recording(result.recording.path)
    info = recording.info
    assert info.status == ("partial" if info.missing or info.lost_sales else "complete")
    assert len(info.warnings) <= MAX_WARNINGS
    for text in [*info.warnings, *info.missing.values()]:
        check_message(text)
    other_root = root.with_name(f"{root.name}-replayed")
    replayed = fetch_opensea(
        other_root, RecordingTransport(recording), str(info.base_url), limit=info.limit
    )
    same = replayed.recording.info
    assert (same.status, same.missing, same.lost_sales) == (
        info.status,
        info.missing,
        info.lost_sales,
    )
    for name in ("punks", "sales", "listed", "listed_other_currency", "wrapped_sales", "owners"):
        assert getattr(replayed, name) == getattr(result, name), name
    for name in ("eth_usd", "floor_prices", "trait_floors", "stats"):
        assert getattr(replayed.market, name) == getattr(result.market, name), name
    if info.status == "partial":
        with pytest.raises(DataError, match="is partial"):
            build_dataset(root)
    snapshots = [build_or_refuse(folder, result.punks) for folder in (root, other_root)]
    for snapshot in filter(None, snapshots):
        manifest = snapshot.manifest
        assert manifest.version == (snapshots[0] or snapshot).manifest.version
        assert (manifest.missing, manifest.punks) == (info.missing, result.punks)
        assert (manifest.status == "partial") == (info.status == "partial")
    for name, data in iter_files(root):
        assert KEY.encode() not in data, name
    return snapshots[0]


def build_or_refuse(root: Path, num_punks: int) -> Snapshot | None:
    """Build a snapshot, or check that none is built because there are no punks."""
    if num_punks:
        return build_dataset(root, allow_partial=True).snapshot
    with pytest.raises(DataError, match="no punks"):
        build_dataset(root, allow_partial=True)
    return None

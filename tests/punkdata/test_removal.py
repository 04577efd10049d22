from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from punkdata import open_snapshot
from punkdata.errors import UsageError
from punkdata.removal import find_removal_targets, remove
from punkdata.snapshots.reader import Snapshot, list_snapshots
from punkdata.snapshots.versions import get_latest_version
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources.find_recording import list_recordings


def remove_by_name(root: Path, *names: str) -> str | None:
    return remove(root, find_removal_targets(root, list(names)))


@pytest.fixture
def older(root: Path) -> Snapshot:
    """A second complete snapshot in the root, older than the first."""
    new = open_snapshot(root)
    punks = new.punks().slice(0, 50)
    changed = {"version": f"s2-{'0' * 12}", "created_at": "2020-01-01T00:00:00+00:00"}
    counted = {"expected": 50, "punks": 50}
    manifest = new.manifest.model_copy(update=changed | counted)
    snapshot, _ = write_snapshot(root, manifest, punks, None, new.provenance().slice(0, 50))
    (snapshot.path.parent / "latest").write_text(f"{new.version}\n")
    return snapshot


def list_files(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*")} - {".lock"}


def test_remove_deletes_only_the_named_snapshot(root: Path, older: Snapshot) -> None:
    before = list_files(root)
    new = open_snapshot(root).version
    assert remove_by_name(root, older.version) == new
    removed = before - list_files(root)
    assert removed
    assert all(older.version in name for name in removed)
    assert open_snapshot(root).version == new


def test_removing_the_latest_moves_latest_to_the_newest_remaining(
    root: Path, older: Snapshot
) -> None:
    new = open_snapshot(root)
    assert remove_by_name(root, new.version) == older.version == get_latest_version(root)
    assert open_snapshot(root).version == older.version
    assert remove_by_name(root, older.version) is None
    with pytest.raises(UsageError, match="no complete snapshot"):
        open_snapshot(root)


def test_partial_snapshot_does_not_become_the_latest(root: Path, older: Snapshot) -> None:
    manifest = older.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"partial"'))
    assert remove_by_name(root, open_snapshot(root).version) is None
    assert [s.version for s in list_snapshots(root)] == [older.version]


def test_removing_a_recording_keeps_its_snapshot(root: Path) -> None:
    (recording,) = list_recordings(root)
    assert remove_by_name(root, recording.name) == open_snapshot(root).version
    assert list_recordings(root) == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "/",
        "latest",
        "raw",
        "snapshots",
        "*",
        "s2-*",
        "s2-0123456789ab/../..",
        "s2-0",
    ],
)
def test_invalid_names_are_rejected(name: str, root: Path) -> None:
    before = list_files(root)
    with pytest.raises(UsageError, match="is not the name of"):
        remove_by_name(root, name)
    assert list_files(root) == before


def test_one_unknown_name_prevents_all_removals(root: Path, older: Snapshot) -> None:
    before = list_files(root)
    with pytest.raises(UsageError, match="there is no snapshot s2-abcdefabcdef"):
        remove_by_name(root, older.version, "s2-abcdefabcdef")
    assert list_files(root) == before


def test_latest_and_unfinished_targets_have_a_warning(root: Path) -> None:
    (latest,) = find_removal_targets(root, [open_snapshot(root).version])
    assert latest.warning == "it is the latest"
    (recording,) = list_recordings(root)
    assert find_removal_targets(root, [recording.name])[0].warning == ""
    info = recording.path / "recording.json"
    info.write_text(info.read_text().replace('"complete"', '"running"'))
    assert "unfinished" in find_removal_targets(root, [recording.name])[0].warning
    info.write_text("{")
    assert "cannot be read" in find_removal_targets(root, [recording.name])[0].warning
    remove_by_name(root, recording.name)
    assert not recording.path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_removing_a_symlink_keeps_its_target(root: Path, tmp_path: Path) -> None:
    version = open_snapshot(root).version
    path = open_snapshot(root).path
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    before = list_files(elsewhere)
    remove_by_name(root, version)
    assert not path.is_symlink()
    assert list_files(elsewhere) == before


def test_interrupted_removal_is_completed_by_the_next_one(
    root: Path, older: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            remove_by_name(root, older.version)
    hidden = list(older.path.parent.glob(".removing-*"))
    assert len(hidden) == 1
    assert [s.version for s in list_snapshots(root)] == [open_snapshot(root).version]
    (recording,) = list_recordings(root)
    remove_by_name(root, recording.name)
    assert not hidden[0].exists()


def test_target_size_is_the_size_of_its_files(root: Path) -> None:
    (target,) = find_removal_targets(root, [open_snapshot(root).version])
    files = [p for p in target.path.rglob("*") if p.is_file()]
    assert target.bytes == sum(p.stat().st_size for p in files)

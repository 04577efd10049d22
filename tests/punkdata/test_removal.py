from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from punkdata import open_snapshot
from punkdata.errors import UsageError
from punkdata.removal import find_removal_targets, remove
from punkdata.snapshots.reader import Snapshot, list_snapshots
from punkdata.snapshots.versions import get_latest_version
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources.find_recording import list_recordings


def take(root: Path, *names: str) -> str | None:
    return remove(root, find_removal_targets(root, list(names)))


@pytest.fixture
def older(root: Path) -> Snapshot:
    """A second complete snapshot in the root, older than the first."""
    new = open_snapshot(root)
    punks = new.punks().slice(0, 50)
    changed = {"version": f"s2-{'0' * 12}", "created_at": "2020-01-01T00:00:00+00:00"}
    counted = {"expected": 50, "punks": 50}
    manifest = new.manifest.model_copy(update=changed | counted)
    made, _ = write_snapshot(root, manifest, punks, None, new.provenance().slice(0, 50))
    (made.path.parent / "latest").write_text(f"{new.version}\n")
    return made


def everything(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*")} - {".lock"}


def test_only_what_is_named_goes(root: Path, older: Snapshot) -> None:
    before = everything(root)
    new = open_snapshot(root).version
    assert take(root, older.version) == new
    gone = before - everything(root)
    assert gone
    assert all(older.version in name for name in gone)
    assert open_snapshot(root).version == new


def test_where_the_latest_goes_the_newest_that_stays_takes_its_place(
    root: Path, older: Snapshot
) -> None:
    new = open_snapshot(root)
    assert take(root, new.version) == older.version == get_latest_version(root)
    assert open_snapshot(root).version == older.version
    assert take(root, older.version) is None
    with pytest.raises(UsageError, match="no complete snapshot"):
        open_snapshot(root)


def test_a_partial_snapshot_does_not_become_the_latest(root: Path, older: Snapshot) -> None:
    manifest = older.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"partial"'))
    assert take(root, open_snapshot(root).version) is None
    assert [s.version for s in list_snapshots(root)] == [older.version]


def test_a_recording_goes_and_a_snapshot_of_it_stays(root: Path) -> None:
    (recording,) = list_recordings(root)
    assert take(root, recording.name) == open_snapshot(root).version
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
def test_what_is_no_name_is_refused(name: str, root: Path) -> None:
    before = everything(root)
    with pytest.raises(UsageError, match="is no name of"):
        take(root, name)
    assert everything(root) == before


def test_one_wrong_name_stops_all(root: Path, older: Snapshot) -> None:
    before = everything(root)
    with pytest.raises(UsageError, match="there is no snapshot s2-abcdefabcdef"):
        take(root, older.version, "s2-abcdefabcdef")
    assert everything(root) == before


def test_the_latest_and_the_unfinished_have_a_warning(root: Path) -> None:
    (latest,) = find_removal_targets(root, [open_snapshot(root).version])
    assert latest.warning == "it is the latest"
    (recording,) = list_recordings(root)
    assert find_removal_targets(root, [recording.name])[0].warning == ""
    info = recording.path / "recording.json"
    info.write_text(info.read_text().replace('"complete"', '"running"'))
    assert "unfinished" in find_removal_targets(root, [recording.name])[0].warning
    info.write_text("{")
    assert "cannot be read" in find_removal_targets(root, [recording.name])[0].warning
    take(root, recording.name)
    assert not recording.path.exists()


def test_a_link_is_removed_and_what_it_leads_to_is_not(root: Path, tmp_path: Path) -> None:
    version = open_snapshot(root).version
    path = open_snapshot(root).path
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    before = everything(elsewhere)
    take(root, version)
    assert not path.is_symlink()
    assert everything(elsewhere) == before


def test_stopped_between_it_is_ended_by_the_next(
    root: Path, older: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            take(root, older.version)
    hidden = list(older.path.parent.glob(".removing-*"))
    assert len(hidden) == 1
    assert [s.version for s in list_snapshots(root)] == [open_snapshot(root).version]
    (recording,) = list_recordings(root)
    take(root, recording.name)
    assert not hidden[0].exists()


def test_sizes_are_those_on_disk(root: Path) -> None:
    (found,) = find_removal_targets(root, [open_snapshot(root).version])
    files = [p for p in found.path.rglob("*") if p.is_file()]
    assert found.bytes == sum(p.stat().st_size for p in files)

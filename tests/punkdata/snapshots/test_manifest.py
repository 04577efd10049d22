from __future__ import annotations

import json
from pathlib import Path

import pytest

from punkdata.errors import DataError
from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import open_snapshot
from punkdata.traits import LABELS


def test_counts_add_up(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    assert manifest.punks == manifest.expected == 60
    for parts in manifest.splits.values():
        assert sum(parts.values()) == 60
    assert list(manifest.labels) == list(LABELS)
    assert sum(manifest.accessories_per_punk.values()) == 60


def test_only_ten_thousand_complete_punks_are_the_whole_collection(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    assert not manifest.is_whole_collection
    whole = manifest.model_copy(update={"expected": 10_000})
    assert whole.is_whole_collection
    assert not whole.model_copy(update={"status": "partial"}).is_whole_collection


def test_fields_of_a_newer_writer_are_passed_over(built_root: Path, tmp_path: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest.model_dump(mode="json") | {"news": 1}))
    assert read_manifest(file) == manifest


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", ".hidden", "a\\b"]
)
def test_a_file_outside_the_snapshot_is_refused(
    path: str, built_root: Path, tmp_path: Path
) -> None:
    data = open_snapshot(built_root).manifest.model_dump(mode="json")
    data["files"][0]["path"] = path
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match="damaged .files.0.path: "):
        read_manifest(file)


def test_a_manifest_larger_than_any_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(10**11)  # takes no room on the disk
    with pytest.raises(DataError, match="more than 64,000,000 bytes"):
        read_manifest(tmp_path / "manifest.json")


def test_a_wrong_field_is_named(built_root: Path, tmp_path: Path) -> None:
    data = open_snapshot(built_root).manifest.model_dump(mode="json") | {"punks": "many"}
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match="damaged .punks: "):
        read_manifest(file)

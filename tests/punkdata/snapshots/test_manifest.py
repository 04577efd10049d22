from __future__ import annotations

import json
from pathlib import Path

import pytest

from punkdata.errors import DataError
from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import open_snapshot
from punkdata.traits import LABELS


def test_counts_add_up_to_the_number_of_punks(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    assert manifest.punks == manifest.expected == 60
    for sizes in manifest.splits.values():
        assert sum(sizes.values()) == 60
    assert list(manifest.labels) == list(LABELS)
    assert sum(manifest.accessories_per_punk.values()) == 60


def test_unknown_fields_are_ignored(built_root: Path, tmp_path: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest.model_dump(mode="json") | {"unknown_field": 1}))
    assert read_manifest(file) == manifest


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", ".hidden", "a\\b"]
)
def test_file_path_outside_the_snapshot_is_rejected(
    path: str, built_root: Path, tmp_path: Path
) -> None:
    data = open_snapshot(built_root).manifest.model_dump(mode="json")
    data["files"][0]["path"] = path
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match="damaged .files.0.path: "):
        read_manifest(file)


def test_oversized_manifest_is_rejected_without_parsing(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(64_000_001)  # a sparse file
    with pytest.raises(DataError, match="more than 64,000,000 bytes"):
        read_manifest(tmp_path / "manifest.json")


def test_invalid_field_is_named_in_the_error(built_root: Path, tmp_path: Path) -> None:
    data = open_snapshot(built_root).manifest.model_dump(mode="json") | {"punks": "many"}
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match="damaged .punks: "):
        read_manifest(file)


def test_may_replace_latest_unless_partial_or_a_sample_of_a_larger_one(built_root: Path) -> None:
    complete = open_snapshot(built_root).manifest
    partial = complete.model_copy(update={"status": "partial"})
    sample = complete.model_copy(update={"limit": 3, "expected": 3})
    assert complete.may_replace(None)
    assert complete.may_replace(sample)
    assert sample.may_replace(None)
    assert sample.may_replace(sample)
    assert not sample.may_replace(complete)
    assert not partial.may_replace(None)

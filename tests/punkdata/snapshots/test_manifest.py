from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from punkdata.errors import DataError
from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import Snapshot, open_snapshot


def write_manifest(snapshot: Snapshot, folder: Path, changes: dict[str, object]) -> Path:
    file = folder / "manifest.json"
    file.write_text(json.dumps(snapshot.manifest.model_dump(mode="json") | changes))
    return file


def test_unknown_fields_are_ignored(snapshot: Snapshot, tmp_path: Path) -> None:
    file = write_manifest(snapshot, tmp_path, {"unknown_field": 1})
    assert read_manifest(file) == snapshot.manifest


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", ".hidden", "a\\b"]
)
def test_file_path_outside_the_snapshot_is_rejected(
    path: str, snapshot: Snapshot, tmp_path: Path
) -> None:
    entry = {"path": path, "bytes": 1, "sha256": "0" * 64}
    with pytest.raises(DataError, match="damaged .files.0.path: "):
        read_manifest(write_manifest(snapshot, tmp_path, {"files": [entry]}))


@pytest.mark.parametrize(
    "paths",
    [
        *(("a/b", "a/b"), ("README.md", "readme.md"), ("a", "a/b"), ("B/c", "b")),
        *(("manifest.json",), ("MANIFEST.json/a",)),
    ],
)
def test_files_that_would_replace_each_other_are_rejected(
    paths: tuple[str, ...], snapshot: Snapshot, tmp_path: Path
) -> None:
    entries = [{"path": path, "bytes": 1, "sha256": "0" * 64} for path in paths]
    with pytest.raises(DataError, match="damaged .files: two files would have the path "):
        read_manifest(write_manifest(snapshot, tmp_path, {"files": entries}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("punks", "many"), ("punks", -1), ("expected", 10**30), ("labels", {})),
        ("market_stats.volume", math.nan),
        ("market_stats.floor_price", -1),
        ("market_stats.floor_price_symbol", "x" * 1000),
    ],
)
def test_invalid_field_is_named_in_the_error(
    field: str, value: object, snapshot: Snapshot, tmp_path: Path
) -> None:
    name, *nested = field.split(".")
    changes = {name: {nested[0]: value} if nested else value}
    with pytest.raises(DataError, match=f"damaged .{field}: "):
        read_manifest(write_manifest(snapshot, tmp_path, changes))


def test_oversized_manifest_is_rejected_without_parsing(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(64_000_001)  # a sparse file
    with pytest.raises(DataError, match="more than 64,000,000 bytes"):
        read_manifest(tmp_path / "manifest.json")


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

"""Fuzz tests of the readers of recordings and snapshots; `make fuzz` runs them.

For any input, a reader must return a result or raise a PunkError.
"""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import (
    ByteEdit,
    JsonEdit,
    byte_edits,
    check_reader,
    damage_bytes,
    damage_json,
    fuzz_settings,
    json_edits,
)

from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.shards import read_shard
from punkdata.sources.recording import open_recording


def test_manifest_reader_handles_damaged_bytes(built_root: Path, tmp_path: Path) -> None:
    data = (open_snapshot(built_root).path / "manifest.json").read_bytes()
    path = tmp_path / "manifest.json"

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        path.write_bytes(damage_bytes(data, edits))
        check_reader(lambda: read_manifest(path))

    fuzz()


def test_manifest_reader_handles_other_json(built_root: Path, tmp_path: Path) -> None:
    data = json.loads((open_snapshot(built_root).path / "manifest.json").read_bytes())
    path = tmp_path / "manifest.json"

    @fuzz_settings
    @given(json_edits)
    def fuzz(edits: list[JsonEdit]) -> None:
        path.write_bytes(damage_json(data, edits))
        check_reader(lambda: read_manifest(path))

    fuzz()


def test_recording_reader_handles_damaged_files(built_root: Path, tmp_path: Path) -> None:
    (source,) = (built_root / "raw").iterdir()
    names = ["recording.json", "index.jsonl"]

    @fuzz_settings
    @given(st.sampled_from(names), byte_edits)
    def fuzz(damaged_name: str, edits: list[ByteEdit]) -> None:
        for name in names:
            data = (source / name).read_bytes()
            is_damaged = name == damaged_name
            (tmp_path / name).write_bytes(damage_bytes(data, edits) if is_damaged else data)
        check_reader(lambda: list(open_recording(tmp_path).replies()))

    fuzz()


def test_shard_reader_handles_damaged_tar_files(built_root: Path, tmp_path: Path) -> None:
    (shard,) = (open_snapshot(built_root).path / "shards").glob("punks-val-*.tar")
    data = shard.read_bytes()
    path = tmp_path / "a.tar"

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        path.write_bytes(damage_bytes(data, edits))
        check_reader(lambda: read_shard(path))

    fuzz()


def test_snapshot_reader_handles_damaged_parquet(snapshot: Snapshot, tmp_path: Path) -> None:
    (source,) = (snapshot.path / "data").glob("punks-val-*")
    data = source.read_bytes()
    damaged_snapshot = Snapshot(tmp_path, snapshot.manifest)
    path = tmp_path / "data" / source.name
    path.parent.mkdir()

    @fuzz_settings
    @given(byte_edits)
    def fuzz(edits: list[ByteEdit]) -> None:
        path.write_bytes(damage_bytes(data, edits))
        check_reader(lambda: damaged_snapshot.punks("val"))

    fuzz()

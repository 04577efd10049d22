"""Helpers that change the files of a snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from punkdata.build import build_dataset
from punkdata.files import sha256_file
from punkdata.snapshots.reader import open_snapshot, punks_file_name


def _relist(root: Path) -> None:
    """Make the manifest agree with changed files, so that only deeper checks can tell."""
    snapshot = open_snapshot(root)
    file = snapshot.path / "manifest.json"
    data = json.loads(file.read_text())
    for entry in data["files"]:
        path = snapshot.path / entry["path"]
        entry["bytes"], entry["sha256"] = path.stat().st_size, sha256_file(path)
    file.write_text(json.dumps(data))


def change_rows(root: Path, column: str, value: object) -> None:
    """Another value in the first row of the validation part, and a manifest that agrees."""
    path = open_snapshot(root).path / punks_file_name("val")
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    rows = table.column(column).to_pylist()
    rows[0] = value
    field = table.schema.field(column)
    pq.write_table(table.set_column(at, field, pa.array(rows, field.type)), path)
    _relist(root)


def build_version(root: Path) -> str:
    """Build a snapshot from the newest recording of an OpenSea, and return its version."""
    return build_dataset(root).snapshot.version

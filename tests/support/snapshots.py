"""Helpers that build snapshots, and change their files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from support.network import Fetch

from punkdata.build import BuildResult, build_dataset
from punkdata.files import sha256_file
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.stores.publish import publish_snapshot

Build = Callable[..., BuildResult]
"""Type of the `build` fixture."""


def update_manifest(root: Path) -> None:
    """Write the current sizes and hashes of all files to the manifest.

    Afterwards, a changed file is only found by checks of its content.
    """
    snapshot = open_snapshot(root)
    file = snapshot.path / "manifest.json"
    data = json.loads(file.read_text())
    for entry in data["files"]:
        path = snapshot.path / entry["path"]
        entry["bytes"], entry["sha256"] = path.stat().st_size, sha256_file(path)
    file.write_text(json.dumps(data))


def build_again(snapshot: Snapshot, folder: Path) -> Snapshot:
    """Return a snapshot of the same version in another folder, all of whose files have other bytes.

    Another version of pyarrow may write such files.
    """
    shutil.copytree(snapshot.path, folder)
    for path in folder.rglob("*.*"):
        if path.suffix == ".parquet":
            pq.write_table(pq.read_table(path), path, compression="none")
        elif path.name != "manifest.json":
            path.write_bytes(path.read_bytes() + bytes(1024))
    update_manifest(folder)
    return open_snapshot(folder)


def change_rows(
    root: Path, column: str, value: object, file: str = table_file("punks", "val")
) -> int:
    """Change a value in the first row of a file, by default the validation split; return its punk.

    The manifest is updated.
    """
    path = open_snapshot(root).path / file
    table = pq.read_table(path)
    index = table.schema.get_field_index(column)
    rows = table.column(column).to_pylist()
    rows[0] = value
    field = table.schema.field(column)
    pq.write_table(table.set_column(index, field, pa.array(rows, field.type)), path)
    update_manifest(root)
    punk_id: int = table.column("punk_id")[0].as_py()
    return punk_id


def drop_punk_column(root: Path, column: str) -> None:
    """Remove a column from the files of the punks, and update the manifest."""
    for path in (open_snapshot(root).path / "punks").glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(column), path)
    update_manifest(root)


def build_version(root: Path) -> str:
    """Build a snapshot from the newest finished recording, and return its version."""
    return build_dataset(root).snapshot.version


def fetch_and_build(fetch: Fetch, root: Path, **options: Any) -> Snapshot:
    """Fetch from the fake OpenSea, build a snapshot even if punks are missing, and return it."""
    fetch(root=root, **options)
    return build_dataset(root, allow_partial=True).snapshot


def publish(snapshot: Snapshot, url: str, *, force: bool = False) -> tuple[str, bool, str | None]:
    """Publish a snapshot to a URL."""
    return publish_snapshot(snapshot.path, snapshot.manifest, url, force=force)

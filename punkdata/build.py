"""Recording to snapshot: parse, join, validate, publish all or nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from punkdata._version import __version__
from punkdata.errors import DataError, ImageError, UsageError
from punkdata.files import lock_root, root_option, shell_quote, utc_now
from punkdata.hidden_labels import load_hidden_accessories
from punkdata.images.sprite import pixels_sha256
from punkdata.images.sprite_png import encode_png
from punkdata.progress import Progress
from punkdata.records import PunkRecord, SaleRecord
from punkdata.schema import PROVENANCE, PUNKS, SALES
from punkdata.snapshots.content_hash import compute_labels_hash, compute_version
from punkdata.snapshots.manifest import Manifest, SalesSummary
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import count_labels_and_splits
from punkdata.snapshots.versions import get_latest_version
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources import cpunks10k
from punkdata.sources.find_recording import list_finished, list_recordings, suggest_fetch
from punkdata.sources.opensea import client
from punkdata.sources.opensea.client import open_replay
from punkdata.sources.opensea.image_download import fetch_image
from punkdata.sources.opensea.sales import collect_listings, collect_sales
from punkdata.sources.opensea.tokens import collect_punks
from punkdata.sources.recording import Recording, open_recording
from punkdata.sources.recording_info import fetch_command
from punkdata.splits import SPLITS, assign_by_id, assign_splits
from punkdata.traits import ACCESSORY_IDS, LABELS, TYPE_IDS, encode_labels

WEI_PER_ETH = 10**18
LARGE_SCALE = 4


@dataclass(frozen=True)
class BuildResult:
    snapshot: Snapshot
    recording: Path
    created: bool
    """False when a snapshot of the same content was there already"""
    is_latest: bool
    """whether `latest` names it now"""
    became_latest: bool
    """whether it named another before, or none"""
    unfinished: Path | None
    """a recording begun after the one that was built from, and not finished"""


def build_dataset(
    root: Path,
    recording: Path | None = None,
    *,
    allow_partial: bool = False,
    sdist_sha256: str = cpunks10k.SHA256,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Turn a recording into a snapshot of `root`.

    Args:
        recording: the recording's folder; by default the newest finished one of the root.
        allow_partial: build from a recording that is known to be incomplete, too.
        progress: called with the number of punks read so far, and of all when known.

    Raises:
        UsageError: there is no such recording.
        DataError: it is unfinished, partial, damaged, or says something impossible.
        BusyError, StorageError: see `lock_root` and `write_snapshot`.
    """
    # A finished recording never changes, so it may be chosen before the lock is held; and
    # where there is none, no root is made.
    source = open_recording(recording) if recording else newest_finished(root)
    _refuse_unfinished(source, root, allow_partial)
    newer = [] if recording else [r for r in list_recordings(root) if r.name > source.name]
    running = [r.path for r in newer if r.info.status == "running"]
    with lock_root(root):
        content = _read(source, sdist_sha256, progress)
        punks, provenance = _tables(content)
        sales = None if content.sales is None else _sales_table(content.sales)
        manifest = _describe(source, punks, sales, content.missing)
        before = get_latest_version(root, source.info.collection)
        snapshot, created = write_snapshot(root, manifest, punks, sales, provenance)
        is_latest = get_latest_version(root, source.info.collection) == snapshot.version
        became = is_latest and before != snapshot.version
        unfinished = next(iter(running), None)
        return BuildResult(snapshot, source.path, created, is_latest, became, unfinished)


def newest_finished(root: Path) -> Recording:
    """The recording that ended last, complete or partial.

    Raises:
        UsageError: there is none.
    """
    if finished := list_finished(root):
        return finished[-1]
    raise UsageError(f"{root} has no finished recording to build from", hint=suggest_fetch(root))


def _refuse_unfinished(recording: Recording, root: Path, allow_partial: bool) -> None:
    info, at = recording.info, root_option(root)
    if info.status == "running":
        raise DataError(
            f"{recording.path} is unfinished",
            hint=f"finish it with: {fetch_command(recording.info, root)}",
        )
    if (info.status == "partial" or info.missing) and not allow_partial:
        first = next(iter(info.missing.items()), ("", "no reason given"))
        raise DataError(
            f"{recording.path} is partial: {len(info.missing)} missing, the first {first[0]} "
            f"({first[1]})",
            hint="fetch again, or build what there is with: punkdata build-dataset "
            f"{shell_quote(recording.path)} --allow-partial{at}",
        )


@dataclass(frozen=True)
class _Content:
    """What a recording says, whatever its source."""

    punks: list[PunkRecord]
    sales: list[SaleRecord] | None = None
    """by time; None when the source knows none"""
    listings_wei: dict[int, int] = field(default_factory=dict)
    """punk_id -> lowest price"""
    missing: dict[str, str] = field(default_factory=dict)
    """punk_id -> why it has no row"""


def _read(recording: Recording, sdist_sha256: str, progress: Progress) -> _Content:
    match recording.info.source:
        case cpunks10k.SOURCE:
            reply = recording.find(cpunks10k.URL)
            if reply is None:
                raise DataError(f"{recording.path} has no reply of {cpunks10k.URL}")
            body = recording.verified_body_path(reply)
            cpunks10k.check_sdist(body.read_bytes(), str(body), sdist_sha256)
            read = []
            for punk in cpunks10k.iter_punks(body):
                read.append(punk)
                if len(read) % 100 == 0:
                    progress(len(read), None)
            return _Content(read, missing=recording.info.missing)
        case client.SOURCE:
            return _read_opensea(recording, progress)
        case other:
            raise DataError(f"{recording.path} comes from the unknown source {other!r}")


def _read_opensea(recording: Recording, progress: Progress) -> _Content:
    """Run the client that made the recording once more, on the recording alone."""
    info = recording.info
    client = open_replay(recording)
    known = collect_punks(client, info.limit)
    sales, _ = collect_sales(client, known, info.sales_after)
    wanted = known.labels.keys() | {int(punk_id) for punk_id in info.missing}
    ids = list(known.labels)

    def read_punk(punk_id: int) -> PunkRecord | None:
        punk_type, accessories = known.labels[punk_id]
        try:
            found = fetch_image(client, known.image_urls[punk_id])
        except ImageError as error:
            # What the fetch could not read may be in the recording, and readable by now.
            if str(punk_id) in info.missing:
                return None
            raise DataError(f"punk {punk_id} has no image in {recording.path}: {error}") from None
        return PunkRecord(
            punk_id=punk_id,
            punk_type=punk_type,
            accessories=accessories,
            image=found.decoded.sprite,
            image_url=found.url,
            image_body=found.body,
            image_scale=found.decoded.scale,
            background=found.decoded.background,
            image_confidence=found.decoded.confidence,
        )

    read = [read_punk(punk_id) for punk_id in ids[:1]]
    # Unpacking a large picture leaves Python to other threads; with small ones, they would
    # only stand in each other's way.
    large = any(punk.image_scale >= LARGE_SCALE for punk in read if punk)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for punk in pool.map(read_punk, ids[1:]) if large else map(read_punk, ids[1:]):
            read.append(punk)
            progress(len(read), len(ids))
    rows = [punk for punk in read if punk is not None]
    missing = info.missing.keys() - {str(punk.punk_id) for punk in rows}
    listings = collect_listings(client, known)
    return _Content(
        rows,
        [sale for sale in sales if sale.punk_id in wanted],
        listings,
        {punk_id: reason for punk_id, reason in info.missing.items() if punk_id in missing},
    )


def _tables(content: _Content) -> tuple[pa.Table, pa.Table]:
    """The tables of punks and of provenance, by punk_id.

    Raises:
        DataError: there is no punk, or one stands there twice.
    """
    read = sorted(content.punks, key=lambda p: p.punk_id)
    ids = np.array([p.punk_id for p in read], np.int32)
    if not len(ids):
        raise DataError("the recording holds no punk")
    if len(twice := ids[1:][ids[1:] == ids[:-1]]):
        raise DataError(f"punk {twice[0]} stands in the recording twice")
    labels = np.stack([encode_labels(p.punk_type, p.accessories) for p in read])
    by_default = [SPLITS[i] for i in assign_splits(ids, labels)]
    by_id = [SPLITS[i] for i in assign_by_id(ids)]
    hashes = [pixels_sha256(p.image) for p in read]
    columns = {
        "punk_id": ids,
        "type": [p.punk_type for p in read],
        "type_id": [TYPE_IDS[p.punk_type] for p in read],
        "accessories": [list(p.accessories) for p in read],
        "accessory_ids": [[ACCESSORY_IDS[name] for name in p.accessories] for p in read],
        "accessory_count": [len(p.accessories) for p in read],
        "hidden_accessories": [
            [name for name in load_hidden_accessories().get(sha256, ()) if name in p.accessories]
            for p, sha256 in zip(read, hashes, strict=True)
        ],
        "labels": pa.FixedSizeListArray.from_arrays(labels.reshape(-1), len(LABELS)),
        "split": by_default,
        "split_by_id": by_id,
        "image": [{"bytes": encode_png(p.image), "path": f"{p.punk_id:04d}.png"} for p in read],
        "pixels_sha256": hashes,
    }
    columns |= _price_columns(content, [p.punk_id for p in read])
    provenance = {
        "punk_id": ids,
        "image_url": [p.image_url for p in read],
        "image_body": [p.image_body for p in read],
        "image_scale": [p.image_scale for p in read],
        "background": [p.background for p in read],
        "image_confidence": [p.image_confidence for p in read],
    }
    return pa.table(columns, schema=PUNKS), pa.table(provenance, schema=PROVENANCE)


def _price_columns(content: _Content, ids: list[int]) -> dict[str, list[Any]]:
    """The columns of prices, a row for each of `ids`; all null when sales are not known."""
    names = PUNKS.names[PUNKS.names.index("sale_count") :]
    if content.sales is None:
        return {name: [None] * len(ids) for name in names}
    by_punk: dict[int, list[SaleRecord]] = {punk_id: [] for punk_id in ids}
    for sale in content.sales:
        by_punk.get(sale.punk_id, []).append(sale)
    rows = []
    for punk_id in ids:
        priced = [(s.price_wei, s.sold_at) for s in by_punk[punk_id] if s.price_wei is not None]
        prices_wei = [price_wei for price_wei, _ in priced]
        last_wei, last_sold_at = priced[-1] if priced else (None, None)
        rows.append(
            {
                "sale_count": len(by_punk[punk_id]),
                "last_sale_wei": None if last_wei is None else Decimal(last_wei),
                "last_sale_eth": _eth(last_wei),
                "last_sold_at": last_sold_at,
                "median_sale_eth": _eth(_median(prices_wei)),
                "highest_sale_eth": _eth(max(prices_wei, default=None)),
                "best_listing_eth": _eth(content.listings_wei.get(punk_id)),
            }
        )
    return {name: [row[name] for row in rows] for name in names}


def _median(prices_wei: list[int]) -> Fraction | None:
    """Exact: the mean of the two in the middle, where there are two."""
    if not prices_wei:
        return None
    ordered, half = sorted(prices_wei), len(prices_wei) // 2
    return Fraction(ordered[half] + ordered[-half - 1], 2)


def _eth(wei: int | Fraction | None) -> float | None:
    # Python's division of whole numbers and fractions is rounded once, to the nearest float.
    return None if wei is None else float(wei / Fraction(WEI_PER_ETH))


def _sales_table(sales: list[SaleRecord]) -> pa.Table:
    """The table of sales, in the order given."""

    def wei(amount: int | None) -> Decimal | None:
        return None if amount is None else Decimal(amount)

    rows = [
        vars(sale)
        | {
            "amount": wei(sale.amount),
            "price_wei": wei(sale.price_wei),
            "price_eth": _eth(sale.price_wei),
        }
        for sale in sales
    ]
    return pa.Table.from_pylist(rows, schema=SALES)


def _summarize(sales: pa.Table) -> SalesSummary:
    times = sales.column("sold_at").to_pylist()
    return SalesSummary(
        count=len(times),
        first_sold_at=min(times).isoformat() if times else None,
        last_sold_at=max(times).isoformat() if times else None,
    )


def _describe(
    recording: Recording, punks: pa.Table, sales: pa.Table | None, missing: dict[str, str]
) -> Manifest:
    """The manifest, complete but for its files."""
    info = recording.info
    return Manifest(
        version=compute_version(info.collection, punks, sales, missing),
        labels_hash=compute_labels_hash(punks),
        collection=info.collection,
        status="partial" if missing else "complete",
        expected=len(punks) + len(missing),
        missing=missing,
        **count_labels_and_splits(punks),
        sales=None if sales is None else _summarize(sales),
        limit=info.limit,
        source=info.source,
        base_url=info.base_url,
        recording=recording.name,
        created_at=utc_now().isoformat(),
        created_by=f"punkdata {__version__}",
        files=(),
    )

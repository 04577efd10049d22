"""Conversion of the records of a source to the tables of a snapshot.

It is apart from `build` because it needs no recording and writes no file.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata.analysis.part_masks import find_parts, masks_to_column
from punkdata.errors import DataError
from punkdata.images.sprite import encode_png, pixels_sha256
from punkdata.progress import Progress
from punkdata.rarity import rarity_ranks, rarity_scores
from punkdata.records import ListingRecord, PunkRecord, RateRecord, SaleRecord
from punkdata.schema import OPTIONAL_TABLES, PROVENANCE, PUNKS
from punkdata.snapshots.prices import complete_sales, lowest_listings, summarize_sales, wei_to_eth
from punkdata.snapshots.tables import column_to_numpy, extract_hidden_labels, extract_labels
from punkdata.sources.read_recording import RecordedData
from punkdata.splits import SPLITS, assign_by_id, assign_splits
from punkdata.traits import ACCESSORY_IDS, TYPE_IDS, encode_labels

_Row = dict[str, Any]


def make_tables(
    data: RecordedData, progress: Progress = lambda done, total, unit="": None
) -> dict[str, pa.Table]:
    """Return the tables of a snapshot by name; those that the source does not provide are left out.

    `progress` is called with the number of "pixels" whose sprite layers are known. Raises DataError
    if there are no punks, or two with the same punk_id.
    """
    sales = make_sale_rows(data.sales, data.punks, data.eth_usd or ())
    listings = _make_listing_rows(data.listings)
    punks, provenance = make_punk_tables(
        data.punks, sales, listings or (), progress=partial(progress, unit="pixels")
    )
    rows: dict[str, list[_Row] | None] = {
        "sales": sales,
        "listings": listings,
        "eth_usd": _to_rows(data.eth_usd),
        "floor_prices": _to_rows(data.floor_prices),
        "trait_floors": _to_rows(data.trait_floors),
    }
    optional = {
        name: pa.Table.from_pylist(found, OPTIONAL_TABLES[name])
        for name, found in rows.items()
        if found is not None
    }
    return {"punks": punks, "provenance": provenance, **optional}


def make_sale_rows(
    sales: Sequence[SaleRecord] | None, punks: Sequence[PunkRecord], rates: Sequence[RateRecord]
) -> list[_Row] | None:
    """Return the rows of the sales table, or None if the source does not provide sales."""
    if sales is None:
        return None
    types = {punk.punk_id: punk.punk_type for punk in punks}
    by_day = {rate.day: rate.usd_per_eth for rate in rates}
    return complete_sales([vars(sale) for sale in sales], types, by_day)


def _make_listing_rows(listings: Sequence[ListingRecord] | None) -> list[_Row] | None:
    if listings is None:
        return None
    return [vars(record) | {"price_eth": wei_to_eth(record.price_wei)} for record in listings]


def _to_rows(records: Sequence[Any] | None) -> list[_Row] | None:
    return None if records is None else [vars(record) for record in records]


def make_punk_tables(
    punks: Sequence[PunkRecord],
    sales: Sequence[_Row] | None,
    listings: Sequence[_Row],
    hidden: Mapping[str, tuple[str, ...]] | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[pa.Table, pa.Table]:
    """Return the tables of punks and of provenance, sorted by punk_id.

    `sales` are rows of the sales table, ordered from the oldest, and None if the source does not
    provide them. `hidden` has the names of hidden accessories by the SHA-256 of a punk's pixels, by
    default the list that ships with punkdata. `progress` is that of `recover_layers`. Raises
    DataError if there are no punks, or two with the same punk_id.
    """
    punks = sorted(punks, key=lambda punk: punk.punk_id)
    ids = np.array([punk.punk_id for punk in punks], np.int32)
    if not len(ids):
        raise DataError("the recording contains no punks")
    if len(duplicates := ids[1:][ids[1:] == ids[:-1]]):
        raise DataError(f"the recording contains punk {duplicates[0]} twice")
    prices = None if sales is None else _find_prices(punks, sales, listings)
    hidden = load_hidden_accessories() if hidden is None else hidden
    rows = _make_rows(punks, ids, prices, hidden)
    tables = []
    while batch := list(islice(rows, 1000)):  # Rows need more memory than a table.
        tables.append(pa.Table.from_pylist(batch, PUNKS))
    provenance = pa.Table.from_pylist([vars(punk) for punk in punks], PROVENANCE)
    table = pa.concat_tables(tables)
    return _add_masks(table, np.stack([punk.image for punk in punks]), progress), provenance


def _add_masks(punks: pa.Table, images: NDArray[np.uint8], progress: Progress) -> pa.Table:
    """Fill the column `part_mask`, which stays null if the punks do not determine it."""
    ids = column_to_numpy(punks.column("punk_id"))
    hidden = extract_hidden_labels(punks) > 0
    parts = find_parts(ids, images, extract_labels(punks), hidden, progress)
    if parts is None:
        return punks
    field = PUNKS.field("part_mask")
    column = masks_to_column(parts.masks(ids))
    return punks.set_column(PUNKS.get_field_index(field.name), field, column)


def _find_prices(
    punks: Sequence[PunkRecord], sales: Sequence[_Row], listings: Sequence[_Row]
) -> dict[int, _Row]:
    """Return the columns of prices of each punk, by punk_id."""
    sales_by_punk: dict[int, list[_Row]] = defaultdict(list)
    for sale in sales:
        sales_by_punk[sale["punk_id"]].append(sale)
    lowest = lowest_listings(listings)
    return {
        punk.punk_id: summarize_sales(sales_by_punk[punk.punk_id])
        | {"lowest_listing_eth": wei_to_eth(lowest.get(punk.punk_id))}
        for punk in punks
    }


def _make_rows(
    punks: Sequence[PunkRecord],
    ids: NDArray[np.int32],
    prices: Mapping[int, _Row] | None,
    hidden: Mapping[str, tuple[str, ...]],
) -> Iterator[_Row]:
    """Yield the rows of the punks table; prices are left out if the source has none."""
    labels = np.stack([encode_labels(p.punk_type, p.accessories) for p in punks])
    splits, splits_by_id = assign_splits(ids, labels), assign_by_id(ids)
    scores = rarity_scores(labels)
    ranks = rarity_ranks(scores)
    num_owned = Counter(punk.owner for punk in punks if punk.owner)
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
            "rarity_score": scores[i],
            "rarity_rank": ranks[i],
            "owner": punk.owner,
            "owner_punk_count": num_owned[punk.owner] if punk.owner else None,
        }
        yield row | (prices[punk.punk_id] if prices is not None else {})


@cache
def load_hidden_accessories() -> dict[str, tuple[str, ...]]:
    """Return the names of the accessories that change no pixel, by the SHA-256 of a punk's pixels.

    `punkdata audit --json` derives the same list. Punks are identified by their pixels rather than
    their number, so the list does not apply to an edited image.
    """
    file = resources.files("punkdata").joinpath("data/hidden_accessories.json")
    rows = json.loads(file.read_text("utf-8"))["punks"]
    return {sha256: tuple(names) for _, sha256, *names in rows}

"""Generator of the gallery: one HTML file that opens from disk and loads nothing from the network.

The scripts, style and markup are plain files in `page/`, which are joined here. The data of the
punks is embedded as JSON columns, and the sprites as palette indices; both are gzipped and encoded
in base64. The content security policy of the page allows its one script and its one style, by
their hashes, and no connections.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_labels, extract_sprites
from punkdata.splits import SPLITS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, TYPES

SCRIPTS = (
    *("dom", "format", "sprites", "collection", "state", "selection"),
    *("grid", "chart", "charts", "filters", "detail", "main"),
)
"""Names of the scripts in `page/`, in the order in which they are joined."""
MAX_COLORS = 256
"""Largest number of colors, because an index is one byte."""

SALES_COLUMNS = {
    "saleCount": "sale_count",
    "last": "last_sale_eth",
    "median": "median_sale_eth",
    "highest": "highest_sale_eth",
    "listing": "best_listing_eth",
}
"""Columns about sales and listings: from the name in the page's data to that in the snapshot."""


def render_gallery(snapshot: Snapshot) -> str:
    """Return the HTML of the gallery.

    Raises:
        DataError: A file is damaged, or the sprites have more than 256 colors.
        NetworkError, RefusedError: A remote snapshot cannot be downloaded.
    """
    punks, sales = snapshot.punks(), snapshot.sales(["punk_id", "sold_at", "price_eth"])
    # Sorting by labels places similar sprites side by side, which halves their compressed size.
    punks = punks.take(np.lexsort(extract_labels(punks).T[::-1]))
    indices, palette = index_colors(extract_sprites(punks))
    data = build_page_data(snapshot, punks, sales) | {"palette": palette}
    folder = files("punkdata.analysis.gallery") / "page"
    style = (folder / "gallery.css").read_text("utf-8")
    script = "\n".join((folder / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    return Template((folder / "gallery.html").read_text("utf-8")).substitute(
        version=snapshot.version,
        policy=f"default-src 'none'; script-src '{_csp_hash(script)}'; "
        f"style-src '{_csp_hash(style)}'; base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=_pack(json.dumps(data, separators=(",", ":")).encode()),
        sprites=_pack(indices.tobytes()),
    )


def build_page_data(snapshot: Snapshot, punks: pa.Table, sales: pa.Table | None) -> dict[str, Any]:
    """Return the data of the page except for sprites, as JSON values.

    Columns have one value for each row of `punks`. Times are Unix seconds, prices are in ETH, and
    unknown values are null.

    Args:
        punks: All punks of the snapshot, in any order.
        sales: The columns punk_id, sold_at and price_eth; None if the snapshot has no sales.
    """
    source = snapshot.manifest.source
    ids = punks.column("punk_id").to_pylist()
    split_ids = {name: number for number, name in enumerate(SPLITS)}
    data = {
        "version": snapshot.version,
        "typeNames": TYPES,
        "accessoryNames": ACCESSORIES,
        "id": ids,
        "type": punks.column("type_id").to_pylist(),
        "accessories": punks.column("accessory_ids").to_pylist(),
        "hiddenAccessories": _hidden_accessory_ids(punks),
        "split": [split_ids[name] for name in punks.column("split").to_pylist()],
        "splitById": [split_ids[name] for name in punks.column("split_by_id").to_pylist()],
        "rarity": [round(bits, 2) for bits in compute_rarity(extract_labels(punks)).tolist()],
        "sales": None,
        "noPricesHelp": f"This snapshot has no prices, because its source, {source}, has none. "
        "To get them from OpenSea, run: "
        "punkdata fetch --instant-key && punkdata build-dataset",
    }
    data |= {name: punks.column(column).to_pylist() for name, column in SALES_COLUMNS.items()}
    data["lastSoldAt"] = _to_unix_seconds(punks.column("last_sold_at"))
    if sales is not None:
        row_of = {punk_id: row for row, punk_id in enumerate(ids)}
        page_sales = sales.filter(pc.is_in(sales.column("punk_id"), pa.array(ids, pa.int32())))
        data["sales"] = {
            "row": [row_of[punk_id] for punk_id in page_sales.column("punk_id").to_pylist()],
            "at": _to_unix_seconds(page_sales.column("sold_at")),
            "eth": page_sales.column("price_eth").to_pylist(),
        }
    return data


def _hidden_accessory_ids(punks: pa.Table) -> list[list[int]]:
    """Return the occluded accessories of each punk; none for snapshots of schema 1."""
    if "hidden_accessories" not in punks.column_names:
        return [[]] * len(punks)
    hidden_names = punks.column("hidden_accessories").to_pylist()
    return [[ACCESSORY_IDS[name] for name in names] for names in hidden_names]


def compute_rarity(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the rarity of each punk as its information content in bits.

    This is the sum of -log2(share of punks with the same value) over its type, each of its
    accessories, and its number of accessories. OpenRarity ranks by information content as well,
    over all traits; here, only the labels that a punk has contribute.

    Args:
        labels: uint8 (N, 92).

    Returns:
        float64 (N,), at least 0.
    """
    with np.errstate(divide="ignore"):
        bits = -np.log2(labels.mean(axis=0))
    count = labels[:, len(TYPES) :].sum(axis=1, dtype=int)
    share_of_count = np.bincount(count)[count] / len(labels)
    rarity: NDArray[np.float64] = np.matmul(labels, np.where(np.isfinite(bits), bits, 0))
    rarity -= np.log2(share_of_count)
    return rarity


def index_colors(sprites: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[str]]:
    """Convert sprites to indices into a palette of exactly the colors that they contain.

    Args:
        sprites: RGBA, uint8 (N, 24, 24, 4).

    Returns:
        The indices, uint8 (N, 24, 24), and the palette, up to 256 colors as "rrggbbaa".

    Raises:
        DataError: The sprites have more than 256 colors.
    """
    keys = np.ascontiguousarray(sprites).view(">u4")[..., 0].astype(np.uint32)
    colors = np.unique(keys)  # return_inverse would take four times as long as searchsorted.
    if len(colors) > MAX_COLORS:
        raise DataError(
            f"cannot create a gallery: the sprites have {len(colors)} colors, "
            f"more than the maximum of {MAX_COLORS}"
        )
    indices = np.searchsorted(colors, keys).astype(np.uint8)
    return indices, [f"{key:08x}" for key in colors.tolist()]


def _to_unix_seconds(times: pa.ChunkedArray) -> list[int | None]:
    return [None if time is None else int(time.timestamp()) for time in times.to_pylist()]


def _pack(data: bytes) -> str:
    """Compress bytes with gzip, reproducibly, and encode them in base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _csp_hash(text: str) -> str:
    """Return the source expression of an inline script or style for a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

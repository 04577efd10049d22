"""The gallery: a snapshot as one HTML file that opens from disk and fetches nothing.

The page's own parts lie in `page/`, plain files that are joined here. What it shows is packed as
columns of JSON and as palette indices, both gzipped, in base64. Its content security policy allows
the one script and the one style that it holds, by their hashes, and no connection.
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

SCRIPTS = ("collection", "selection", "grid", "chart", "charts", "detail", "filters", "main")
"""of the page, in the order in which they are joined"""
MAX_COLORS = 256

PRICES = {
    "saleCount": "sale_count",
    "last": "last_sale_eth",
    "median": "median_sale_eth",
    "highest": "highest_sale_eth",
    "listing": "best_listing_eth",
}
"""what the page calls a price -> its column"""


def render_gallery(snapshot: Snapshot) -> str:
    """The whole page.

    Raises:
        DataError: a file is damaged, or the sprites have more than 256 colors.
        NetworkError, RefusedError: a snapshot elsewhere cannot be brought.
    """
    punks, sales = snapshot.punks(), snapshot.sales(["punk_id", "sold_at", "price_eth"])
    # With neighbors that look alike, the packed sprites are half as large.
    punks = punks.take(np.lexsort(extract_labels(punks).T[::-1]))
    indices, palette = index_colors(extract_sprites(punks))
    facts = page_data(snapshot, punks, sales) | {"palette": palette}
    folder = files("punkdata.analysis.gallery") / "page"
    style = (folder / "gallery.css").read_text("utf-8")
    script = "\n".join((folder / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    return Template((folder / "gallery.html").read_text("utf-8")).substitute(
        version=snapshot.version,
        policy=f"default-src 'none'; script-src '{_csp_hash(script)}'; "
        f"style-src '{_csp_hash(style)}'; base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        facts=_packed(json.dumps(facts, separators=(",", ":")).encode()),
        sprites=_packed(indices.tobytes()),
    )


def page_data(snapshot: Snapshot, punks: pa.Table, sales: pa.Table | None) -> dict[str, Any]:
    """All that the page tells, but for pixels: columns by the rows of `punks`.

    Times are Unix seconds, prices ETH; null is not known.
    """
    manifest = snapshot.manifest
    ids = punks.column("punk_id").to_pylist()
    has_hidden_labels = "hidden_accessories" in punks.column_names  # since schema 2
    hidden = (
        punks.column("hidden_accessories").to_pylist() if has_hidden_labels else [[]] * len(ids)
    )
    splits = {name: number for number, name in enumerate(SPLITS)}
    facts = {
        "version": snapshot.version,
        "types": TYPES,
        "accessoryNames": ACCESSORIES,
        "id": ids,
        "type": punks.column("type_id").to_pylist(),
        "accessories": punks.column("accessory_ids").to_pylist(),
        "hidden": [[ACCESSORY_IDS[name] for name in of_one] for of_one in hidden],
        "split": [splits[name] for name in punks.column("split").to_pylist()],
        "splitById": [splits[name] for name in punks.column("split_by_id").to_pylist()],
        "rarity": [round(bits, 2) for bits in rarity_bits(extract_labels(punks)).tolist()],
        "sales": None,
        "noPrices": f"This snapshot holds no prices: {manifest.source} knows none. "
        "punkdata fetch --instant-key brings them from OpenSea.",
    }
    facts |= {name: punks.column(column).to_pylist() for name, column in PRICES.items()}
    facts["lastSoldAt"] = _seconds(punks.column("last_sold_at"))
    if sales is not None:
        row_of = {punk_id: row for row, punk_id in enumerate(ids)}
        shown = sales.filter(pc.is_in(sales.column("punk_id"), pa.array(ids, pa.int32())))
        facts["sales"] = {
            "row": [row_of[punk_id] for punk_id in shown.column("punk_id").to_pylist()],
            "at": _seconds(shown.column("sold_at")),
            "eth": shown.column("price_eth").to_pylist(),
        }
    return facts


def rarity_bits(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How rare each punk is, in bits: the sum of -log2 of the share of punks that have the same.

    Summed over its type, each of its accessories, and the number of them: the information content
    by which OpenRarity ranks, over the labels that a punk has.

    Args:
        labels: uint8 (N, 92).

    Returns:
        float64 (N,), at least 0.
    """
    with np.errstate(divide="ignore"):
        bits = -np.log2(labels.mean(axis=0))
    count = labels[:, len(TYPES) :].sum(axis=1, dtype=int)
    alike = np.bincount(count)[count] / len(labels)
    rarity: NDArray[np.float64] = labels @ np.where(np.isfinite(bits), bits, 0) - np.log2(alike)
    return rarity


def index_colors(sprites: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[str]]:
    """Sprites as positions in a palette of their own colors, and that, as "rrggbbaa".

    Args:
        sprites: uint8 (N, 24, 24, 4).

    Returns:
        uint8 (N, 24, 24), and up to 256 colors.

    Raises:
        DataError: there are more.
    """
    keys = np.ascontiguousarray(sprites).view(">u4")[..., 0].astype(np.uint32)
    colors = np.unique(keys)  # with its own `return_inverse` this takes four times as long
    if len(colors) > MAX_COLORS:
        raise DataError(f"the sprites have {len(colors)} colors; a gallery holds {MAX_COLORS}")
    indices = np.searchsorted(colors, keys).astype(np.uint8)
    return indices, [f"{key:08x}" for key in colors.tolist()]


def _seconds(moments: pa.ChunkedArray) -> list[int | None]:
    return [None if moment is None else int(moment.timestamp()) for moment in moments.to_pylist()]


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

"""The pictures of the articles, of a snapshot: each function draws one and gives its PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.images.image_grid import montage
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_hidden_labels, extract_labels, extract_sprites
from punkdata.trait_rules import ACCESSORY_KINDS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, TYPES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TYPE_COLORS = dict(zip(TYPES, ("#0d8a92", "#b5530b", "#b8508f", "#2b5fb8", "#2d8a3d"), strict=True))
"""as in the gallery"""
BAR = "#3d83c0"
FAINT = "#d5dae0"
LEAST_ETH = 0.001
"""for less, punks are given away: prices over time leave that out"""
DPI = 140


def first_100(snapshot: Snapshot) -> bytes:
    """The hundred punks of the lowest numbers, 96 pixels wide each."""
    punks = snapshot.punks(columns=["punk_id", "image"]).sort_by("punk_id").slice(0, 100)
    file = io.BytesIO()
    montage(extract_sprites(punks), columns=10, scale=4).save(file, "PNG")
    return file.getvalue()


def price_by_type(snapshot: Snapshot) -> bytes:
    """Average and median price of all sales in ETH, for each type."""
    prices = eth_sales(snapshot).groupby("type")["price_eth"]
    table = prices.agg(["mean", "median", "count"]).reindex(TYPES).dropna()
    at = np.arange(len(table))
    figure = _figure(8, 4.5)
    axes = figure.subplots()
    for shift, column, name, alpha in (
        (-0.2, "mean", "average", 0.5),
        (0.2, "median", "median", 1.0),
    ):
        colors = [TYPE_COLORS[kind] for kind in table.index]
        bars = axes.bar(at + shift, table[column], 0.38, color=colors, alpha=alpha)
        axes.bar_label(bars, [f"{name}\n{_short(eth)}" for eth in table[column]], fontsize=8)
    _in_eth(axes)
    axes.margins(y=0.15)
    axes.set_xticks(at, [f"{kind}\n{n:,.0f} sales" for kind, n in table["count"].items()])
    axes.set_title("Average and median price by type")
    return _png(figure)


def price_over_time(snapshot: Snapshot) -> bytes:
    """Every sale from 0.001 ETH on, and the median of each month, for each type."""
    sales = eth_sales(snapshot)
    left_out = int((sales["price_eth"] < LEAST_ETH).sum())
    sales = sales[sales["price_eth"] >= LEAST_ETH].set_index("sold_at").sort_index()
    figure = _figure(11, 5.5)
    axes = figure.subplots()
    for kind, color in TYPE_COLORS.items():
        some = sales.loc[sales["type"] == kind, "price_eth"]
        if some.empty:
            continue
        medians = some.resample("MS").median()  # NaN, a gap, in a month without a sale
        axes.plot(some.index, some, ".", color=color, markersize=2.5, alpha=0.12, zorder=1)
        axes.plot(medians.index, medians, ".-", color=color, markersize=4, label=kind, zorder=3)
    _in_eth(axes)
    figure.legend(loc="outside right upper")
    title = "Price over time: each sale, and the median of each month"
    axes.set_title(
        f"{title}{f', without {left_out:,} below {LEAST_ETH:g} ETH' if left_out else ''}"
    )
    return _png(figure)


def accessory_counts(snapshot: Snapshot) -> bytes:
    """How many punks have how many accessories, and which."""
    worn = _worn(snapshot)
    carried, numbers = worn.sum(axis=0, dtype=int), np.bincount(worn.sum(axis=1, dtype=int))
    order = [i for i in np.argsort(-carried, kind="stable") if carried[i]]
    figure = _figure(9, 4 + 0.17 * len(order))
    above, below = figure.subplots(2, height_ratios=[2.2, 0.17 * len(order) + 0.5])
    bars = above.bar(np.arange(len(numbers)), numbers, color=BAR)
    above.bar_label(bars, [f"{n:,}" for n in numbers], fontsize=8)
    above.margins(y=0.15)
    above.set_xlabel("accessories")
    above.set_ylabel("punks")
    above.set_title("How many accessories punks have")
    bars = below.barh(np.arange(len(order)), carried[order], color=BAR)
    below.bar_label(bars, [f"{carried[i]:,}" for i in order], fontsize=7, padding=2)
    _name_rows(below, [ACCESSORIES[i] for i in order])
    below.set_title("Which they have")
    return _png(figure)


def co_occurrence(snapshot: Snapshot) -> bytes:
    """How often two accessories meet, beside how often they would by chance; a square a pair."""
    from matplotlib.ticker import FixedFormatter

    worn = _worn(snapshot)
    order = [ACCESSORY_IDS[name] for names in ACCESSORY_KINDS.values() for name in names]
    order = [i for i in order if worn[:, i].any()]
    with np.errstate(divide="ignore"):
        squares = np.log2(pairwise_lift(worn[:, order]))
    figure = _figure(13, 12)
    axes = figure.subplots()
    axes.set_facecolor(FAINT)
    image = axes.imshow(np.ma.masked_invalid(squares), cmap="RdBu_r", vmin=-3, vmax=3)
    names = [ACCESSORIES[i] for i in order]
    axes.set_xticks(np.arange(len(order)), names, rotation=90, fontsize=6)
    axes.set_yticks(np.arange(len(order)), names, fontsize=6)
    times = FixedFormatter(["1/8", "1/4", "1/2", "as by chance", "2 times", "4 times", "8 times"])
    figure.colorbar(image, shrink=0.6, ticks=list(range(-3, 4)), format=times)
    axes.set_title("How often accessories meet (gray: never)")
    return _png(figure)


def label_visibility(snapshot: Snapshot) -> bytes:
    """On which share of its wearers an accessory is hidden: no pixel shows it.

    Raises:
        DataError: a snapshot of schema 1 does not tell.
    """
    punks = snapshot.punks()
    if "hidden_accessories" not in punks.column_names:
        raise DataError(
            f"{snapshot.path} does not tell which labels are hidden",
            hint="build it anew with: punkdata build-dataset",
        )
    hidden = extract_hidden_labels(punks)[:, len(TYPES) :].sum(axis=0)
    worn = _worn(snapshot).sum(axis=0, dtype=int)
    share = hidden / np.maximum(worn, 1)
    order = [i for i in np.argsort(-share, kind="stable") if hidden[i]]
    figure = _figure(9, 1.5 + 0.22 * len(order))
    axes = figure.subplots()
    bars = axes.barh(np.arange(len(order)), 100 * share[order], color=BAR)
    told = [f"{hidden[i]:,} of {worn[i]:,}" for i in order]
    axes.bar_label(bars, told, fontsize=7, padding=3)
    _name_rows(axes, [ACCESSORIES[i] for i in order])
    axes.set_xlabel("% of its wearers on whom no pixel shows it")
    axes.set_title(f"Labels that cannot be seen: {hidden.sum():,} of {worn.sum():,}")
    return _png(figure)


PLOTS: dict[str, Callable[[Snapshot], bytes]] = {
    "first-100": first_100,
    "price-by-type": price_by_type,
    "price-over-time": price_over_time,
    "accessory-counts": accessory_counts,
    "co-occurrence": co_occurrence,
    "label-visibility": label_visibility,
}
"""name -> PNG of a snapshot"""
PRICE_PLOTS = ("price-by-type", "price-over-time")
"""those that need sales"""


def pairwise_lift(worn: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How often two things meet, divided by how often they would if neither knew of the other.

    P(a and b) / (P(a) P(b)), as in the mining of association rules.

    Args:
        worn: uint8 (N, K), 0 or 1; each column has a 1.

    Returns:
        float64 (K, K); 0 where they never meet, NaN of a thing with itself.
    """
    counts = worn.astype(np.float64)
    carried = counts.sum(axis=0)
    lifts: NDArray[np.float64] = counts.T @ counts * len(worn) / np.outer(carried, carried)
    np.fill_diagonal(lifts, np.nan)
    return lifts


def eth_sales(snapshot: Snapshot) -> pd.DataFrame:
    """Columns punk_id, sold_at (UTC), price_eth, type; a row for each sale in ETH.

    Raises:
        DataError: the snapshot knows no sales, or none in ETH.
    """
    sales = snapshot.sales(["punk_id", "sold_at", "price_eth"])
    frame = pd.DataFrame() if sales is None else sales.to_pandas().dropna(subset="price_eth")
    if frame.empty:
        raise DataError(
            f"{snapshot.path} knows no sales in ETH",
            hint="get them with: punkdata fetch --instant-key && punkdata build-dataset",
        )
    types = snapshot.punks(columns=["punk_id", "type"]).to_pandas()
    return frame.merge(types, on="punk_id")


def _worn(snapshot: Snapshot) -> NDArray[np.uint8]:
    """uint8 (N, 87)."""
    return extract_labels(snapshot.punks(columns=["labels"]))[:, len(TYPES) :]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def _in_eth(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda eth, _: _short(eth)))
    axes.set_ylabel("ETH")


def _short(eth: float) -> str:
    """Three digits that count: 0.0512, 45.3, 3,490."""
    return f"{float(f'{eth:.3g}'):,g}"


def _name_rows(axes: Any, names: list[str]) -> None:
    axes.set_yticks(np.arange(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.12)


def _png(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "punkdata"})
    return file.getvalue()

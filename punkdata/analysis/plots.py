"""Charts of a snapshot: each function draws one, and `plot_png` encodes it as PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.analysis.figures import create_figure
from punkdata.analysis.price_plots import (
    plot_price_by_trait,
    plot_price_by_type,
    plot_price_over_time,
)
from punkdata.charts import chart_style, encode_figure
from punkdata.images.image_grid import compose_grid
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_hidden_labels, extract_labels, extract_sprites
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, ACCESSORY_KINDS, TYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR_COLOR = "#3d83c0"


def plot_png(name: str, snapshot: Snapshot) -> bytes:
    """Return the chart with this key of `PLOTS` as PNG.

    Raises DataError if the snapshot is damaged, or lacks the data that this chart needs.
    """
    with chart_style():
        plot = PLOTS[name](snapshot)
        if not isinstance(plot, Image.Image):
            return encode_figure(plot)
    plot.save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def plot_first_100(snapshot: Snapshot) -> Image.Image:
    """Draw the 100 punks with the lowest ids in a grid, each 96 pixels wide."""
    punks = snapshot.punks(columns=["punk_id", "image"]).sort_by("punk_id").slice(0, 100)
    return compose_grid(extract_sprites(punks), columns=10, scale=4)


def plot_accessory_counts(snapshot: Snapshot) -> Figure:
    """Plot the number of punks by number of accessories, and by accessory."""
    has_accessory = extract_labels(snapshot.punks(columns=["labels"]))[:, len(TYPES) :]
    num_punks = has_accessory.sum(axis=0, dtype=int)
    by_count = np.bincount(has_accessory.sum(axis=1, dtype=int))
    rows_height = 0.17 * np.count_nonzero(num_punks)
    titles = ("Punks by number of accessories", "Punks by accessory")
    ratios = [2.2, rows_height + 0.5]
    figure, (upper, lower) = create_figure(9, 4 + rows_height, *titles, height_ratios=ratios)
    bars = upper.bar(np.arange(len(by_count)), by_count, color=BAR_COLOR)
    upper.bar_label(bars, [f"{n:,}" for n in by_count], fontsize=8)
    upper.margins(y=0.15)
    upper.set_xlabel("number of accessories")
    upper.set_ylabel("punks")
    _draw_rows(lower, num_punks, [f"{n:,}" for n in num_punks])
    lower.set_xlabel("punks")
    return figure


def plot_co_occurrence(snapshot: Snapshot) -> Figure:
    """Plot the lift of each pair of accessories: how often they co-occur relative to chance."""
    from matplotlib.ticker import FixedFormatter

    has_accessory = extract_labels(snapshot.punks(columns=["labels"]))[:, len(TYPES) :]
    order = [ACCESSORY_IDS[name] for names in ACCESSORY_KINDS.values() for name in names]
    order = [i for i in order if has_accessory[:, i].any()]
    with np.errstate(divide="ignore"):
        log_lift = np.log2(compute_lift(has_accessory[:, order]))
    title = "Co-occurrence of accessories (gray: no punk has both)"
    figure, (axes,) = create_figure(15, 14, title)
    axes.set_facecolor("#d5dae0")
    image = axes.imshow(np.ma.masked_invalid(log_lift), cmap="RdBu_r", vmin=-3, vmax=3)
    names = [ACCESSORIES[i] for i in order]
    axes.set_xticks(np.arange(len(order)), names, rotation=90, fontsize=8)
    axes.set_yticks(np.arange(len(order)), names, fontsize=8)
    lifts = FixedFormatter(["≤ 1/8×", "1/4×", "1/2×", "1×", "2×", "4×", "≥ 8×"])
    label = "punks with both: number observed / number expected if independent (lift)"
    bar = figure.colorbar(image, shrink=0.6, ticks=list(range(-3, 4)), format=lifts)
    bar.set_label(label, fontsize=12)
    bar.ax.tick_params(labelsize=11)
    return figure


def plot_label_visibility(snapshot: Snapshot) -> Figure:
    """Plot the share of punks with each accessory on which it is occluded."""
    punks = snapshot.punks(columns=["labels", "hidden_accessories"])
    num_occluded = extract_hidden_labels(punks)[:, len(TYPES) :].sum(axis=0)
    num_punks = extract_labels(punks)[:, len(TYPES) :].sum(axis=0, dtype=int)
    if not num_occluded.any():
        figure, (axes,) = create_figure(9, 2, "Invisible labels: none")
        text = f"Each of the {num_punks.sum():,} accessories changes a pixel of its punk."
        axes.text(0.5, 0.5, text, ha="center", va="center")
        axes.set_axis_off()
        return figure
    title = f"Invisible labels: {num_occluded.sum():,} of {num_punks.sum():,}"
    figure, (axes,) = create_figure(9, 1.5 + 0.22 * np.count_nonzero(num_occluded), title)
    counts = [f"{n:,} of {total:,}" for n, total in zip(num_occluded, num_punks, strict=True)]
    _draw_rows(axes, 100 * (num_occluded / np.maximum(num_punks, 1)), counts)
    axes.set_xlabel("% of punks with this label where it is invisible")
    return figure


PLOTS: dict[str, Callable[[Snapshot], Figure | Image.Image]] = {
    "first-100": plot_first_100,
    "price-by-type": plot_price_by_type,
    "price-over-time": plot_price_over_time,
    "price-by-trait": plot_price_by_trait,
    "accessory-counts": plot_accessory_counts,
    "co-occurrence": plot_co_occurrence,
    "label-visibility": plot_label_visibility,
}
"""Chart functions by name; the names are the arguments of `punkdata plot`."""
PRICE_PLOTS = ("price-by-type", "price-over-time", "price-by-trait")  # These need sales.


def compute_lift(has_accessory: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the lift of each pair of labels: P(a and b) / (P(a) P(b)), NaN on the diagonal.

    The measure is the "interest" of Brin, Motwani, Ullman and Tsur, "Dynamic Itemset Counting and
    Implication Rules for Market Basket Data", 1997. Each column of the labels (N, K) contains a 1.
    """
    values = has_accessory.astype(np.float64)
    counts = values.sum(axis=0)
    lift: NDArray[np.float64] = values.T @ values * len(values) / np.outer(counts, counts)
    np.fill_diagonal(lift, np.nan)
    return lift


def _draw_rows(axes: Axes, values: NDArray[Any], texts: list[str]) -> None:
    """Draw a horizontal bar for each accessory with a value, the largest at the top."""
    order = [i for i in np.argsort(-values, kind="stable") if values[i]]
    bars = axes.barh(np.arange(len(order)), values[order], color=BAR_COLOR)
    axes.bar_label(bars, [texts[i] for i in order], fontsize=7, padding=3)
    axes.set_yticks(np.arange(len(order)), [ACCESSORIES[i] for i in order], fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.margins(x=0.12)

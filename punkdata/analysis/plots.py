"""Charts of a snapshot: each function draws one, and `plot_png` encodes it as PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.analysis.prices import describe_sales, load_sales
from punkdata.charts import chart_style, encode_figure
from punkdata.images.image_grid import compose_grid
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_hidden_labels, extract_labels, extract_sprites
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, ACCESSORY_KINDS, TYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The gallery uses the same colors on a light background.
TYPE_COLORS = dict(zip(TYPES, ("#0d8a92", "#b5530b", "#b8508f", "#2b5fb8", "#2d8a3d"), strict=True))
BAR_COLOR = "#3d83c0"
MIN_PRICE_ETH = 0.001  # Sales below it are regarded as gifts, and are not shown over time.


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


def plot_price_by_type(snapshot: Snapshot) -> Figure:
    """Plot how the prices of the priced sales of each type are distributed, with the average."""
    sales = load_sales(snapshot)
    by_type = [sales.loc[sales["type"] == punk_type, "price_eth"] for punk_type in TYPES]
    sold = [(name, prices) for name, prices in zip(TYPES, by_type, strict=True) if len(prices)]
    figure, (axes,) = _create_figure(9, 5.5, "Sale prices by type")
    boxes = axes.boxplot(
        [prices for _, prices in sold],
        whis=(5, 95),
        showfliers=False,
        showmeans=True,
        widths=0.4,
        patch_artist=True,
        medianprops={"color": "white", "linewidth": 2},
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black"},
    )
    for position, (name, prices) in enumerate(sold, 1):
        boxes["boxes"][position - 1].set(facecolor=TYPE_COLORS[name], edgecolor="none")
        median = prices.median()
        text = f"{_format_eth(median)} ETH"
        axes.annotate(text, (position + 0.22, median), fontsize=9, va="center")
    _use_price_axis(axes)
    axes.set_xlim(0.5, len(sold) + 0.75)
    labels = [f"{name}\n{len(prices):,} sale{'s' * (len(prices) > 1)}" for name, prices in sold]
    axes.set_xticks(np.arange(1, len(sold) + 1), labels)
    axes.set_xlabel(
        "line and number: median; box: middle half of the sales; whiskers: 5% to 95%; "
        "diamond: average\n" + "\n".join(describe_sales(sales.attrs)),
        fontsize=8,
    )
    return figure


def plot_price_over_time(snapshot: Snapshot) -> Figure:
    """Plot every priced sale of at least 0.001 ETH, and the median of each month by type."""
    sales = load_sales(snapshot)
    note = "\n".join(describe_sales(sales.attrs))
    num_omitted = int((sales["price_eth"] < MIN_PRICE_ETH).sum())
    omitted = f" ({num_omitted:,} below {MIN_PRICE_ETH:g} ETH omitted)" if num_omitted else ""
    sales = sales[sales["price_eth"] >= MIN_PRICE_ETH].set_index("sold_at").sort_index()
    title = f"Sale prices over time: single sales and monthly medians{omitted}"
    figure, (axes,) = _create_figure(11, 5.5, title)
    # Single sales must be visible in a small sample, and must not hide the medians of thousands.
    alpha = min(0.6, max(0.2, 10 / max(1, len(sales)) ** 0.5))
    for punk_type, color in TYPE_COLORS.items():
        prices = sales.loc[sales["type"] == punk_type, "price_eth"]
        if prices.empty:
            continue
        axes.plot(prices.index, prices, ".", color=color, markersize=4, alpha=alpha, zorder=1)
        medians = prices.resample("MS").median()  # NaN, drawn as a gap, in months without sales
        axes.plot(
            medians.index, medians, ".-", color=color, markersize=6, label=punk_type, zorder=3
        )
    _use_price_axis(axes)
    axes.set_xlabel(note, fontsize=8)
    figure.legend(loc="outside right upper", title="Type")
    return figure


def plot_accessory_counts(snapshot: Snapshot) -> Figure:
    """Plot the number of punks by number of accessories, and by accessory."""
    has_accessory = extract_labels(snapshot.punks(columns=["labels"]))[:, len(TYPES) :]
    num_punks = has_accessory.sum(axis=0, dtype=int)
    by_count = np.bincount(has_accessory.sum(axis=1, dtype=int))
    rows_height = 0.17 * np.count_nonzero(num_punks)
    titles = ("Punks by number of accessories", "Punks by accessory")
    ratios = [2.2, rows_height + 0.5]
    figure, (upper, lower) = _create_figure(9, 4 + rows_height, *titles, height_ratios=ratios)
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
    figure, (axes,) = _create_figure(15, 14, title)
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
        figure, (axes,) = _create_figure(9, 2, "Invisible labels: none")
        text = f"Each of the {num_punks.sum():,} accessories changes a pixel of its punk."
        axes.text(0.5, 0.5, text, ha="center", va="center")
        axes.set_axis_off()
        return figure
    title = f"Invisible labels: {num_occluded.sum():,} of {num_punks.sum():,}"
    figure, (axes,) = _create_figure(9, 1.5 + 0.22 * np.count_nonzero(num_occluded), title)
    counts = [f"{n:,} of {total:,}" for n, total in zip(num_occluded, num_punks, strict=True)]
    _draw_rows(axes, 100 * (num_occluded / np.maximum(num_punks, 1)), counts)
    axes.set_xlabel("% of punks with this label where it is invisible")
    return figure


PLOTS: dict[str, Callable[[Snapshot], Figure | Image.Image]] = {
    "first-100": plot_first_100,
    "price-by-type": plot_price_by_type,
    "price-over-time": plot_price_over_time,
    "accessory-counts": plot_accessory_counts,
    "co-occurrence": plot_co_occurrence,
    "label-visibility": plot_label_visibility,
}
"""Chart functions by name; the names are the arguments of `punkdata plot`."""
PRICE_PLOTS = ("price-by-type", "price-over-time")  # These need sales.


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


def _create_figure(
    width: float, height: float, *titles: str, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Create a figure, in inches, with empty axes of these titles from the top to the bottom."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=140, layout="constrained")
    figure.subplots(len(titles), **options)
    for axes, title in zip(figure.axes, titles, strict=True):
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, figure.axes


def _draw_rows(axes: Axes, values: NDArray[Any], texts: list[str]) -> None:
    """Draw a horizontal bar for each accessory with a value, the largest at the top."""
    order = [i for i in np.argsort(-values, kind="stable") if values[i]]
    bars = axes.barh(np.arange(len(order)), values[order], color=BAR_COLOR)
    axes.bar_label(bars, [texts[i] for i in order], fontsize=7, padding=3)
    axes.set_yticks(np.arange(len(order)), [ACCESSORIES[i] for i in order], fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.margins(x=0.12)


def _use_price_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, with tick labels in plain numbers such as 10, 20 and 50."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda eth, _: _format_eth(eth)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", alpha=0.3)
    axes.set_ylabel("price in ETH")


def _format_eth(eth: float) -> str:
    """Format a price with three significant digits, for example 0.0512, 45.3 or 3,490."""
    return f"{float(f'{eth:.3g}'):,g}"

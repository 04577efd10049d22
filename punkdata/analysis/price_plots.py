"""Charts of prices: each function draws one, from the priced sales of a snapshot."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from punkdata.analysis.figures import TYPE_COLORS, create_figure
from punkdata.analysis.prices import MIN_PRICE_ETH, describe_sales, load_sales, price_table
from punkdata.snapshots.reader import Snapshot
from punkdata.traits import TYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION_CHARS = 100
"""Length of a line below a chart. Longer ones would leave the figure: nothing wraps them."""
FLOOR_COLOR = "#222222"
COLUMNS = ("sales", "median ETH", "median USD", "floor ETH")
"""Column headings of the table next to the chart of prices by trait."""


def plot_price_by_type(snapshot: Snapshot) -> Figure:
    """Plot how the prices of the sales of each type are distributed, with the average."""
    sales = load_sales(snapshot)
    by_type = [sales.loc[sales["type"] == punk_type, "price_eth"] for punk_type in TYPES]
    sold = [(name, prices) for name, prices in zip(TYPES, by_type, strict=True) if len(prices)]
    figure, (axes,) = create_figure(9, 5.5, "Sale prices by type")
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
        text = f"{_format_price(median)} ETH"
        axes.annotate(text, (position + 0.22, median), fontsize=9, va="center")
    _use_price_axis(axes, "ETH")
    axes.set_xlim(0.5, len(sold) + 0.75)
    labels = [f"{name}\n{len(prices):,} sale{'s' * (len(prices) > 1)}" for name, prices in sold]
    axes.set_xticks(np.arange(1, len(sold) + 1), labels)
    axes.set_xlabel(
        "line and number: median; box: middle half of the sales; whiskers: 5% to 95%; "
        "diamond: average\n" + _describe(sales.attrs),
        fontsize=8,
    )
    return figure


def plot_price_over_time(snapshot: Snapshot) -> Figure:
    """Plot every sale of at least 0.001 ETH, monthly medians of each type, and the floor price.

    The upper chart is in ETH; below it, one in USD shows the sales whose rate is known, if any.
    """
    sales = load_sales(snapshot)
    note = _describe(sales.attrs)
    is_gift = sales["price_eth"] < MIN_PRICE_ETH
    if is_gift.any():
        note += f"\n{is_gift.sum():,} sales below {MIN_PRICE_ETH:g} ETH omitted"
    sales = sales[~is_gift].set_index("sold_at").sort_index()
    table = snapshot.floor_prices()
    floors = pd.DataFrame() if table is None else table.to_pandas().set_index("time")
    units = ["ETH", "USD"] if sales["price_usd"].notna().any() else ["ETH"]
    titles = [
        f"Sale prices over time in {unit}: single sales and monthly medians" for unit in units
    ]
    figure, all_axes = create_figure(11, 1 + 4.5 * len(units), *titles, sharex=True)
    for axes, unit in zip(all_axes, units, strict=True):
        column = f"price_{unit.lower()}"
        _draw_sales(axes, sales[["type", column]].dropna(), column)
        if len(floors) and floors[column].notna().any():
            floor = floors[column].dropna()
            axes.plot(floor.index, floor, color=FLOOR_COLOR, linewidth=1.2, zorder=4, label="Floor")
        _use_price_axis(axes, unit)
    handles = {text: handle for axes in all_axes for handle, text in _legend_entries(axes)}
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", title="Type")
    all_axes[-1].set_xlabel(note, fontsize=8)
    return figure


def _draw_sales(axes: Axes, sales: pd.DataFrame, column: str) -> None:
    # Single sales must be visible in a small sample, and must not hide the medians of thousands.
    alpha = min(0.6, max(0.2, 10 / max(1, len(sales)) ** 0.5))
    for punk_type, color in TYPE_COLORS.items():
        prices = sales.loc[sales["type"] == punk_type, column]
        if prices.empty:
            continue
        axes.plot(prices.index, prices, ".", color=color, markersize=4, alpha=alpha, zorder=1)
        medians = prices.resample("MS").median()  # NaN, drawn as a gap, in months without sales
        axes.plot(
            medians.index, medians, ".-", color=color, markersize=6, label=punk_type, zorder=3
        )


def _legend_entries(axes: Axes) -> list[tuple[Any, str]]:
    return list(zip(*axes.get_legend_handles_labels(), strict=True))


def plot_price_by_trait(snapshot: Snapshot) -> Figure:
    """Plot the premium of each type and accessory with its interval, next to a table of prices."""
    tables = [price_table(snapshot, by) for by in ("type", "accessory")]
    rows = pd.concat([table[table["sales"] > 0] for table in tables])
    is_type = np.array([name in TYPES for name in rows.index])
    positions = np.arange(len(rows)) + np.where(is_type, 0.0, 0.8)  # a gap below the types
    height = 1.9 + 0.19 * len(rows)
    figure, (axes,) = create_figure(11, height, "Prices by trait: premium over the market")
    for (name, row), position in zip(rows.iterrows(), positions, strict=True):
        color = TYPE_COLORS.get(str(name), "#3d83c0")
        ratio, low, high = (1 + row[c] for c in ("premium", "premium_low", "premium_high"))
        if np.isfinite(low):
            axes.plot([low, high], [position] * 2, color=color, linewidth=2, solid_capstyle="butt")
        axes.plot([ratio], [position], "o", color=color, markersize=4)
        prices = (row["median_eth"], row["median_usd"], row["floor_eth"])
        texts = ["–" if pd.isna(price) else _format_price(price) for price in prices]
        for column, text in enumerate([f"{row['sales']:,.0f}", *texts]):
            _write_cell(axes, column, position, text)
    for column, heading in enumerate(COLUMNS):
        _write_cell(axes, column, -1.2, heading)
    axes.set_yticks(positions, list(rows.index), fontsize=8)
    axes.tick_params(axis="y", length=0, pad=250)
    axes.set_ylim(positions[-1] + 0.8, -1.8)
    _use_ratio_axis(axes)
    axes.set_xlabel(
        "price relative to others of its type in the same month (types: to all punks): median and "
        "95% interval\n" + _describe(tables[0].attrs),
        fontsize=8,
    )
    return figure


def _write_cell(axes: Axes, column: int, position: float, text: str) -> None:
    """Write a number of the table to the left of the axes, at a position of its y axis."""
    axes.annotate(
        text,
        (0, position),
        xycoords=("axes fraction", "data"),
        xytext=(-200 + 62 * column, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=8,
        annotation_clip=False,
    )


def _use_ratio_axis(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.axvline(1, color="#999999", linewidth=0.8, zorder=0)
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", alpha=0.3)


def _use_price_axis(axes: Axes, unit: str) -> None:
    """Make the y axis logarithmic, with tick labels in plain numbers such as 10, 20 and 50."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda price, _: _format_price(price)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", alpha=0.3)
    axes.set_ylabel(f"price in {unit}")


def _format_price(price: float) -> str:
    """Format a price with four significant digits, for example 0.05125, 131.5 or 34,900."""
    return f"{float(f'{price:.4g}'):,g}"


def _describe(facts: Any) -> str:
    """Return the lines that say which sales are counted, short enough for every chart."""
    return "\n".join(textwrap.fill(line, CAPTION_CHARS) for line in describe_sales(facts))

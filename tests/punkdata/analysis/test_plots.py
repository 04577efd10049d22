from __future__ import annotations

import io
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from support.market_records import write_market

from punkdata.analysis import plots
from punkdata.analysis.plots import PLOTS, PRICE_PLOTS, compute_lift, plot_png
from punkdata.analysis.prices import MIN_PRICE_ETH, REASONS, load_sales, price_table
from punkdata.errors import DataError
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.sale_flags import is_priced
from punkdata.snapshots.tables import extract_sprites


@pytest.mark.parametrize("name", PLOTS)
def test_plot_is_a_png_with_content(name: str, priced_snapshot: Snapshot) -> None:
    with Image.open(io.BytesIO(plot_png(name, priced_snapshot))) as image:
        assert image.format == "PNG"
        assert min(image.size) >= 200
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 5


@pytest.mark.parametrize("name", [name for name in PLOTS if name != "first-100"])
def test_plot_has_a_title_and_axis_labels(name: str, priced_snapshot: Snapshot) -> None:
    figure = PLOTS[name](priced_snapshot)
    assert isinstance(figure, Figure)
    for axes in figure.axes:
        if not axes.axison:  # There is nothing to show, which a text says.
            assert axes.texts
            continue
        is_color_bar = axes.get_label() == "<colorbar>"
        assert axes.get_title() or is_color_bar
        assert axes.get_xlabel() or axes.get_ylabel() or name == "co-occurrence"


def test_first_100_shows_sprites_by_number(snapshot: Snapshot) -> None:
    pixels = np.asarray(plots.plot_first_100(snapshot))
    sprites = extract_sprites(snapshot.punks().sort_by("punk_id"))
    assert pixels.shape == (6 * 96, 10 * 96, 3)
    for i in (0, 9, 10, 59):
        tile = pixels[i // 10 * 96 :: 4, i % 10 * 96 :: 4][:24, :24]
        is_opaque = sprites[i][..., 3] == 255
        assert (tile[is_opaque] == sprites[i][is_opaque][:, :3]).all()


def test_price_by_type_shows_mean_and_median_of_sales(priced_snapshot: Snapshot) -> None:
    figure = plots.plot_price_by_type(priced_snapshot)
    type_of = {row["punk_id"]: row["type"] for row in priced_snapshot.punks().to_pylist()}
    table = priced_snapshot.sales()
    assert table is not None
    by_type: dict[str, list[float]] = {}
    for sale in table.to_pylist():
        if is_priced(sale) and sale["punk_id"] in type_of:
            by_type.setdefault(type_of[sale["punk_id"]], []).append(sale["price_eth"])
    order = sorted(by_type)
    axes = figure.axes[0]
    averages = [line for line in axes.lines if line.get_marker() == "D"]
    medians = [line for line in axes.lines if line.get_color() == "white"]
    for lines, average in ((averages, statistics.mean), (medians, statistics.median)):
        expected = [average(by_type[punk_type]) for punk_type in order]
        assert [line.get_ydata()[0] for line in lines] == pytest.approx(expected)
    assert "sales left out: without payment 1, " in axes.get_xlabel()
    shown = [float(text.get_text().removesuffix(" ETH").replace(",", "")) for text in axes.texts]
    assert shown == pytest.approx([line.get_ydata()[0] for line in medians], rel=0.005)


def test_price_axis_has_ticks_in_plain_numbers(priced_snapshot: Snapshot) -> None:
    figure = plots.plot_price_by_type(priced_snapshot)
    figure.draw_without_rendering()
    texts = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"1", "2", "5", "10", "20", "50", "100"} <= set(texts)


def test_price_over_time_has_gaps_in_months_without_sales(priced_snapshot: Snapshot) -> None:
    single_sales, medians, *_ = plots.plot_price_over_time(priced_snapshot).axes[0].lines
    sales = load_sales(priced_snapshot)
    aliens = sales[(sales["type"] == "Alien") & (sales["price_eth"] >= MIN_PRICE_ETH)]
    assert len(np.asarray(single_sales.get_xdata())) == len(aliens)
    num_months = aliens["sold_at"].dt.strftime("%Y-%m").nunique()
    assert np.isfinite(np.asarray(medians.get_ydata(), float)).sum() == num_months


def test_accessory_counts_agree_with_the_manifest(snapshot: Snapshot) -> None:
    upper, lower = plots.plot_accessory_counts(snapshot).axes
    by_count = snapshot.manifest.accessories_per_punk
    assert [bar.get_height() for bar in upper.containers[0]] == list(by_count.values())
    widths = [bar.get_width() for bar in lower.containers[0]]
    names = [text.get_text() for text in lower.get_yticklabels()]
    assert dict(zip(names, widths, strict=True)) == {
        name: n for name, n in snapshot.manifest.labels.items() if n and name in names
    }
    assert sum(widths) == sum(int(k) * n for k, n in by_count.items())


def test_label_visibility_shows_share_of_hidden_accessories(snapshot_with_hidden: Snapshot) -> None:
    axes = plots.plot_label_visibility(snapshot_with_hidden).axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    punks = snapshot_with_hidden.punks().to_pylist()
    assert names
    for name, bar in zip(names, axes.containers[0], strict=True):
        num_punks = sum(name in punk["accessories"] for punk in punks)
        num_hidden = sum(name in punk["hidden_accessories"] for punk in punks)
        assert bar.get_width() == pytest.approx(100 * num_hidden / num_punks)
    assert f"{sum(len(p['hidden_accessories']) for p in punks)} of" in axes.get_title()


def test_label_visibility_says_that_nothing_is_hidden(snapshot: Snapshot) -> None:
    axes = plots.plot_label_visibility(snapshot).axes[0]
    assert "none" in axes.get_title()
    assert "changes a pixel" in axes.texts[0].get_text()


def test_lift_of_independent_disjoint_and_identical_labels() -> None:
    has_label = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]] * 3, np.uint8)
    lift = compute_lift(has_label)
    assert lift[0, 1] == lift[1, 0] == pytest.approx(1)
    assert lift[1, 2] == 0
    assert np.isnan(lift.diagonal()).all()
    identical = np.array([[1, 1], [0, 0], [0, 0], [0, 0]], np.uint8)
    assert compute_lift(identical)[0, 1] == pytest.approx(4)


@pytest.mark.parametrize("name", PRICE_PLOTS)
def test_price_plots_require_sales(name: str, snapshot: Snapshot) -> None:
    with pytest.raises(DataError, match="has no sales in ETH"):
        plot_png(name, snapshot)


def test_label_visibility_requires_schema_2(schema1_root: Path) -> None:
    with pytest.raises(DataError, match="hidden_accessories"):
        plots.plot_label_visibility(open_snapshot(schema1_root))


def test_price_charts_show_dollars_and_the_floor(tmp_path: Path) -> None:
    snapshot = write_market(tmp_path)
    floors, sales = snapshot.floor_prices(), snapshot.sales()
    assert floors is not None
    assert sales is not None
    figure = plots.plot_price_over_time(snapshot)
    for axes, unit in zip(figure.axes, ("eth", "usd"), strict=True):
        (line,) = [line for line in axes.lines if line.get_label() == "Floor"]
        expected = [p for p in floors.column(f"price_{unit}").to_pylist() if p is not None]
        assert np.asarray(line.get_ydata()).tolist() == expected
        assert axes.get_ylabel() == f"price in {unit.upper()}"
    assert "sales left out" in figure.axes[-1].get_xlabel()


def test_chart_of_prices_by_trait_agrees_with_the_table(tmp_path: Path) -> None:
    snapshot = write_market(tmp_path)
    axes = plots.plot_price_by_trait(snapshot).axes[0]
    tables = [price_table(snapshot, "type"), price_table(snapshot, "accessory")]
    rows = pd.concat([table[table["sales"] > 0] for table in tables])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows.index)
    points = [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o"]
    assert points == pytest.approx((1 + rows["premium"]).tolist(), nan_ok=True)
    texts = [text.get_text() for text in axes.texts]
    assert texts[: 4 * len(rows) : 4] == [f"{n:,}" for n in rows["sales"]]
    assert "4,200" in texts


def test_chart_of_prices_by_trait_shows_exact_counts_and_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_table(_: Snapshot, by: str) -> pd.DataFrame:
        columns = {"sales": [1341], "median_eth": [131.5], "median_usd": [4345.4]}
        premium = {"floor_eth": [0.05125], "premium": 0.5, "premium_low": 0.2, "premium_high": 0.9}
        table = pd.DataFrame(columns | premium, index=["Male" if by == "type" else "Mole"])
        facts = {"market": "cryptopunks", "since": "2017-06-23", "until": "2026-11-26"}
        counts = dict.fromkeys(REASONS, 12_345)
        table.attrs.update(facts | {"sales": 20_000, "left_out": counts})
        return table

    monkeypatch.setattr("punkdata.analysis.price_plots.price_table", make_table)
    figure = plots.plot_price_by_trait(write_market(tmp_path))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts[:4]] == ["1,341", "131.5", "4,345", "0.05125"]
    figure.draw_without_rendering()
    caption = axes.xaxis.label.get_window_extent()
    assert caption.x0 >= 0
    assert caption.x1 <= figure.bbox.width

from __future__ import annotations

import io
import statistics
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from punkdata.analysis import plots
from punkdata.analysis.plots import PLOTS, PRICE_PLOTS, eth_sales, pairwise_lift
from punkdata.errors import DataError
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn, before it becomes pixels."""
    drawn: list[Figure] = []
    real = plots._png

    def keep(figure: Figure) -> bytes:
        drawn.append(figure)
        return real(figure)

    monkeypatch.setattr(plots, "_png", keep)
    return drawn


@pytest.mark.parametrize("name", PLOTS)
def test_every_picture_is_a_png_of_something(name: str, priced: Snapshot) -> None:
    with Image.open(io.BytesIO(PLOTS[name](priced))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 200
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 5


def test_the_first_hundred_are_the_sprites_in_order(snapshot: Snapshot) -> None:
    picture = np.asarray(Image.open(io.BytesIO(plots.first_100(snapshot))))
    sprites = extract_sprites(snapshot.punks().sort_by("punk_id"))
    assert picture.shape == (6 * 96, 10 * 96, 3)
    for i in (0, 9, 10, 59):
        tile = picture[i // 10 * 96 :: 4, i % 10 * 96 :: 4][:24, :24]
        solid = sprites[i][..., 3] == 255
        assert (tile[solid] == sprites[i][solid][:, :3]).all()


def test_averages_and_medians_are_those_of_the_sales(
    priced: Snapshot, figures: list[Figure]
) -> None:
    plots.price_by_type(priced)
    kinds = {row["punk_id"]: row["type"] for row in priced.punks().to_pylist()}
    table = priced.sales()
    assert table is not None
    by_type: dict[str, list[float]] = {}
    for sale in table.to_pylist():
        if sale["price_eth"] is not None and sale["punk_id"] in kinds:
            by_type.setdefault(kinds[sale["punk_id"]], []).append(sale["price_eth"])
    averages, medians = figures[0].axes[0].containers
    order = sorted(by_type)
    assert [bar.get_height() for bar in averages] == pytest.approx(
        [statistics.mean(by_type[kind]) for kind in order]
    )
    assert [bar.get_height() for bar in medians] == pytest.approx(
        [statistics.median(by_type[kind]) for kind in order]
    )


def test_a_month_without_a_sale_is_a_gap(priced: Snapshot, figures: list[Figure]) -> None:
    plots.price_over_time(priced)
    lines = figures[0].axes[0].lines
    sales = eth_sales(priced)
    dots, medians = lines[0], lines[1]
    aliens = sales[(sales["type"] == "Alien") & (sales["price_eth"] >= plots.LEAST_ETH)]
    assert len(dots.get_xdata()) == len(aliens)
    sold = aliens["sold_at"].dt.strftime("%Y-%m").nunique()
    drawn = np.asarray(medians.get_ydata(), float)
    assert np.isfinite(drawn).sum() == sold


def test_bars_count_who_wears_what(snapshot: Snapshot, figures: list[Figure]) -> None:
    plots.accessory_counts(snapshot)
    above, below = figures[0].axes
    numbers = snapshot.manifest.accessories_per_punk
    assert [bar.get_height() for bar in above.containers[0]] == list(numbers.values())
    widths = [bar.get_width() for bar in below.containers[0]]
    names = [text.get_text() for text in below.get_yticklabels()]
    assert dict(zip(names, widths, strict=True)) == {
        name: n for name, n in snapshot.manifest.labels.items() if n and name in names
    }
    assert sum(widths) == sum(int(k) * n for k, n in numbers.items())


def test_bars_tell_on_whom_an_accessory_is_hidden(hiding: Snapshot, figures: list[Figure]) -> None:
    plots.label_visibility(hiding)
    axes = figures[0].axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    punks = hiding.punks().to_pylist()
    assert names
    for name, bar in zip(names, axes.containers[0], strict=True):
        worn = sum(name in punk["accessories"] for punk in punks)
        hidden = sum(name in punk["hidden_accessories"] for punk in punks)
        assert bar.get_width() == pytest.approx(100 * hidden / worn)
    assert f"{sum(len(p['hidden_accessories']) for p in punks)} of" in axes.get_title()


def test_lift_is_one_by_chance_and_nought_for_what_never_meets() -> None:
    worn = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]] * 3, np.uint8)
    lifts = pairwise_lift(worn)
    assert lifts[0, 1] == lifts[1, 0] == pytest.approx(1)
    assert lifts[1, 2] == 0
    assert np.isnan(lifts.diagonal()).all()
    twins = np.array([[1, 1], [0, 0], [0, 0], [0, 0]], np.uint8)
    assert pairwise_lift(twins)[0, 1] == pytest.approx(4)


def test_pictures_of_prices_need_prices(snapshot: Snapshot) -> None:
    for name in PRICE_PLOTS:
        with pytest.raises(DataError, match="knows no sales in ETH"):
            PLOTS[name](snapshot)


def test_an_old_snapshot_does_not_tell_what_is_hidden(old_root: Path) -> None:
    with pytest.raises(DataError, match="punkdata build-dataset"):
        plots.label_visibility(open_snapshot(old_root))

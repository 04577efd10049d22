from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from punkdata.analysis.price_baselines import compare_intervals, predict_baselines
from punkdata.analysis.price_history import PunkTraits, SaleHistory, arrange_sales, load_traits
from punkdata.snapshots.reader import Snapshot


@pytest.fixture
def sales() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hours = np.sort(rng.integers(0, 4000, 400))
    return pd.DataFrame(
        {
            "punk_id": rng.integers(0, 60, 400),
            "sold_at": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(hours, "h"),
            "price_eth": np.where(rng.random(400) < 0.02, 1e-18, rng.lognormal(0, 1, 400)),
        }
    )


@pytest.fixture
def traits(snapshot: Snapshot) -> PunkTraits:
    return load_traits(snapshot)


@pytest.fixture
def history(sales: pd.DataFrame, traits: PunkTraits) -> SaleHistory:
    return arrange_sales(sales, traits)


def test_baselines_equal_a_plain_computation(
    sales: pd.DataFrame, traits: PunkTraits, history: SaleHistory
) -> None:
    found = predict_baselines(history, traits, None, sales["sold_at"][320]).values()
    (last, size), (of_type, _), (floor, _) = found
    assert (size == 1).all()
    assert sales["sold_at"].duplicated().any()
    type_of = dict(zip(traits.ids.tolist(), traits.types.tolist(), strict=True))
    types = sales["punk_id"].map(type_of)
    is_gift = sales["price_eth"] < 0.001
    assert is_gift.any()
    for i, sale in enumerate(sales.itertuples()):
        log_price = np.log(sales["price_eth"])
        age = sale.sold_at - sales["sold_at"]
        is_before = age > pd.Timedelta(0)
        same_punk = log_price[is_before & (sales["punk_id"] == sale.punk_id)]
        expected = [
            same_punk.iloc[-1] if len(same_punk) else np.nan,
            log_price[is_before & (age <= pd.Timedelta(days=30)) & (types == types[i])].median(),
            log_price[is_before & (age <= pd.Timedelta(days=7)) & ~is_gift].min(),
        ]
        assert [last[i], of_type[i], floor[i]] == pytest.approx(expected, nan_ok=True)


def test_floor_of_opensea_is_used_once_it_was_known(
    sales: pd.DataFrame, traits: PunkTraits, history: SaleHistory
) -> None:
    first_test, second = sales["sold_at"].iloc[[320, 340]]
    floor = pd.Series([2.0, 3.0, 4.0], [first_test - pd.Timedelta(hours=1), first_test, second])
    found = predict_baselines(history, traits, floor, sales["sold_at"][320])
    name, (predicted, _) = [*found.items()][-1]
    assert name == "floor: OpenSea's"
    assert np.isnan(predicted[: history.num_known[320]]).all()
    assert predicted[320] == pytest.approx(np.log(2))  # The quote at the moment of the sale is not.
    assert predicted[history.num_known > 320][0] == pytest.approx(np.log(3))
    is_old = sales["sold_at"] > second + pd.Timedelta(days=7)
    assert is_old.any()
    assert np.isnan(predicted[is_old]).all()


def test_floor_that_begins_too_late_is_replaced_by_the_lowest_sale(
    sales: pd.DataFrame, traits: PunkTraits, history: SaleHistory
) -> None:
    for floor in (pd.Series([2.0], sales["sold_at"].iloc[[320]]), pd.Series([], [], dtype=float)):
        *_, name = predict_baselines(history, traits, floor, sales["sold_at"][320])
        assert name == "floor: lowest sale, 7 days"


def test_methods_are_compared_on_the_prices_that_the_model_predicts() -> None:
    nan = np.nan
    price = np.log([1.0, 2.0, 4.0, 8.0, 16.0])
    model = np.log([[1, 1, 2], [1, 1, 1.5], [2, 2, 8], [1, 1, 2], [nan, nan, nan]])
    other = np.log([[1, 1, 9], [1, 4, 9], [nan, nan, nan], [1, 8, 9], [1, 16, 99]])
    none = np.full((5, 3), nan)
    table = compare_intervals(price, {"model": model, "other": other, "none": none})
    columns = ["sales", "coverage", "width", "median_error", "model_width"]
    table = table.set_index("method")[columns]
    assert table.loc["model"].tolist() == pytest.approx([4, 0.5, 2, 2, 2])
    assert table.loc["other"].tolist() == pytest.approx([3, 1, 9, 1, 2])
    assert table.loc["none", "sales"] == 0
    assert table.loc["none"].drop("sales").isna().all()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import punkdata
from punkdata.analysis.price_history import arrange_sales, load_traits
from punkdata.analysis.price_model import PriceModel, fit_price_model
from punkdata.analysis.prices import load_sales
from punkdata.errors import DataError, UsageError
from punkdata.schema import TABLES
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot

NOISE = 0.3
IDEAL_WIDTH = np.exp(2 * 1.645 * NOISE)  # of an interval of coverage 0.9, if all else is known


def find_accessory(snapshot: Snapshot) -> str:
    """Return the most frequent accessory."""
    punks = snapshot.punks(columns=["accessories"]).to_pandas()
    return str(punks["accessories"].explode().value_counts().index[0])


def make_sales(snapshot: Snapshot, count: int = 1500, *, seed: int = 0) -> pd.DataFrame:
    """Return sales of random punks: one accessory triples the price, and the market moves."""
    rng = np.random.default_rng(seed)
    punks = snapshot.punks(columns=["punk_id", "type", "accessories"]).to_pandas()
    sold = punks.iloc[rng.integers(0, len(punks), count)].reset_index(drop=True)
    accessory = find_accessory(snapshot)
    market = np.sin(np.arange(count) / 200) + np.arange(count) / 500
    log_price = market + rng.normal(0, NOISE, count)
    log_price += np.log(3) * sold["accessories"].map(lambda names: accessory in names)
    hours = np.sort(rng.integers(0, 8 * count, count))  # some in the same second
    sold_at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(hours, "h")
    return pd.DataFrame(
        {"punk_id": sold["punk_id"], "sold_at": sold_at, "price_eth": np.exp(log_price)}
    )


@pytest.fixture(scope="module")
def sales(built_root: Path) -> pd.DataFrame:
    return make_sales(punkdata.open_snapshot(built_root))


@pytest.fixture(scope="module")
def model(built_root: Path, sales: pd.DataFrame) -> PriceModel:
    return fit_price_model(punkdata.open_snapshot(built_root), sales=sales)


def test_intervals_cover_and_are_narrower_than_those_of_baselines(model: PriceModel) -> None:
    evaluation = model.evaluation.set_index("method")
    assert [*evaluation.index] == [
        "model",
        "last sale",
        "median of its type, 30 days",
        "floor: lowest sale, 7 days",
    ]
    assert evaluation.loc["model", "sales"] == 300
    # The standard error of a coverage of 0.9 in 300 sales is 0.017.
    assert evaluation["coverage"].between(0.82, 0.98).all()
    assert IDEAL_WIDTH * 0.85 < evaluation.loc["model", "width"] < IDEAL_WIDTH * 1.4
    assert (evaluation["width"].iloc[1:] > 1.3 * evaluation["model_width"].iloc[1:]).all()
    assert (evaluation["median_error"].iloc[1:] > evaluation.loc["model", "median_error"]).all()


def test_factors_find_the_accessory_that_triples_the_price(
    model: PriceModel, snapshot: Snapshot
) -> None:
    best = model.factors.iloc[0]
    assert best["accessory"] == find_accessory(snapshot)
    assert best["factor"] == pytest.approx(3, rel=0.2)
    assert model.factors["factor"].iloc[1:].between(0.7, 1.4).all()


def test_predictions_do_not_depend_on_the_future(
    model: PriceModel, sales: pd.DataFrame, snapshot: Snapshot
) -> None:
    ids = list(range(60))
    for row in (600, 901, 1499):
        at = sales["sold_at"].iloc[row]
        is_future = sales["sold_at"] >= at
        changed = sales.assign(
            price_eth=sales["price_eth"].where(~is_future, 1e-6),
            punk_id=sales["punk_id"].where(~is_future, 7),
        )
        expected = model.predict(ids, at)
        assert expected["low_eth"].notna().all()
        found = fit_price_model(snapshot, sales=changed).predict(ids, at)
        pd.testing.assert_frame_equal(found, expected)
        only_past = fit_price_model(snapshot, sales=sales[~is_future])
        pd.testing.assert_frame_equal(only_past.predict(ids, at), expected)
        pd.testing.assert_frame_equal(only_past.predict(ids), expected)


def test_evaluation_counts_what_predict_would_have_said(
    model: PriceModel, sales: pd.DataFrame
) -> None:
    test = model.test_sales
    columns = ["punk_id", "sold_at", "price_eth"]
    expected = sales.iloc[-300:].reset_index(drop=True)
    pd.testing.assert_frame_equal(test[columns], expected[columns], check_dtype=False)
    predicted = [model.predict(s.punk_id, s.sold_at) for s in test.itertuples(index=False)]
    columns = ["low_eth", "median_eth", "high_eth"]
    found = pd.concat(predicted, ignore_index=True)
    pd.testing.assert_frame_equal(test[columns], found[columns])
    is_inside = test["price_eth"].between(test["low_eth"], test["high_eth"])
    width = (test["high_eth"] / test["low_eth"]).median()
    expected = [300, is_inside.mean(), width]
    assert model.evaluation.iloc[0, 1:4].tolist() == pytest.approx(expected)


def test_predict_returns_one_row_for_each_punk_in_order(model: PriceModel) -> None:
    found = model.predict([5, 3, 5])
    assert [*found.columns] == ["punk_id", "low_eth", "median_eth", "high_eth", "reason"]
    assert found["punk_id"].tolist() == [5, 3, 5]
    assert (found["low_eth"] < found["median_eth"]).all()
    assert (found["median_eth"] < found["high_eth"]).all()
    assert found["reason"].isna().all()
    assert found.iloc[0].equals(found.iloc[2])
    pd.testing.assert_frame_equal(model.predict(3), model.predict(np.array([3])))
    assert model.predict([]).empty


def test_a_higher_coverage_gives_a_wider_interval(
    model: PriceModel, sales: pd.DataFrame, snapshot: Snapshot
) -> None:
    half = fit_price_model(snapshot, sales=sales, coverage=0.5)
    assert 0.4 < half.evaluation["coverage"].iloc[0] < 0.6
    wide, narrow = model.predict(3), half.predict(3)
    assert wide["low_eth"][0] < narrow["low_eth"][0] < wide["median_eth"][0]
    assert wide["high_eth"][0] > narrow["high_eth"][0]
    assert "coverage 0.5: 0." in repr(half)


def test_time_zones_and_the_order_of_the_rows_do_not_matter(
    model: PriceModel, sales: pd.DataFrame, snapshot: Snapshot
) -> None:
    unique = sales.drop_duplicates("sold_at")
    expected = fit_price_model(snapshot, sales=unique)
    shuffled = unique.sample(frac=1, random_state=0).assign(other="column")
    shuffled["sold_at"] = shuffled["sold_at"].dt.tz_convert("Asia/Tokyo")
    found = fit_price_model(snapshot, sales=shuffled)
    pd.testing.assert_frame_equal(found.evaluation, expected.evaluation)
    at = "2020-12-01T12:00:00"
    pd.testing.assert_frame_equal(
        model.predict(3, at), model.predict(3, pd.Timestamp(f"{at}+00:00").tz_convert("Asia/Tokyo"))
    )


def test_refuses_a_type_with_few_sales_and_says_why(snapshot: Snapshot) -> None:
    punks = snapshot.punks(columns=["punk_id", "type"]).to_pandas().sort_values("punk_id")
    apes = punks.loc[punks["type"] == "Ape", "punk_id"]
    sales = make_sales(snapshot)
    is_ape = sales["punk_id"].isin(apes)
    sales = sales[~is_ape | (is_ape.cumsum() <= 9)]
    model = fit_price_model(snapshot, sales=sales)
    found = model.predict(punks["punk_id"]).set_index(punks["type"].to_numpy())
    assert found.loc["Ape", ["low_eth", "median_eth", "high_eth"]].isna().all(axis=None)
    assert set(found.loc["Ape", "reason"]) == {"too few sales of type Ape: 9; 10 are needed"}
    assert found.drop("Ape")["low_eth"].notna().all()
    assert found.drop("Ape")["reason"].isna().all()


def test_refuses_moments_without_enough_or_recent_sales(model: PriceModel) -> None:
    early = model.predict(3, "2020-01-10")
    assert early["reason"].tolist() == [
        "too few predicted sales before 2020-01-10 00:00: 0; 50 are needed"
    ]
    assert early["low_eth"].isna().all()
    late = model.predict(3, "2031-01-01")
    assert late["reason"].tolist() == ["no sale in the 30 days before 2031-01-01 00:00"]
    assert late["high_eth"].isna().all()


def test_refuses_too_few_sales(snapshot: Snapshot, sales: pd.DataFrame) -> None:
    too_few = r"of coverage 0.9 needs at least 250 sales, but there are 249 .*; pass a table with"
    with pytest.raises(DataError, match=too_few):
        fit_price_model(snapshot, sales=sales[:249])
    assert fit_price_model(snapshot, sales=sales[:250]).evaluation["sales"].iloc[0] >= 40
    with pytest.raises(DataError, match=r"coverage 0.99 needs at least 437 sales"):
        fit_price_model(snapshot, sales=sales[:436], coverage=0.99)
    with pytest.raises(DataError, match="punkdata fetch --instant-key --root"):
        fit_price_model(snapshot)


def test_refuses_sales_that_are_far_apart(snapshot: Snapshot, sales: pd.DataFrame) -> None:
    days = pd.to_timedelta(31 * np.arange(300), "D")
    with pytest.raises(DataError, match="none of the last 60 sales can be predicted"):
        fit_price_model(snapshot, sales=sales[:300].assign(sold_at=sales["sold_at"][0] + days))


def test_uses_the_priced_sales_of_a_snapshot_and_market(priced_snapshot: Snapshot) -> None:
    model = fit_price_model(priced_snapshot)
    priced = load_sales(priced_snapshot)
    expected = fit_price_model(priced_snapshot, sales=priced)
    # The last row is the floor, which a table of sales alone does not have.
    pd.testing.assert_frame_equal(model.evaluation[:-1], expected.evaluation[:-1])
    assert model.test_sales["price_eth"].tolist() == pytest.approx(
        priced["price_eth"].tail(len(priced) // 5).tolist()
    )
    with pytest.raises(UsageError, match="market must be one of"):
        fit_price_model(priced_snapshot, market="moon")


def test_uses_the_floor_prices_of_a_snapshot(priced_snapshot: Snapshot, tmp_path: Path) -> None:
    days = load_sales(priced_snapshot)["sold_at"].dt.floor("D").drop_duplicates()
    price = np.where(np.arange(len(days)) % 9, 2.0, np.nan)
    floor = pd.DataFrame({"time": days, "price_eth": price, "price_usd": np.nan})
    tables = {
        "punks": priced_snapshot.punks(),
        "sales": priced_snapshot.sales(),
        "provenance": priced_snapshot.provenance(),
        "floor_prices": pa.Table.from_pandas(floor, TABLES["floor_prices"], preserve_index=False),
    }
    manifest = priced_snapshot.manifest.model_copy(update=summarize_tables(tables))
    model = fit_price_model(write_snapshot(tmp_path, manifest, tables)[0])
    assert model.evaluation["method"].iloc[-1] == "floor: OpenSea's"
    assert 0 < model.evaluation["sales"].iloc[-1] <= len(model.test_sales)


def test_wrong_arguments_are_usage_errors(
    snapshot: Snapshot, sales: pd.DataFrame, model: PriceModel
) -> None:
    for coverage in (0, 1, 90, float("nan"), "0.9", None):
        with pytest.raises(UsageError, match="coverage must be between 0 and 1, not"):
            fit_price_model(snapshot, sales=sales, coverage=coverage)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no punk 10000"):
        model.predict([3, 10_000])
    with pytest.raises(UsageError, match="punk_ids must be integers"):
        model.predict("12")
    for at in ("tomorrow morning", "", 20240601, pd.NaT):
        with pytest.raises(UsageError, match="at must be a time such as 2024-06-01, not"):
            model.predict(3, at)  # type: ignore[arg-type]


def test_wrong_sales_are_usage_errors(snapshot: Snapshot, sales: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="the sales have no column price_eth"):
        fit_price_model(snapshot, sales=sales.drop(columns="price_eth"))
    for change in ({"price_eth": 0.0}, {"price_eth": np.nan}, {"price_eth": np.inf}):
        with pytest.raises(UsageError, match="a time, and a price above 0, in each row"):
            fit_price_model(snapshot, sales=sales.assign(**change))
    for change in ({"price_eth": "much"}, {"sold_at": "once"}):
        with pytest.raises(UsageError, match="cannot be read"):
            fit_price_model(snapshot, sales=sales.assign(**change))  # type: ignore[arg-type]


def test_history_is_what_was_known_before_each_sale(
    snapshot: Snapshot, sales: pd.DataFrame
) -> None:
    punks = load_traits(snapshot)
    history = arrange_sales(sales, punks)
    for row in (0, 19, 20, 25, 500, 1499):
        known = sales[sales["sold_at"] < sales["sold_at"].iloc[row]]
        assert history.num_known[row] == len(known)
        n = len(known)
        if n < 20:
            assert np.isnan(history.level[n])
            continue
        assert history.level[n] == pytest.approx(np.log(known["price_eth"][-30:]).median())
        assert history.low[n] == pytest.approx(np.log(known["price_eth"][-20:]).quantile(0.3))
        of_type = known["punk_id"].map(lambda i: punks.types[punks.find_rows([i])[0]])
        assert history.type_counts[n].tolist() == [(of_type == k).sum() for k in range(5)]

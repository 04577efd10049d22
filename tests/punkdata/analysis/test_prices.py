from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.price_snapshot import NUM_OMITTED

from punkdata.analysis.prices import (
    By,
    bootstrap_median,
    find_references,
    load_sales,
    median_of_others,
    parse_day,
    price_table,
)
from punkdata.errors import DataError, UsageError
from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.reader import Snapshot

# -- Statistics -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 7, 20, 51])
def test_median_of_others_leaves_out_each_price_in_turn(n: int) -> None:
    rng = np.random.default_rng(n)
    prices = pd.Series(rng.integers(1, 10, n).astype(float), index=rng.permutation(n))
    expected = [prices.drop(label).median() for label in prices.index]
    assert median_of_others(prices).tolist() == expected


def test_median_of_others_needs_five_others() -> None:
    prices = pd.Series([1.0, 2, 3, 4, 5, 6])
    assert not np.isnan(median_of_others(prices)).any()
    assert np.isnan(median_of_others(prices[:5])).all()


def test_references_compare_months_of_the_same_year_and_type() -> None:
    months = ["2020-03", "2021-03", "2021-04"]
    groups = [(month, name) for month in months for name in ("Ape", "Male") for _ in range(7)]
    sales = pd.DataFrame(groups, columns=["month", "type"])
    sales["sold_at"] = pd.to_datetime(sales["month"] + "-15", utc=True)
    sales["price_eth"] = np.arange(1.0, len(sales) + 1)
    sales["left_out"] = ""
    sales.loc[20, "left_out"] = "is_outlier"
    keys_of: dict[By, list[str]] = {"type": ["month"], "accessory": ["month", "type"]}
    for by, keys in keys_of.items():
        found = find_references(sales, by)
        assert 20 not in found.index
        for row, reference in found.items():
            is_similar = (sales[keys] == sales.loc[row, keys]).all(axis=1)
            others = sales[is_similar & (sales["left_out"] == "")].drop(index=row)
            assert reference == others["price_eth"].median()


def test_bootstrap_resamples_punks_with_all_of_their_values() -> None:
    rng = np.random.default_rng(0)
    values, punk_ids = rng.random(40), rng.integers(100, 112, 40)
    punks = np.unique(punk_ids)
    rng, medians = np.random.default_rng(5), []
    for _ in range(1000):
        drawn = punks[rng.integers(len(punks), size=len(punks))]
        medians.append(np.median(np.concatenate([values[punk_ids == punk] for punk in drawn])))
    expected = np.percentile(medians, [2.5, 97.5])
    assert bootstrap_median(values, punk_ids, seed=5) == pytest.approx(expected)


def test_bootstrap_needs_five_punks() -> None:
    punk_ids = np.repeat(np.arange(5), 9)
    values = np.arange(45.0)
    assert not np.isnan(bootstrap_median(values, punk_ids)).any()
    assert np.isnan(bootstrap_median(values[9:], punk_ids[9:])).all()
    assert np.isnan(bootstrap_median(values[:0], punk_ids[:0])).all()


def test_bootstrap_interval_contains_the_true_median_as_often_as_it_claims() -> None:
    rng = np.random.default_rng(0)
    num_covered = 0
    for seed in range(40):
        # Prices differ more between punks than between sales of the same punk, so the interval of
        # independent sales would be too narrow.
        punk_ids = rng.integers(30, size=150)
        values = rng.normal(size=30)[punk_ids] + 0.3 * rng.normal(size=150)
        low, high = bootstrap_median(values, punk_ids, seed)
        num_covered += low <= 0 <= high
    assert num_covered >= 36


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2021-08-31", date(2021, 8, 31)),
        (date(2021, 8, 31), date(2021, 8, 31)),
        (datetime(2021, 8, 31, 23, 59), date(2021, 8, 31)),
        (pd.Timestamp("2021-08-31 23:59"), date(2021, 8, 31)),
        (None, None),
    ],
)
def test_parse_day(day: date | str | None, expected: date | None) -> None:
    assert parse_day(day, "since") == expected


@pytest.mark.parametrize("day", ["", "yesterday", "2021-13-01", "31.08.2021", "2021", 2021])
def test_parse_day_names_the_argument(day: object) -> None:
    with pytest.raises(UsageError, match="until must be a date such as 2021-08-31, not"):
        parse_day(day, "until")  # type: ignore[arg-type]


# -- Tables of a snapshot -------------------------------------------------------------------


def plain_sales(snapshot: Snapshot, name: str = "cryptopunks") -> pd.DataFrame:
    """Return the priced sales of one market, or of all, with the traits of their punks."""
    table = snapshot.sales()
    assert table is not None
    rows = [
        row
        for row in table.to_pylist()
        if row["price_wei"] is not None
        and not any(row[flag] for flag in SALE_FLAGS)
        and name in ("all", row["market"])
    ]
    punks = {row["punk_id"]: row for row in snapshot.punks().to_pylist()}
    frame = pd.DataFrame(rows)
    frame["type"] = [punks[punk_id]["type"] for punk_id in frame["punk_id"]]
    frame["accessories"] = [punks[punk_id]["accessories"] for punk_id in frame["punk_id"]]
    return frame


def plain_ratios(sales: pd.DataFrame, by: str) -> pd.Series[float]:
    """Return the ratio of each sale to the median of the others that it is compared with."""
    month, ratios = sales["sold_at"].dt.strftime("%Y %m"), []
    for label, sale in sales.iterrows():
        is_similar = month == month[label]
        if by == "accessory":
            is_similar &= sales["type"] == sale["type"]
        others = sales.loc[is_similar, "price_eth"].drop(label)
        ratios.append(sale["price_eth"] / others.median() if len(others) >= 5 else np.nan)
    return pd.Series(ratios, sales.index)


@pytest.mark.parametrize("name", ["cryptopunks", "wrapped", "all"])
def test_load_sales_returns_the_priced_sales_of_a_market(
    market_snapshot: Snapshot, name: str
) -> None:
    sales = load_sales(market_snapshot, name)
    assert len(sales) == {"cryptopunks": 500, "wrapped": 20, "all": 520}[name]
    expected = plain_sales(market_snapshot, name)
    columns = ["punk_id", "market", "sold_at", "price_eth", "price_usd", "type"]
    assert list(sales) == columns
    assert sales["sold_at"].is_monotonic_increasing
    pd.testing.assert_frame_equal(sales, expected[columns], check_dtype=False)
    assert sales["price_usd"].isna().any() == (name != "wrapped")


@pytest.mark.parametrize("by", ["type", "accessory"])
@pytest.mark.parametrize(
    ("since", "until"), [(None, None), ("2021-02-10", None), ("2021-02-10", date(2021, 5, 3))]
)
def test_price_table_equals_plain_pandas(
    market_snapshot: Snapshot, by: By, since: str | None, until: date | None
) -> None:
    sales = plain_sales(market_snapshot)
    sales["ratio"] = plain_ratios(sales, by)
    day = sales["sold_at"].dt.strftime("%Y-%m-%d")
    sales = sales[(day >= (since or "")) & (day <= str(until or "9"))]
    table = price_table(market_snapshot, by, since=since, until=until)
    assert table.index.name == by
    assert len(table) == (5 if by == "type" else 11)
    for name, row in table.iterrows():
        has_trait = [name in (s["type"], *s["accessories"]) for _, s in sales.iterrows()]
        own = sales[has_trait]
        assert row["sales"] == len(own) > 20
        assert row["median_eth"] == own["price_eth"].median()
        assert row["median_usd"] == own["price_usd"].median()
        assert row["premium"] == pytest.approx(own["ratio"].median() - 1)
        rated = own.dropna(subset="ratio")
        interval = bootstrap_median(rated["ratio"].to_numpy(), rated["punk_id"].to_numpy())
        assert [row["premium_low"], row["premium_high"]] == pytest.approx(
            [bound - 1 for bound in interval]
        )
        assert row["premium_low"] <= row["premium"] <= row["premium_high"]


def test_price_table_counts_what_it_leaves_out(market_snapshot: Snapshot) -> None:
    table = price_table(market_snapshot)
    assert table.attrs == {
        "market": "cryptopunks",
        "since": "2021-01-01",
        "until": "2021-06-30",
        "sales": 500,
        "sales_usd": 418,
        "left_out": {"other_market": 20, **NUM_OMITTED},
    }
    assert table["left_out"].sum() == 20 + sum(NUM_OMITTED.values())
    in_april = price_table(market_snapshot, since="2021-04-12", until="2021-04-13").attrs
    assert in_april["left_out"] == {"is_zero_amount": 1, "is_other_currency": 1}
    every_market = price_table(market_snapshot, market="all").attrs
    assert every_market["left_out"] == NUM_OMITTED
    assert every_market["sales"] == 520


def test_price_table_shows_floors_by_label(market_snapshot: Snapshot) -> None:
    floors = market_snapshot.trait_floors()
    assert floors is not None
    expected = {row["label"]: row["price_eth"] for row in floors.to_pylist()}
    assert expected["Zombie"] == 7.5  # in WETH, which is lower than in ETH
    for by in ("type", "accessory"):
        table = price_table(market_snapshot, by)
        found = table["floor_eth"].astype(object).where(table["floor_eth"].notna(), None)
        assert found.to_dict() == {name: expected[name] for name in table.index}
        assert table["floor_eth"].isna().sum() == (by == "type")  # that of Female is in USDC


def test_price_table_has_a_row_for_each_trait_in_order(market_snapshot: Snapshot) -> None:
    punks = market_snapshot.punks(columns=["type", "accessories"]).to_pylist()
    by_type = price_table(market_snapshot)
    counts = Counter(punk["type"] for punk in punks)
    assert by_type["punks"].to_dict() == counts
    assert by_type["punks"].is_monotonic_increasing
    by_accessory = price_table(market_snapshot, "accessory")
    counts = Counter(name for punk in punks for name in punk["accessories"])
    assert by_accessory["punks"].to_dict() == counts
    assert by_accessory["premium"].is_monotonic_decreasing


def test_price_table_of_few_sales_has_no_premium(market_snapshot: Snapshot) -> None:
    table = price_table(market_snapshot, "accessory", market="wrapped")
    assert table["sales"].sum() > 20
    assert table["premium"].isna().all()
    # There are enough sales of all types in a month for a ratio, but not for an interval.
    table = price_table(market_snapshot, market="wrapped", until="2021-01-02")
    assert table["sales"].sum() == table["premium"].count() == table["median_eth"].count() == 1
    assert table["premium_low"].isna().all()


def test_price_table_is_reproducible(market_snapshot: Snapshot) -> None:
    table = price_table(market_snapshot, "accessory")
    pd.testing.assert_frame_equal(table, price_table(market_snapshot, "accessory"))
    other = price_table(market_snapshot, "accessory", seed=1)
    assert (other["premium"] == table["premium"]).all()
    assert (other["premium_low"] != table["premium_low"]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "color"}, "by must be one of type, accessory, not 'color'"),
        ({"market": "wraped"}, "market must be one of cryptopunks, wrapped, all.*'wrapped'"),
        ({"since": "soon"}, "since must be a date"),
        ({"since": "2021-07-02"}, "no priced sale was made since 2021-07-02 .*to 2021-06-30"),
        ({"until": date(2020, 12, 31)}, "no priced sale was made until 2020-12-31"),
        ({"since": "2021-03-02", "until": "2021-03-01"}, "since 2021-03-02 until 2021-03-01"),
    ],
)
def test_price_table_rejects_arguments(
    market_snapshot: Snapshot, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        price_table(market_snapshot, **arguments)
    assert re.search(message, str(error.value))


def test_price_table_without_sales_says_how_to_get_them(snapshot: Snapshot) -> None:
    with pytest.raises(DataError, match="has no sales in ETH; get them with: punkdata fetch"):
        price_table(snapshot)
    with pytest.raises(DataError, match="has no sales"):
        load_sales(snapshot)

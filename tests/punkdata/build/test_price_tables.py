"""Rates, floors, markets and flags on their way from the records to the tables of a snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from support.market_records import FIRST_RATE, make_market_records, write_market
from support.old_snapshots import write_old_snapshot

from punkdata.analysis.prices import price_table
from punkdata.records import TraitFloorRecord
from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.diff import compare_snapshots
from punkdata.snapshots.reader import Snapshot
from punkdata.verify import verify_snapshot


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_market(tmp_path_factory.mktemp("priced"))


def read_sales(snapshot: Snapshot) -> pd.DataFrame:
    table = snapshot.sales()
    assert table is not None
    return table.to_pandas()


def test_snapshot_passes_all_checks(priced: Snapshot) -> None:
    assert [c.problem for c in verify_snapshot(priced)] == [None] * 8


def test_rates_and_floors_pass_through_exactly(priced: Snapshot) -> None:
    data = make_market_records()
    for name in ("eth_usd", "floor_prices", "trait_floors"):
        table = getattr(priced, name)()
        assert table.to_pylist() == [vars(record) for record in getattr(data, name)]
    assert priced.manifest.market_stats is not None
    assert priced.manifest.market_stats.model_dump() == vars(data.market_stats)


def test_price_in_usd_is_the_price_times_the_rate_of_the_day(priced: Snapshot) -> None:
    sales = read_sales(priced)
    rates = {rate.day: rate.usd_per_eth for rate in make_market_records().eth_usd or ()}
    expected = sales["price_eth"] * sales["sold_at"].dt.floor("D").map(rates)
    pd.testing.assert_series_equal(sales["price_usd"], expected, check_names=False)
    is_unknown = sales["price_usd"].isna()
    assert is_unknown[sales["sold_at"] < FIRST_RATE].all()
    day_without_rate = sales["sold_at"].dt.floor("D") == FIRST_RATE + timedelta(days=40)
    assert is_unknown[day_without_rate].sum() == 2
    assert priced.manifest.sales is not None
    assert priced.manifest.sales.usd_from == "2021-01-01"


def test_statistics_equal_a_computation_in_pandas(priced: Snapshot) -> None:
    sales = read_sales(priced)
    main = sales[sales["market"] == "cryptopunks"]
    is_flagged = (main[list(SALE_FLAGS)] == True).any(axis=1)  # noqa: E712  # null is not True
    clean = main[~is_flagged]
    assert is_flagged.sum() > 5
    by_punk = clean.groupby("punk_id")["price_eth"]
    punks = priced.punks().to_pandas().set_index("punk_id").sort_index()
    for column, values in (
        ("median_sale_eth", by_punk.median()),
        ("max_sale_eth", by_punk.max()),
        ("last_sale_eth", by_punk.last()),
        ("sale_count", main.groupby("punk_id").size()),
    ):
        pd.testing.assert_series_equal(
            punks[column].dropna(), values, check_names=False, check_dtype=False
        )
    by_type = clean.merge(punks["type"], on="punk_id").groupby("type")["price_eth"]
    table = price_table(priced, "type")
    assert table["median_eth"].to_dict() == by_type.median().to_dict()
    assert table["sales"].to_dict() == by_type.size().to_dict()
    assert table.loc["Alien", "floor_eth"] == 4200.5


def test_manifest_counts_markets_and_flags(priced: Snapshot) -> None:
    summary, sales = priced.manifest.sales, read_sales(priced)
    assert summary is not None
    assert summary.markets == Counter(sales["market"])
    assert summary.flagged == {name: (sales[name] == True).sum() for name in SALE_FLAGS}  # noqa: E712


def test_number_of_punks_of_an_owner(priced: Snapshot) -> None:
    punks = priced.punks().to_pylist()
    counts = Counter(punk["owner"] for punk in punks)
    assert counts[None] == 9
    for punk in punks:
        expected = counts[punk["owner"]] if punk["owner"] else None
        assert punk["owner_punk_count"] == expected


def test_snapshot_of_schema_2_is_read_with_the_columns_of_schema_3(tmp_path: Path) -> None:
    data = make_market_records()
    only_main = [s for s in data.sales or () if s.market == "cryptopunks"]
    priced = write_market(tmp_path / "current", replace(data, sales=only_main))
    old = write_old_snapshot(priced, tmp_path / "old", 2)
    assert old.version.startswith("s2-")
    assert [c.problem for c in verify_snapshot(old)] == [None] * 8
    sales, punks = old.sales(), old.punks()
    assert sales is not None
    current = priced.sales()
    assert current is not None
    assert sales.schema.names == current.schema.names
    assert set(sales.column("market").to_pylist()) == {"cryptopunks"}
    assert sales.column("price_usd").null_count == len(sales)
    for name in ("punk_id", "payment_base_units", "transaction_hash", "is_bundle", "is_outlier"):
        assert sales.column(name).to_pylist() == current.column(name).to_pylist()
    assert punks.schema.names == priced.punks().schema.names
    for split in ("all", "val"):
        columns = ["rarity_rank", "punk_id"]
        assert old.punks(split, columns).equals(priced.punks(split, columns))
    assert old.sales(["symbol", "is_bundle"]).schema.names == ["symbol", "is_bundle"]  # type: ignore[union-attr]
    assert (old.eth_usd(), old.floor_prices(), old.trait_floors()) == (None, None, None)
    diff = compare_snapshots(old, priced)
    assert "schema 2 became schema 3" in diff.schema
    assert "the table eth_usd was added" in diff.schema


def test_floors_are_sorted_by_label_and_then_by_symbol_of_any_case(tmp_path: Path) -> None:
    rows = [("VR", None), ("VR", "aave"), ("VR", "DAI"), ("Vampire Hair", "ETH")]
    floors = [TraitFloorRecord(label, symbol, 1.0, None) for label, symbol in rows]
    floors[-1] = replace(floors[-1], price_eth=1.0)
    for trait_floors, problems in ((floors, 0), (floors[::-1], 1), ([*floors, floors[-1]], 1)):
        data = replace(make_market_records(), trait_floors=trait_floors)
        snapshot = write_market(tmp_path / str(len(list(tmp_path.iterdir()))), data)
        found = [c.problem for c in verify_snapshot(snapshot) if c.problem]
        assert len(found) == problems


@pytest.mark.parametrize(
    ("symbol", "price_eth"), [("ETH", 2.0), ("weth", None), ("DAI", 1.0), (None, 1.0)]
)
def test_floor_whose_price_in_eth_is_another_is_found(
    tmp_path: Path, symbol: str | None, price_eth: float | None
) -> None:
    floors = [TraitFloorRecord("VR", symbol, 1.0, price_eth)]
    snapshot = write_market(tmp_path, replace(make_market_records(), trait_floors=floors))
    found = [check.problem for check in verify_snapshot(snapshot) if check.problem]
    assert found == ["price_eth of the floor price of VR differs from its price"]

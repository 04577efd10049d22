from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pyarrow.compute as pc
from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import USDC, WETH, ZERO, listing, paid, sale_event
from support.snapshots import fetch_and_build

from punkdata.schema import SALES
from punkdata.verify import verify_snapshot


def test_price_columns_are_computed_from_the_sales(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    start = 1_600_000_000
    server.sales = [
        sale_event(1, start, paid("10")),
        sale_event(1, start + 1, paid("0.3"), buyer=ZERO),
        sale_event(1, start + 2, paid("20", "WETH", WETH)),
        sale_event(1, start + 3, paid("999", "USDC", USDC, 6)),
        sale_event(1, start + 4, paid("0")),
        sale_event(1, start + 5, None),
        sale_event(2, start + 6, paid("0")),
        sale_event(59, start + 7, paid("0.000000000000000001")),
    ]
    server.listings = [listing(2, "70.25")]
    snapshot = fetch_and_build(fetch, tmp_path)
    rows = {row["punk_id"]: row for row in snapshot.punks().drop(["image"]).to_pylist()}
    traded = rows[1]
    assert traded["sale_count"] == 6
    assert (traded["last_sale_wei"], traded["last_sale_eth"]) == (20 * 10**18, 20.0)
    assert traded["last_sold_at"].timestamp() == start + 2
    assert (traded["median_sale_eth"], traded["max_sale_eth"]) == (10.0, 20.0)
    assert traded["lowest_listing_eth"] is None
    listed = [rows[2][name] for name in ("sale_count", "last_sale_eth", "lowest_listing_eth")]
    assert listed == [1, None, 70.25]
    untraded = [rows[3][name] for name in ("sale_count", "last_sale_wei", "max_sale_eth")]
    assert untraded == [0, None, None]
    assert rows[59]["last_sale_eth"] == 1e-18


def test_median_of_two_prices_is_exact(fetch: Fetch, server: OpenSeaServer, tmp_path: Path) -> None:
    server.sales = [
        sale_event(1, 1_600_000_000, paid("100000.000000000000000001")),
        sale_event(1, 1_600_000_001, paid("0.000000000000000002")),
    ]
    row = fetch_and_build(fetch, tmp_path).punks().filter(pc.field("punk_id") == 1).to_pylist()[0]
    assert row["median_sale_eth"] == float(Fraction(10**23 + 3, 2 * 10**18))


def test_sales_of_a_sample_and_of_a_collection_without_sales(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    sample = fetch_and_build(fetch, tmp_path, limit=3).sales()
    assert sample is not None
    assert set(sample.column("punk_id").to_pylist()) == {0, 1, 2}
    server.sales = []
    snapshot = fetch_and_build(fetch, tmp_path / "none")
    sales = snapshot.sales()
    assert sales is not None
    assert len(sales) == 0
    assert set(snapshot.punks().column("sale_count").to_pylist()) == {0}


def test_sales_table_has_every_sale_with_its_payment(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    snapshot = fetch_and_build(fetch, tmp_path)
    sales = snapshot.sales()
    assert sales is not None
    assert sales.schema.equals(SALES)
    rows = sales.to_pylist()
    assert len(rows) == 299
    assert [r["sold_at"] for r in rows] == sorted(r["sold_at"] for r in rows)
    usdc_sale = next(r for r in rows if r["symbol"] == "USDC")
    assert (usdc_sale["payment_base_units"], usdc_sale["decimals"]) == (25_000 * 10**6, 6)
    assert (usdc_sale["price_wei"], usdc_sale["price_eth"]) == (None, None)
    beth_sale = next(r for r in rows if r["symbol"] == "BETH")
    assert beth_sale["price_wei"] == 12345678901234567891
    assert sum(r["payment_base_units"] is None for r in rows) == 2
    assert sum(r["transaction_hash"] is None for r in rows) == 1
    assert all(r["seller"] == r["seller"].lower() for r in rows)
    summary = snapshot.manifest.sales
    assert summary is not None
    assert summary.count == 299
    assert [c.problem for c in verify_snapshot(snapshot)] == [None] * 8

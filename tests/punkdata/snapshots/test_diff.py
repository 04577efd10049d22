from __future__ import annotations

from pathlib import Path

from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import listing, paid, sale_event
from support.snapshots import fetch_and_build
from support.sprites import png_bytes

from punkdata.snapshots.diff import compare_snapshots
from punkdata.snapshots.reader import open_snapshot


def test_snapshot_does_not_differ_from_itself(fetch: Fetch, new_root: Path) -> None:
    snapshot = fetch_and_build(fetch, new_root)
    assert not compare_snapshots(snapshot, snapshot)


def test_new_sales_and_prices_are_reported_by_punk(
    fetch: Fetch, new_root: Path, server: OpenSeaServer
) -> None:
    before = fetch_and_build(fetch, new_root)
    newest = max(e["event_timestamp"] for e in server.sales)
    server.sales.append(sale_event(9, newest + 5, paid("400000")))
    server.listings = [listing(3, "60")]
    diff = compare_snapshots(before, fetch_and_build(fetch, new_root))
    assert {name: rows for name, rows in diff.rows.items() if any(rows)} == {
        "sales": (1, 0),
        "listings": (1, 1),
    }
    assert diff.changed["lowest_listing_eth"] == {3: (65.5, 60.0)}
    old_price, new_price = diff.changed["last_sale_eth"][9]
    assert old_price != new_price == 400_000.0
    assert set(diff.changed) <= {
        "lowest_listing_eth",
        "sale_count",
        "last_sale_eth",
        "last_sold_at",
        "median_sale_eth",
        "max_sale_eth",
    }
    assert (diff.added, diff.removed, diff.schema) == ([], [], [])


def test_changed_labels_pixels_and_rows_are_reported(
    fetch: Fetch, new_root: Path, server: OpenSeaServer
) -> None:
    before = fetch_and_build(fetch, new_root)
    server.punks[5].accessories = ["Beanie"]
    server.punks = [p for p in server.punks if p.punk_id != 59]
    # Images are requested once per URL, so changed pixels need a new URL.
    server.images[1000] = png_bytes(server.punks[6].sprite)
    server.image_fields = lambda i: (
        {"image_url": f"{server.base_url}/images/1000.png"} if i == 7 else {}
    )
    after = fetch_and_build(fetch, new_root)
    diff = compare_snapshots(before, after)
    assert (diff.added, diff.removed) == ([], [59])
    assert list(diff.changed["accessories"]) == [5]
    assert list(diff.changed["pixels_sha256"]) == [7]
    assert compare_snapshots(after, before).added == [59]


def test_sales_of_a_new_source_are_a_schema_change(
    fetch: Fetch, new_root: Path, built_root: Path
) -> None:
    diff = compare_snapshots(open_snapshot(built_root), fetch_and_build(fetch, new_root))
    names = ("sales", "listings", "eth_usd", "floor_prices", "trait_floors")
    assert diff.schema == [f"the table {name} was added" for name in names]
    assert diff.changed["sale_count"][0][0] is None

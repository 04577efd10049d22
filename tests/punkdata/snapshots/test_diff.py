from __future__ import annotations

from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import listing, paid, sale_event
from support.sprites import png_bytes

from punkdata.build import build_dataset
from punkdata.snapshots.diff import compare_snapshots
from punkdata.snapshots.reader import Snapshot, open_snapshot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def rebuild(fetch: Fetch, root: Path) -> Snapshot:
    fetch(root=root)
    return build_dataset(root, allow_partial=True).snapshot


def test_nothing_differs_from_itself(fetch: Fetch, root: Path) -> None:
    made = rebuild(fetch, root)
    assert not compare_snapshots(made, made)


def test_new_sales_and_prices_are_told_by_punk(
    fetch: Fetch, root: Path, server: OpenSeaServer
) -> None:
    before = rebuild(fetch, root)
    newest = max(e["event_timestamp"] for e in server.sales)
    server.sales.append(sale_event(9, newest + 5, paid("400000")))
    server.listings = [listing(3, "60")]
    found = compare_snapshots(before, rebuild(fetch, root))
    assert (found.sales_added, found.sales_removed) == (1, 0)
    assert found.changed["best_listing_eth"] == {3: (65.5, 60.0)}
    was, now = found.changed["last_sale_eth"][9]
    assert (was != now, now) == (True, 400000.0)
    assert set(found.changed) <= {
        "best_listing_eth",
        "sale_count",
        "last_sale_eth",
        "last_sold_at",
        "median_sale_eth",
        "highest_sale_eth",
    }
    assert (found.added, found.removed, found.schema) == ([], [], [])


def test_other_labels_pixels_and_rows_are_told(
    fetch: Fetch, root: Path, server: OpenSeaServer
) -> None:
    before = rebuild(fetch, root)
    server.punks[5].accessories = ["Beanie"]
    server.punks = [p for p in server.punks if p.punk_id != 59]
    # An image changes with its address: what is recorded under one is not asked for again.
    server.images[1000] = png_bytes(server.punks[6].sprite)
    server.image_fields = lambda i: (
        {"image_url": f"{server.base_url}/images/1000.png"} if i == 7 else {}
    )
    after = rebuild(fetch, root)
    found = compare_snapshots(before, after)
    assert (found.added, found.removed) == ([], [59])
    assert list(found.changed["accessories"]) == [5]
    assert list(found.changed["pixels_sha256"]) == [7]
    assert compare_snapshots(after, before).added == [59]


def test_a_source_without_sales_is_told_apart_from_no_sales(
    fetch: Fetch, root: Path, built_root: Path
) -> None:
    found = compare_snapshots(open_snapshot(built_root), rebuild(fetch, root))
    assert found.schema == ["sales were not known, and are known now"]
    assert found.changed["sale_count"][0][0] is None

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import paid, sale_event
from support.snapshots import build_version

from punkdata.build import build_dataset


def test_refresh_requests_only_new_data_and_is_self_contained(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    start = 1_600_000_000
    old = [sale_event(i % 60, start + i * 3600, paid("1")) for i in range(1000)]
    server.sales = old
    first = fetch(root=new_root).recording
    late = sale_event(7, start + 990 * 3600 + 5, paid("2"))
    new = sale_event(8, start + 1001 * 3600, paid("3"))
    server.sales = [*old, late, new]
    num_before = len(server.log)
    second = fetch(root=new_root)
    assert second.recording.info.parent == first.name
    assert not second.resumed
    assert second.sales == 1002
    requests = server.log[num_before:]
    assert not [r for r in requests if not r.is_api]
    assert len([r for r in requests if r.path.endswith("/events/collection/cryptopunks")]) == 1
    version = build_version(new_root)
    # Without its parent, it gives the same snapshot; so does a first fetch into an empty root.
    shutil.rmtree(first.path)
    assert build_dataset(new_root, second.recording.path).snapshot.version == version
    fetch(root=new_root.parent / "empty")
    assert build_version(new_root.parent / "empty") == version
    # The next refresh builds on this one.
    server.sales.append(sale_event(9, start + 1002 * 3600, paid("4")))
    third = fetch(root=new_root)
    assert len(third.recording.info.sales_after) == 2
    assert third.sales == 1003


def test_sample_does_not_replace_the_full_snapshot(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    fetch(root=new_root)
    full_version = build_version(new_root)
    sample = fetch(root=new_root, limit=10)
    assert sample.punks == 10
    assert (sample.recording.info.status, sample.recording.info.limit) == ("complete", 10)
    built = build_dataset(new_root).snapshot
    assert (built.manifest.punks, built.manifest.limit) == (10, 10)
    assert (new_root / "snapshots" / "cryptopunks" / "latest").read_text().strip() == full_version
    # The next full fetch reuses the images of the full recording, not of the sample.
    num_before = len(server.requests_to("/images/"))
    fetch(root=new_root)
    assert len(server.requests_to("/images/")) == num_before


def test_first_sample_is_the_latest_until_a_full_build(fetch: Fetch, new_root: Path) -> None:
    fetch(root=new_root, limit=10)
    sample = build_version(new_root)
    latest = new_root / "snapshots" / "cryptopunks" / "latest"
    assert latest.read_text().strip() == sample
    fetch(root=new_root)
    assert latest.read_text().strip() == sample
    assert build_version(new_root) == latest.read_text().strip() != sample


@pytest.mark.parametrize("time", [2**32 - 5, (2**32 - 5) * 1000])
def test_sale_dated_in_the_future_does_not_hide_later_sales(
    fetch: Fetch, server: OpenSeaServer, new_root: Path, time: int
) -> None:
    server.sales = [sale_event(1, 1_600_000_000, paid("1")), sale_event(2, time, paid("1"))]
    num_sales = fetch(root=new_root).sales
    server.sales.append(sale_event(3, 1_600_500_000, paid("2")))
    assert fetch(root=new_root).sales == num_sales + 1


def test_limit_of_all_punks_is_not_a_sample(fetch: Fetch, new_root: Path) -> None:
    fetch(root=new_root, limit=60)
    full_version = build_version(new_root)
    fetch(root=new_root, limit=5)
    assert build_version(new_root) != full_version
    assert (new_root / "snapshots" / "cryptopunks" / "latest").read_text().strip() == full_version


def test_damaged_parent_does_not_prevent_a_refresh(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    parent = fetch(root=new_root).recording
    version = build_version(new_root)
    for reply in parent.replies():
        if "/events/" in reply.url or "/images/3" in reply.url:
            parent.body_path(reply).write_bytes(b"damaged")
    assert fetch(root=new_root).recording.info.status == "complete"
    assert build_version(new_root) == version

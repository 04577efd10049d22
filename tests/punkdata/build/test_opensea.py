from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import paid, sale_event
from support.snapshots import fetch_and_build

from punkdata.build import build_dataset
from punkdata.errors import DataError
from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.tables import extract_sprites


def test_sprites_and_labels_match_the_api(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.image_scale, server.image_background = 14, "#638596"
    snapshot = fetch_and_build(fetch, tmp_path)
    rows = snapshot.punks().sort_by("punk_id")
    assert (extract_sprites(rows) == np.stack([p.sprite for p in server.punks])).all()
    assert rows.column("type").to_pylist() == [p.type for p in server.punks]
    assert rows.column("accessories").to_pylist() == [p.accessories for p in server.punks]
    origin = snapshot.provenance().to_pylist()[0]
    assert origin["image_url"] == f"{server.base_url}/images/0.png"
    assert (origin["image_scale"], origin["background"]) == (14, "#638596")


def test_image_format_and_trait_source_do_not_change_the_version(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.lists_owners = True
    first = fetch_and_build(fetch, tmp_path / "a")
    server.image_scale, server.image_background = 2, "#638596"
    server.inline_traits, server.blank_style = False, "empty"
    assert fetch_and_build(fetch, tmp_path / "b").version == first.version


def test_punk_without_an_exact_image_has_sales_but_no_row(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.images[5] = b"\xff\xd8\xff JPEG \xff\xd9"
    server.unavailable_ids = frozenset({7})
    server.sales = [sale_event(5, 1_600_000_000, paid("2"))]
    root = tmp_path / "data"
    fetch(root=root)
    with pytest.raises(DataError, match="is partial: 2 missing"):
        build_dataset(root)
    snapshot = build_dataset(root, allow_partial=True).snapshot
    manifest = snapshot.manifest
    assert (manifest.status, manifest.punks, manifest.expected) == ("partial", 58, 60)
    assert "JPEG" in manifest.missing["5"]
    assert "not found" in manifest.missing["7"]
    sales = snapshot.sales()
    assert sales is not None
    assert sales.column("punk_id").to_pylist() == [5]
    assert get_latest_version(root) is None


def test_image_that_only_this_version_can_read_is_built(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.images = {6: 404}
    recording = fetch(root=new_root).recording
    # An older version fetched the image of punk 5, but could not read it.
    recording.info.missing["5"] = "the image cannot be read"
    recording.save_info()
    snapshot = build_dataset(new_root, allow_partial=True).snapshot
    assert list(snapshot.manifest.missing) == ["6"]
    assert 5 in snapshot.punks().column("punk_id").to_pylist()


def test_recording_damaged_after_the_fetch_is_rejected(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    recording = fetch(root=tmp_path / "data").recording
    image = next(r for r in recording.replies() if "/images/" in r.url)
    recording.body_path(image).write_bytes(b"damaged")
    with pytest.raises(DataError, match="has changed since it was recorded"):
        build_dataset(tmp_path / "data")

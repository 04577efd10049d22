from __future__ import annotations

import json
import math
import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.snapshots import change_rows, update_manifest

from punkdata.errors import DataError, UsageError
from punkdata.files import sha256_file
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.manifest import FileEntry
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.traits import LABELS
from punkdata.verify import Check, verify_snapshot


@pytest.fixture
def priced_root(priced_snapshot: Snapshot, tmp_path: Path) -> Path:
    """A copy of the data root of `priced_snapshot`."""
    return shutil.copytree(priced_snapshot.path.parents[2], tmp_path / "priced")


def find_problems(root: Path) -> dict[str, str | None]:
    return {c.name: c.problem for c in verify_snapshot(open_snapshot(root))}


def test_intact_snapshot_passes_all_checks(built_root: Path, schema1_root: Path) -> None:
    for root in (built_root, schema1_root):
        checks = list(verify_snapshot(open_snapshot(root)))
        assert [c.problem for c in checks] == [None] * 8
        assert checks[-1].note == "not checked: not the full collection (complete, 60 of 60 punks)"


def test_hidden_files_are_skipped_and_counted(root: Path) -> None:
    folder = open_snapshot(root).path
    for name in (".DS_Store", "shards/._punks-train-000000.tar", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"x")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "README.md").write_bytes(b"x")
    checks = list(verify_snapshot(open_snapshot(root)))
    assert [c.problem for c in checks] == [None] * 8
    assert checks[0].note == "9 match their SHA-256; hidden files skipped: 5"


def test_flipped_byte_and_unlisted_file_are_found(root: Path) -> None:
    (open_snapshot(root).path / "punks" / "extra.parquet").write_bytes(b"x")
    assert find_problems(root) == {"files": "punks/extra.parquet is not in the manifest"}
    shard = next(root.rglob("punks-train-*.tar"))
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    assert "punks-train-000000.tar" in str(find_problems(root)["files"])


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("type", "Alien", "content"),
        ("split_by_id", "test", "content"),
        ("split_by_id", "test", "labels"),
        ("split", "test", "labels"),
        ("pixels_sha256", "0" * 64, "pixels"),
        ("type_id", 0, "labels"),
        ("accessory_count", 9, "labels"),
        ("labels", [1] * 92, "labels"),
        ("hidden_accessories", ["Pipe", "Pipe"], "labels"),
        ("labels", [1] * 92, "shards"),
    ],
)
def test_changed_row_is_found_even_if_the_file_hashes_agree(
    root: Path, column: str, value: object, check: str
) -> None:
    change_rows(root, column, value)
    assert find_problems(root)[check] is not None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sale_count", 0),
        ("last_sale_wei", Decimal(10**18)),
        ("last_sale_eth", 1e9),
        ("last_sold_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("median_sale_eth", 0.0),
        ("max_sale_eth", 1e99),
        ("max_sale_eth", None),
    ],
)
def test_price_column_that_does_not_follow_from_the_sales_is_found(
    priced_root: Path, column: str, value: object
) -> None:
    assert not any(find_problems(priced_root).values())
    punk_id = change_rows(priced_root, column, value)
    assert f"{column} of punk {punk_id} is " in str(find_problems(priced_root)["prices"])


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("price_eth", 1e9, "price_eth of the sale of punk .* is 1000000000.0, but should be"),
        ("price_wei", Decimal(7), "price_wei of the sale of punk .* differs from its amount"),
        (
            "payment_base_units",
            Decimal(7),
            "price_wei of the sale of punk .* differs from its amount",
        ),
        ("symbol", "USDC", "price_wei of the sale of punk .* differs from its amount"),
        ("price_wei", None, "price_wei of the sale of punk .* differs from its amount"),
        ("buyer_is_zero_address", None, "buyer_is_zero_address of the sale .* differs"),
        ("sold_at", datetime(2030, 1, 1, tzinfo=UTC), "is out of chronological order"),
    ],
)
def test_sale_that_contradicts_itself_is_found(
    priced_root: Path, column: str, value: object, problem: str
) -> None:
    change_rows(priced_root, column, value, table_file("sales"))
    assert re.search(problem, str(find_problems(priced_root)["prices"]))


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("price_eth", 1.0, "price_eth of a listing of punk 3 differs from its amount"),
        (
            "payment_base_units",
            Decimal(7),
            "price_eth of a listing of punk 3 differs from its amount",
        ),
        ("decimals", 6, "price_eth of a listing of punk 3 differs from its amount"),
        ("punk_id", 4, "lowest_listing_eth of punk 3 is 65.5, but its listings give None"),
        ("price_eth", None, "price_eth of a listing of punk 3 differs from its amount"),
    ],
)
def test_listing_that_contradicts_the_punks_is_found(
    priced_root: Path, column: str, value: object, problem: str
) -> None:
    change_rows(priced_root, column, value, table_file("listings"))
    found = find_problems(priced_root)
    assert found["prices"] == problem
    if column != "price_eth":
        assert found["content"] == "version in the manifest differs from the rows"


@pytest.mark.parametrize(
    "name",
    [
        *("punks/train-00001-of-00002.parquet", "sales/train-00000-of-00001.parquet"),
        *("shards/punks-train-1.tar", "shards/punks-extra-000000.tar"),
    ],
)
def test_listed_file_that_no_check_covers_is_found(root: Path, name: str) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / name).parent.mkdir(exist_ok=True)
    (snapshot.path / name).write_bytes(b"x")
    files = [*snapshot.manifest.files, FileEntry(path=name, bytes=1, sha256="0" * 64)]
    manifest = snapshot.manifest.model_copy(update={"files": tuple(files)})
    (snapshot.path / "manifest.json").write_text(manifest.model_dump_json())
    update_manifest(root)
    assert find_problems(root)["content"] == f"unexpected files: {name}"


def test_listing_price_of_a_source_without_prices_is_found(root: Path) -> None:
    change_rows(root, "lowest_listing_eth", 1.0)
    assert "lowest_listing_eth" in str(find_problems(root)["prices"])


def test_prices_without_sales_are_found(root: Path) -> None:
    punk_id = change_rows(root, "median_sale_eth", 1.0)
    problem = find_problems(root)["prices"]
    assert problem == f"median_sale_eth of punk {punk_id} is 1.0, but its sales give None"


@pytest.mark.parametrize("path", ["../../etc/0019.png", "/etc/passwd", "0020.png", "19.png", None])
def test_image_path_other_than_the_number_of_the_punk_is_found(
    root: Path, path: str | None
) -> None:
    image = open_snapshot(root).punks("val").column("image")[0].as_py()
    punk_id = change_rows(root, "image", image | {"path": path})
    assert find_problems(root)["pixels"] == f"the image path of punk {punk_id} is {path!r}"


@pytest.mark.parametrize(
    ("column", "value"), [("image_scale", math.nan), ("image_confidence", math.inf)]
)
def test_measure_that_is_no_number_is_found(root: Path, column: str, value: float) -> None:
    change_rows(root, column, value, table_file("provenance"))
    assert "not a finite number" in str(find_problems(root)["content"])


def test_provenance_of_another_punk_is_found(root: Path) -> None:
    change_rows(root, "punk_id", 5000, table_file("provenance"))
    assert "one row for each punk" in str(find_problems(root)["content"])


@pytest.mark.parametrize(
    "changes",
    [
        *({"files": []}, {"labels": dict.fromkeys(LABELS, 1)}, {"punks": 61}, {"splits": {}}),
        *({"status": "partial"}, {"missing": {"3": "lost"}}, {"expected": 61}),
    ],
)
def test_incorrect_manifest_is_found(root: Path, changes: dict[str, object]) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert any(find_problems(root).values())


def test_known_totals_apply_to_the_full_collection(root: Path) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expected": 10_000}))
    assert "instead of 9 punks of the type Alien" in str(find_problems(root)["known totals"])


def check_official_sheet(root: Path, sheet: Path) -> Check:
    """Run all checks with this sheet in place of the official one; return the last result."""
    snapshot = open_snapshot(root)
    return list(verify_snapshot(snapshot, sheet, official_sha256=sha256_file(sheet)))[-1]


@pytest.fixture
def sheet(built_root: Path, tmp_path: Path) -> Path:
    """A sheet of all punks in the snapshot, 10 per row."""
    rows = open_snapshot(built_root).punks().sort_by("punk_id")
    tiles = extract_sprites(rows).reshape(6, 10, 24, 24, 4).swapaxes(1, 2).reshape(144, 240, 4)
    path = tmp_path / "punks.png"
    Image.fromarray(np.ascontiguousarray(tiles)).save(path)
    return path


def test_sprites_equal_to_the_official_sheet_pass(built_root: Path, sheet: Path) -> None:
    check = check_official_sheet(built_root, sheet)
    assert (check.problem, check.note) == (None, "60 sprites are pixel-exact")


def test_one_different_pixel_in_the_official_sheet_is_found(built_root: Path, sheet: Path) -> None:
    with Image.open(sheet) as image:
        image.putpixel((24 * 3 + 5, 24 * 2 + 5), (1, 2, 3, 255))  # punk 23
        image.save(sheet)
    assert (
        check_official_sheet(built_root, sheet).problem
        == "sprites that differ: 1, the first is punk 23"
    )


def test_missing_or_other_file_is_not_the_official_sheet(built_root: Path, tmp_path: Path) -> None:
    (tmp_path / "other.png").write_bytes(b"other")
    for name, error in (("missing.png", UsageError), ("other.png", DataError)):
        with pytest.raises(error, match=name):
            list(verify_snapshot(open_snapshot(built_root), tmp_path / name))

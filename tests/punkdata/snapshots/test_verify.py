from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.snapshots import change_rows

from punkdata.errors import UsageError
from punkdata.files import sha256_file
from punkdata.snapshots import verify
from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.snapshots.verify import verify_snapshot
from punkdata.traits import LABELS


def problems(root: Path, official: Path | None = None) -> dict[str, str | None]:
    return {c.name: c.problem for c in verify_snapshot(open_snapshot(root), official)}


def test_a_whole_snapshot_passes_and_says_which_totals_were_not_checked(built_root: Path) -> None:
    checks = list(verify_snapshot(open_snapshot(built_root)))
    assert [c.problem for c in checks] == [None] * 6
    assert checks[-1].note == "not checked: complete, 60 of 60 punks"


def test_a_flipped_byte_is_told_by_file(root: Path) -> None:
    shard = next(root.rglob("punks-train-*.tar"))
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    assert "punks-train-000000.tar" in str(problems(root)["files"])


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("type", "Alien", "content"),
        ("split_by_id", "test", "content"),
        ("pixels_sha256", "0" * 64, "pixels"),
        ("type_id", -1, "labels"),
        ("accessory_count", 9, "labels"),
        ("labels", [1] * 92, "labels"),
        ("hidden_accessories", ["Pipe", "Pipe"], "labels"),
        ("labels", [1] * 92, "shards"),
    ],
)
def test_a_changed_row_is_found_even_when_the_file_hashes_agree(
    root: Path, column: str, value: object, check: str
) -> None:
    change_rows(root, column, value)
    assert problems(root)[check] is not None


@pytest.mark.parametrize(
    "lie", [{"files": []}, {"labels": dict.fromkeys(LABELS, 1)}, {"punks": 61}, {"splits": {}}]
)
def test_a_manifest_that_lies_is_found(root: Path, lie: dict[str, object]) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | lie))
    assert any(problems(root).values())


def test_a_file_that_nobody_listed_is_found(root: Path) -> None:
    (open_snapshot(root).path / "data" / "extra.parquet").write_bytes(b"x")
    assert problems(root) == {"files": "data/extra.parquet is not in the manifest"}


def test_the_known_totals_bind_a_whole_collection(root: Path) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expected": 10_000}))
    assert "types are" in str(problems(root)["known totals"])


@pytest.fixture
def sheet(built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sheet of the drawn punks, taken for the official one."""
    rows = open_snapshot(built_root).punks().sort_by("punk_id")
    tiles = extract_sprites(rows).reshape(6, 10, 24, 24, 4).swapaxes(1, 2).reshape(144, 240, 4)
    path = tmp_path / "punks.png"
    Image.fromarray(np.ascontiguousarray(tiles)).save(path)
    monkeypatch.setattr(verify, "OFFICIAL_SHA256", sha256_file(path))
    return path


def test_sprites_are_compared_with_the_official_sheet(built_root: Path, sheet: Path) -> None:
    found = list(verify_snapshot(open_snapshot(built_root), sheet))[-1]
    assert (found.problem, found.note) == (None, "60 sprites equal, pixel by pixel")


def test_one_other_pixel_in_the_official_sheet_is_found(
    built_root: Path, sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Image.open(sheet) as image:
        image.putpixel((24 * 3 + 5, 24 * 2 + 5), (1, 2, 3, 255))  # punk 23
        image.save(sheet)
    monkeypatch.setattr(verify, "OFFICIAL_SHA256", sha256_file(sheet))
    assert problems(built_root, sheet)["official sheet"] == "1 sprites differ, the first is punk 23"


def test_another_picture_is_not_taken_for_the_official_sheet(
    built_root: Path, tmp_path: Path
) -> None:
    for name in ("none.png", "other.png"):
        (tmp_path / "other.png").write_bytes(b"other")
        with pytest.raises(UsageError, match=name):
            problems(built_root, tmp_path / name)


def test_a_snapshot_of_schema_1_passes_as_before(old_root: Path) -> None:
    snapshot = open_snapshot(old_root)
    assert snapshot.version.startswith("s1-")
    assert [check.problem for check in verify_snapshot(snapshot)] == [None] * 6

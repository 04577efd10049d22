from __future__ import annotations

import re
from pathlib import Path

import yaml

from punkdata.snapshots.descriptions import render_dataset_card
from punkdata.snapshots.reader import Snapshot, open_snapshot


def test_card_describes_the_snapshot(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    text = (snapshot.path / "README.md").read_text()
    assert text == render_dataset_card(snapshot.manifest)
    assert snapshot.version in text
    assert "60 punks" in text
    assert "12 Alien, 12 Ape" in text
    assert "Partial" not in text


def test_header_lists_configurations_and_splits(
    built_root: Path, priced_snapshot: Snapshot
) -> None:
    for snapshot, configs in (
        (open_snapshot(built_root), ["default"]),
        (priced_snapshot, ["default", "sales"]),
    ):
        header = yaml.safe_load((snapshot.path / "README.md").read_text().split("---\n")[1])
        assert [config["config_name"] for config in header["configs"]] == configs
        files = {f["split"]: f["path"] for f in header["configs"][0]["data_files"]}
        assert list(files) == ["train", "val", "test"]
        assert all(len(list(snapshot.path.glob(path))) == 1 for path in files.values())
        assert header["size_categories"] == ["n<1K"]


def test_card_describes_every_column(priced_snapshot: Snapshot) -> None:
    text = (priced_snapshot.path / "README.md").read_text()
    for table in (priced_snapshot.punks(), priced_snapshot.sales(), priced_snapshot.provenance()):
        assert table is not None
        for name in table.column_names:
            line = re.search(rf"^\| `{name}` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
            assert line, name
            assert len(line[1]) > 3


def test_card_of_a_partial_snapshot_says_so(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    partial = {"status": "partial", "expected": 62, "missing": {"60": "x", "61": "y"}}
    assert "**Partial: 2 of 62 punks are missing**" in render_dataset_card(
        manifest.model_copy(update=partial)
    )

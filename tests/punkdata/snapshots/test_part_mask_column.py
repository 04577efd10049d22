"""The column `part_mask`: filled by the build, optional for readers, checked by verify."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from support.cli import run
from support.old_snapshots import write_old_snapshot
from support.paths import REPOSITORY
from support.snapshots import change_rows, drop_punk_column, update_manifest

from punkdata import PunkDataset
from punkdata.analysis.part_masks import masks_to_column, recover_parts
from punkdata.errors import DataError
from punkdata.schema import PUNKS
from punkdata.snapshots.diff import compare_snapshots
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.verify import verify_snapshot


@pytest.fixture
def copied_root(layered_root: Path, tmp_path: Path) -> Path:
    """A copy of `layered_root` that a test may change."""
    return shutil.copytree(layered_root, tmp_path / "copy")


@pytest.fixture
def root_without_masks(copied_root: Path) -> Path:
    """A root whose snapshot was built before there was the column."""
    drop_punk_column(copied_root, "part_mask")
    return copied_root


def check_masks(snapshot: Snapshot) -> tuple[str | None, str]:
    """Verify a snapshot whose other checks pass; return the problem and the note of its masks."""
    checks = {check.name: check for check in verify_snapshot(snapshot)}
    masks = checks.pop("masks")
    assert not any(check.problem for check in checks.values())
    return masks.problem, masks.note


def test_column_has_the_masks_that_the_layers_give(layered_root: Path) -> None:
    snapshot = open_snapshot(layered_root)
    rows = snapshot.punks("test", ["part_mask", "punk_id"])
    assert rows.column("part_mask").type.list_size == 576
    ids = rows.column("punk_id").to_numpy()
    masks = np.stack(rows.to_pandas()["part_mask"]).reshape(-1, 24, 24)
    assert (masks == recover_parts(snapshot).masks(ids)).all()
    found = PunkDataset(layered_root, split="test")
    assert torch.equal(found.masks, torch.from_numpy(masks[np.argsort(ids)]))
    assert check_masks(snapshot)[0] is None


def test_column_of_a_sample_is_null(snapshot: Snapshot) -> None:
    assert snapshot.punks(columns=["part_mask"]).column("part_mask").null_count == 60
    assert check_masks(snapshot) == (None, "not checked: part_mask is null")


def test_column_does_not_enter_the_version(layered_root: Path) -> None:
    snapshot = open_snapshot(layered_root)
    punks = snapshot.punks().drop_columns("part_mask")
    facts = summarize_tables({"punks": punks, "provenance": snapshot.provenance()})
    assert facts["version"] == snapshot.version
    assert facts["labels_hash"] == snapshot.manifest.labels_hash


def test_file_without_the_column_is_read_as_null(root_without_masks: Path) -> None:
    snapshot = open_snapshot(root_without_masks)
    path = snapshot.path / table_file("punks", "val")
    assert "part_mask" not in pq.read_schema(path).names
    assert snapshot.punks().schema.equals(PUNKS)
    for columns in (["part_mask"], ["part_mask", "punk_id"], ["punk_id", "part_mask", "type"]):
        rows = snapshot.punks("val", columns)
        assert rows.column_names == columns
        assert rows.column("part_mask").null_count == len(rows) > 50
        assert rows.schema.field("part_mask").equals(PUNKS.field("part_mask"))


@pytest.mark.parametrize("schema", [1, 2])
def test_column_of_an_older_schema_is_null(snapshot: Snapshot, tmp_path: Path, schema: int) -> None:
    old = write_old_snapshot(snapshot, tmp_path, schema)
    rows = old.punks()
    names = [name for name in PUNKS.names if schema > 1 or name != "hidden_accessories"]
    assert rows.column_names == names
    assert rows.column("part_mask").null_count == len(rows)
    assert old.punks(columns=["part_mask", "rarity_rank"]).column("part_mask").null_count == 60


def test_masks_are_recovered_without_the_column(
    layered_root: Path, root_without_masks: Path
) -> None:
    before, after = open_snapshot(root_without_masks), open_snapshot(layered_root)
    assert check_masks(before) == (None, "not checked: part_mask is null")
    assert not compare_snapshots(before, after)
    old, new = (PunkDataset(root, split="val") for root in (root_without_masks, layered_root))
    assert torch.equal(old.masks, new.masks)


def test_changed_mask_is_found(copied_root: Path) -> None:
    mask = open_snapshot(copied_root).punks("val", ["part_mask"]).column(0)[0].as_py()
    punk_id = change_rows(copied_root, "part_mask", [(mask[0] + 1) % 92, *mask[1:]])
    problem = f"masks that differ from the layers: 1, the first is that of punk {punk_id}"
    assert check_masks(open_snapshot(copied_root))[0] == problem


def test_mask_that_is_null_for_one_punk_is_found(copied_root: Path) -> None:
    change_rows(copied_root, "part_mask", None)
    problem, _ = check_masks(open_snapshot(copied_root))
    assert problem is not None
    assert problem.startswith("part_mask is null for 1 of ")


def test_masks_that_the_punks_do_not_determine_are_found(root: Path) -> None:
    for path in (open_snapshot(root).path / "punks").glob("*.parquet"):
        table = pq.read_table(path)
        index, field = PUNKS.get_field_index("part_mask"), PUNKS.field("part_mask")
        masks = masks_to_column(np.full((len(table), 24, 24), 255, np.uint8))
        pq.write_table(table.set_column(index, field, masks), path)
    update_manifest(root)
    problem = "part_mask has values, but the punks do not determine them"
    assert check_masks(open_snapshot(root))[0] == problem


def test_masks_are_read_and_not_recovered(copied_root: Path, tmp_path: Path) -> None:
    punk_id = change_rows(copied_root, "part_mask", [7] * 576)
    punks = PunkDataset(copied_root, split="val", masks=True)
    assert (punks[punks.index_of(punk_id)][2] == 7).all()
    file = tmp_path / "punks.npz"
    assert run("export", "npz", str(file), "--masks", "--root", str(copied_root)) == 0
    with np.load(file) as arrays:
        assert (arrays["val_masks"] == punks.masks.numpy()).all()


def test_column_is_read_only_for_masks(copied_root: Path) -> None:
    change_rows(copied_root, "part_mask", [92] * 576)
    punks = PunkDataset(copied_root, split="val")
    assert len(open_snapshot(copied_root).arrays("val")[0]) == len(punks)
    assert len(punks.to_pandas()) == len(punks)
    with pytest.raises(DataError, match="part_mask contains the unknown value 92"):
        punks.masks  # noqa: B018


@pytest.mark.parametrize("has_column", [True, False])
def test_masks_are_read_from_a_url(
    copied_root: Path, layered_root: Path, cache: Path, has_column: bool
) -> None:
    if not has_column:
        drop_punk_column(copied_root, "part_mask")
    local = PunkDataset(layered_root, split="val", masks=True)
    remote = PunkDataset(f"file://{copied_root}", split="val", masks=True)
    assert torch.equal(remote.masks, local.masks)
    name = remote.names(remote.labels[3])[1]
    assert torch.equal(remote.without(3, name), local.without(3, name))


def test_images_of_one_split_at_a_url_suffice_to_remove_accessories(
    layered_root: Path, cache: Path
) -> None:
    remote = PunkDataset(f"file://{layered_root}", split="val")
    name = remote.names(remote.labels[3])[1]
    assert remote.without(3, name).shape == (4, 24, 24)


def test_snippet_of_the_docs_reads_the_masks_with_pandas(
    copied_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs/explanation/occluded-labels.md").read_text("utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    snippet = next(code for code in snippets if "part_mask" in code)
    version = open_snapshot(copied_root).version
    copied_root.rename(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(re.sub("s3-[0-9a-f]{12}", version, snippet), found)
    masks = PunkDataset("data", split="all").masks.numpy()
    assert (found["masks"][np.argsort(found["frame"].punk_id)] == masks).all()


def test_exports_have_no_masks_unless_requested(layered_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "images"
    assert run("export", "imagefolder", str(out), "--root", str(layered_root)) == 0
    with (out / "val" / "metadata.csv").open(newline="") as file:
        assert "part_mask" not in (csv.DictReader(file).fieldnames or ())
    file_name = tmp_path / "punks.npz"
    assert run("export", "npz", str(file_name), "--root", str(layered_root)) == 0
    with np.load(file_name) as arrays:
        assert "val_masks" not in arrays


def test_croissant_describes_the_length_of_the_column(snapshot: Snapshot) -> None:
    records = json.loads((snapshot.path / "croissant.json").read_text())["recordSet"]
    fields = {f["name"]: f for f in next(r for r in records if r["name"] == "val")["field"]}
    shapes = {name: field.get("arrayShape") for name, field in fields.items()}
    assert (shapes["part_mask"], shapes["labels"], shapes["accessories"]) == ("576", "92", "-1")
    assert shapes["image"] is shapes["last_sale_wei"] is None
    assert fields["part_mask"]["dataType"] == "sc:Integer"

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.snapshots import change_rows
from support.sprites import DrawnPunk

from punkdata.build import build_dataset
from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.snapshots.reader import (
    find_damaged_files,
    list_snapshots,
    open_snapshot,
    punks_file_name,
)
from punkdata.snapshots.tables import extract_labels, extract_sprites


def test_the_folder_is_as_the_contract_says(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert snapshot.path.parent == built_root / "snapshots" / "cryptopunks"
    assert sorted(entry.path for entry in snapshot.manifest.files) == [
        "README.md",
        "croissant.json",
        "data/punks-test-00000-of-00001.parquet",
        "data/punks-train-00000-of-00001.parquet",
        "data/punks-val-00000-of-00001.parquet",
        "provenance.parquet",
        "shards/punks-test-000000.tar",
        "shards/punks-train-000000.tar",
        "shards/punks-val-000000.tar",
    ]
    assert (snapshot.path.parent / "latest").read_text() == f"{snapshot.version}\n"


def test_a_snapshot_opens_by_root_by_version_and_by_its_own_folder(built_root: Path) -> None:
    latest = open_snapshot(built_root)
    assert open_snapshot(built_root, latest.version) == latest == open_snapshot(latest.path)
    assert [s.version for s in list_snapshots(built_root)] == [latest.version]


def test_images_and_labels_come_back(built_root: Path, punks: list[DrawnPunk]) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id")
    assert (extract_sprites(rows) == np.stack([p.sprite for p in punks])).all()
    assert extract_labels(rows).shape == (60, 92)


def test_a_source_without_sales_gives_none_rather_than_no_sales(built_root: Path) -> None:
    assert open_snapshot(built_root).sales() is None


def test_an_unknown_version_names_those_that_are_there(built_root: Path) -> None:
    version = open_snapshot(built_root).version
    with pytest.raises(UsageError, match=rf"no snapshot s1-000000000000 \(there: {version}\)"):
        open_snapshot(built_root, "s1-000000000000")


def test_a_newer_schema_is_refused_by_its_number(root: Path) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps({"schema_version": 3, "anything": "else"}))
    with pytest.raises(SchemaError, match="schema 3, this punkdata reads up to 2.*upgrade"):
        open_snapshot(root)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "x"}']
)
def test_a_damaged_manifest_is_refused(root: Path, text: str) -> None:
    (open_snapshot(root).path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        open_snapshot(root)


def test_a_folder_without_its_manifest_is_damaged_for_reader_and_builder(
    root: Path, sdist_sha256: str
) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / "manifest.json").unlink()
    with pytest.raises(DataError, match="lost its manifest"):
        open_snapshot(root)
    with pytest.raises(DataError, match="lost its manifest.*move it away"):
        build_dataset(root, sdist_sha256=sdist_sha256)


def test_every_flipped_byte_is_found(root: Path) -> None:
    snapshot = open_snapshot(root)
    assert find_damaged_files(snapshot) == []
    for entry in snapshot.manifest.files:
        path = snapshot.path / entry.path
        whole = path.read_bytes()
        path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
        assert find_damaged_files(snapshot) == [
            f"{entry.path} has another SHA-256 than the manifest says"
        ]
        path.write_bytes(whole)


def test_a_missing_or_shortened_file_is_found(root: Path) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / "provenance.parquet").unlink()
    (snapshot.path / "README.md").write_text("short")
    text = " ".join(find_damaged_files(snapshot))
    assert "provenance.parquet cannot be read" in text
    assert "README.md has 5 bytes" in text


def test_reading_a_damaged_table_names_the_file_and_verify(root: Path) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / "data/punks-val-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=f"punks-val.*punkdata verify {snapshot.path}"):
        snapshot.punks("val")


def test_a_table_of_more_rows_than_the_manifest_says_is_refused_unread(root: Path) -> None:
    snapshot = open_snapshot(root)
    # Equal rows take next to nothing: these have 40 MB, in a file of some kB.
    many = pa.table({"punk_id": pa.array(np.zeros(10_000_000, np.int32))})
    pq.write_table(many, snapshot.path / "data/punks-val-00000-of-00001.parquet")
    with pytest.raises(DataError, match="10000000 rows; its manifest says"):
        snapshot.punks("val", ["punk_id"])


def test_a_column_whose_name_is_no_text_is_damage(root: Path) -> None:
    snapshot = open_snapshot(root)
    path = snapshot.path / "data/punks-val-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes().replace(b"punk_id", b"punk_\xff\xfe"))
    with pytest.raises(DataError, match="punks-val.*damaged"):
        snapshot.punks("val")


def test_a_missing_column_names_the_file(root: Path) -> None:
    snapshot = open_snapshot(root)
    path = snapshot.path / "data/punks-val-00000-of-00001.parquet"
    pq.write_table(snapshot.punks("val").drop_columns("image"), path)
    with pytest.raises(DataError, match="punks-val.*image"):
        snapshot.punks("val", ["punk_id", "image"])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("type", "../../elsewhere", "type has '../../elsewhere', unknown here"),
        ("split", None, "split has gaps"),
        ("accessories", ["Pipe", None], "accessories has gaps"),
        ("hidden_accessories", ["Halo"], "hidden_accessories has 'Halo'"),
        ("image", None, "image has gaps"),
        ("punk_id", -1, "punk_id has -1 to"),
        ("labels", [2] * 92, "labels has 0 to 2"),
    ],
)
def test_a_stranger_s_rows_are_refused_where_readers_would_stumble(
    root: Path, column: str, value: object, says: str
) -> None:
    change_rows(root, column, value)
    with pytest.raises(DataError, match=re.escape(says)):
        open_snapshot(root).punks()


def test_a_column_of_another_type_is_refused_unread(root: Path) -> None:
    path = open_snapshot(root).path / punks_file_name("val")
    table = pq.read_table(path)
    at = table.schema.get_field_index("labels")
    wrong = pa.array([["text"]] * len(table))
    pq.write_table(table.set_column(at, "labels", wrong), path)
    with pytest.raises(DataError, match="labels is of type list"):
        open_snapshot(root).punks()


def test_a_snapshot_s_own_folder_is_of_one_version(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert open_snapshot(snapshot.path, snapshot.version) == snapshot
    for place in (snapshot.path, f"file://{snapshot.path}"):
        with pytest.raises(UsageError, match=f"is {snapshot.version}, not s2-000000000000"):
            open_snapshot(place, "s2-000000000000")


def test_reading_brings_no_pandas(built_root: Path) -> None:
    code = "import sys, punkdata; punkdata.PunkDataset(sys.argv[1]); print('pandas' in sys.modules)"
    command = [sys.executable, "-c", code, str(built_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_reading_keeps_no_memory_in_reserve_unless_told_to(
    built_root: Path, chosen: str | None, used: str
) -> None:
    code = (
        "import sys, punkdata; punkdata.PunkDataset(sys.argv[1])\n"
        "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    environment |= {"ARROW_DEFAULT_MEMORY_POOL": chosen} if chosen else {}
    command = [sys.executable, "-c", code, str(built_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"{used}\n"


def test_a_snapshot_handle_travels_by_pickle(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot

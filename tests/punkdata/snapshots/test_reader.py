from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.snapshots import change_rows
from support.sprites import FakePunk

from punkdata import PunkDataset
from punkdata.build import build_dataset
from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.files import shell_quote
from punkdata.snapshots.manifest import get_latest_version
from punkdata.snapshots.reader import (
    Snapshot,
    find_damaged_files,
    list_snapshots,
    open_snapshot,
    punks_file_name,
)
from punkdata.traits import decode_labels


def test_folder_has_the_documented_layout(built_root: Path) -> None:
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


def test_snapshot_opens_by_root_version_or_folder(built_root: Path) -> None:
    latest = open_snapshot(built_root)
    assert open_snapshot(built_root, latest.version) == latest == open_snapshot(latest.path)
    assert [s.version for s in list_snapshots(built_root)] == [latest.version]
    assert latest.sales() is None, "the source has no sales"


def test_unknown_version_lists_the_available_ones(built_root: Path) -> None:
    version = open_snapshot(built_root).version
    with pytest.raises(
        UsageError, match=rf"no snapshot s1-000000000000 in .* \(available: {version}\)"
    ):
        open_snapshot(built_root, "s1-000000000000")


def test_latest_falls_back_to_the_newest_complete_snapshot(root: Path) -> None:
    newest = open_snapshot(root)
    home = newest.path.parent
    (home / "latest").write_text("s2-000000000000\n")  # The user has deleted this snapshot.
    for version, change in {
        "s2-000000000001": {"created_at": "2020-01-01T00:00:00+00:00"},
        "s2-000000000002": {"created_at": "2999-01-01T00:00:00+00:00", "status": "partial"},
        "s2-000000000003": {"created_at": "2999-01-01T00:00:00+00:00", "limit": 1, "expected": 1},
    }.items():
        manifest = newest.manifest.model_copy(update={"version": version, **change})
        (home / version).mkdir()
        (home / version / "manifest.json").write_text(manifest.model_dump_json())
    assert get_latest_version(root) == open_snapshot(root).version == newest.version
    shutil.rmtree(newest.path)
    assert open_snapshot(root).version == "s2-000000000001"
    shutil.rmtree(home / "s2-000000000001")
    assert open_snapshot(root).version == "s2-000000000003"
    shutil.rmtree(home / "s2-000000000003")
    with pytest.raises(UsageError, match=r"no complete snapshot found .*partial: s2-000000000002"):
        open_snapshot(root)


def test_newer_schema_is_rejected(root: Path) -> None:
    file = open_snapshot(root).path / "manifest.json"
    file.write_text(json.dumps({"schema_version": 3, "anything": "else"}))
    with pytest.raises(
        SchemaError, match="schema 3, but this version of punkdata reads up to 2.*upgrade"
    ):
        open_snapshot(root)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "x"}']
)
def test_damaged_manifest_is_rejected(root: Path, text: str) -> None:
    (open_snapshot(root).path / "manifest.json").write_text(text)
    with pytest.raises(
        DataError, match=rf"manifest\.json' is damaged.*build-dataset --root {root}"
    ):
        open_snapshot(root)


def test_folder_without_manifest_is_reported_as_damaged(root: Path, sdist_sha256: str) -> None:
    snapshot = open_snapshot(root)
    (snapshot.path / "manifest.json").unlink()
    with pytest.raises(DataError, match="manifest.json' cannot be read"):
        open_snapshot(root)
    with pytest.raises(DataError, match="manifest.json' cannot be read.*move the folder away"):
        build_dataset(root, sdist_sha256=sdist_sha256)


def test_find_damaged_files_finds_flipped_bytes_and_missing_files(root: Path) -> None:
    snapshot = open_snapshot(root)
    assert find_damaged_files(snapshot) == []
    for entry in snapshot.manifest.files:
        path = snapshot.path / entry.path
        data = path.read_bytes()
        path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        assert find_damaged_files(snapshot) == [
            f"{entry.path} does not have the SHA-256 that the manifest gives"
        ]
        path.write_bytes(data)
    (snapshot.path / "provenance.parquet").unlink()
    (snapshot.path / "README.md").write_text("short")
    text = " ".join(find_damaged_files(snapshot))
    assert "provenance.parquet cannot be read" in text
    assert "README.md has 5 bytes" in text


def test_wrong_split_or_column_is_a_usage_error(snapshot: Snapshot) -> None:
    with pytest.raises(UsageError, match="split must be one of .*, not 'training'; did you mean"):
        snapshot.punks("training")
    with pytest.raises(UsageError, match="there is no column 'nope'; columns: punk_id, type"):
        snapshot.punks("val", ["punk_id", "nope"])
    assert snapshot.punks("validation").equals(snapshot.punks("val"))


def test_arrays_are_the_images_and_labels_in_the_order_of_punk_id(
    snapshot: Snapshot, punks: list[FakePunk]
) -> None:
    images, labels = snapshot.arrays("all")
    assert (images.shape, images.dtype) == ((60, 24, 24, 4), np.uint8)
    assert (labels.shape, labels.dtype) == ((60, 92), np.uint8)
    for punk, image, label in zip(punks, images, labels, strict=True):
        assert (image == punk.sprite).all()
        assert decode_labels(label) == (punk.type, tuple(punk.accessories))


@pytest.mark.parametrize("scheme", ["default", "by_id", "fold-3"])
def test_arrays_of_a_split_scheme_are_those_of_the_dataset(snapshot: Snapshot, scheme: str) -> None:
    data = PunkDataset(snapshot.path, split="train", split_scheme=scheme)  # type: ignore[arg-type]
    images, labels = snapshot.arrays("train", split_scheme=scheme)
    assert (images.transpose(0, 3, 1, 2) == data.data.numpy()).all()
    assert (labels == data.labels.numpy()).all()


def test_arrays_refuse_wrong_arguments(snapshot: Snapshot, schema1_root: Path) -> None:
    with pytest.raises(UsageError, match="split must be one of"):
        snapshot.arrays("tset")
    with pytest.raises(UsageError, match="split_scheme must be one of"):
        snapshot.arrays("test", split_scheme="fold-0")
    with pytest.raises(UsageError, match="does not list hidden accessories"):
        open_snapshot(schema1_root).arrays("test", visible_only=True)


def test_a_snapshot_is_shown_in_one_line_and_as_html(
    snapshot: Snapshot, priced_snapshot: Snapshot
) -> None:
    shown = repr(snapshot)
    for text in (snapshot.version, "complete, 60 punks, sales unknown", str(snapshot.path)):
        assert text in shown
    assert "sales 299" in repr(priced_snapshot)
    manifest = repr(snapshot.manifest)
    assert snapshot.version in manifest == str(snapshot.manifest)
    assert len(manifest) < 200
    assert f"<strong>Snapshot {snapshot.version}</strong>" in snapshot._repr_html_()
    remote = dataclasses.replace(snapshot, url="https://user:secret@example.org/punks?token=1")
    assert "secret" not in repr(remote) + remote._repr_html_()


def test_arrays_need_neither_torch_nor_pandas(built_root: Path) -> None:
    code = (
        "import sys, punkdata; punkdata.open_snapshot(sys.argv[1]).arrays('all'); "
        "print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(built_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def damage_bytes(path: Path) -> None:
    path.write_bytes(b"PAR1")


def rename_column(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"punk_id", b"punk_\xff\xfe"))


def drop_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns("image"), path)


def change_type(path: Path) -> None:
    table = pq.read_table(path)
    wrong = pa.array([["text"]] * len(table))
    index = table.schema.get_field_index("labels")
    pq.write_table(table.set_column(index, "labels", wrong), path)


def add_rows(path: Path) -> None:
    # Equal rows compress well: these take 40 MB in memory, but a few kB in the file.
    pq.write_table(pa.table({"punk_id": pa.array(np.zeros(10_000_000, np.int32))}), path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_bytes, ""),
        (rename_column, ""),
        (drop_column, "image"),
        (change_type, "labels has the type list"),
        (add_rows, "10000000 rows, but the manifest says"),
    ],
)
def test_damaged_table_error_names_the_file_and_verify(
    root: Path, damage: Callable[[Path], None], reason: str
) -> None:
    snapshot = open_snapshot(root)
    damage(snapshot.path / punks_file_name("val"))
    with pytest.raises(DataError, match=f"punks-val.*{reason}.*punkdata verify ") as error:
        snapshot.punks("val", ["punk_id", "image", "labels"])
    assert shell_quote(snapshot.path) in str(error.value.hint)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("type", "../../elsewhere", "type contains the unknown value '../../elsewhere'"),
        ("split", None, "split contains null"),
        ("accessories", ["Pipe", None], "accessories contains null"),
        ("hidden_accessories", ["Halo"], "hidden_accessories contains the unknown value 'Halo'"),
        ("image", None, "image contains null"),
        ("punk_id", -1, "punk_id has invalid values: -1 to"),
        ("labels", [2] * 92, "labels has invalid values: 0 to 2"),
    ],
)
def test_rows_with_invalid_values_are_rejected(
    root: Path, column: str, value: object, message: str
) -> None:
    change_rows(root, column, value)
    with pytest.raises(DataError, match=re.escape(message)):
        open_snapshot(root).punks()


def test_unknown_split_and_column_are_usage_errors(snapshot: Snapshot) -> None:
    with pytest.raises(UsageError, match="split must be one of train, val, validation, test, all"):
        snapshot.punks("training")
    with pytest.raises(UsageError, match="there is no column 'price'; columns: punk_id, type"):
        snapshot.punks("val", ["punk_id", "price"])


def test_snapshot_folder_rejects_another_version(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert open_snapshot(snapshot.path, snapshot.version) == snapshot
    for place in (snapshot.path, f"file://{snapshot.path}"):
        with pytest.raises(UsageError, match=f"is {snapshot.version}, not s2-000000000000"):
            open_snapshot(place, "s2-000000000000")


def test_reading_does_not_import_pandas(built_root: Path) -> None:
    code = "import sys, punkdata; punkdata.PunkDataset(sys.argv[1]); print('pandas' in sys.modules)"
    command = [sys.executable, "-c", code, str(built_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_memory_pool_defaults_to_the_system_allocator(
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

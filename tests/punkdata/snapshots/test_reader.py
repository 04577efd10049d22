from __future__ import annotations

import dataclasses
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.snapshots import change_rows
from support.sprites import FakePunk

from punkdata import PunkDataset
from punkdata.errors import DataError, UsageError
from punkdata.files import shell_quote
from punkdata.snapshots.layout import table_file
from punkdata.snapshots.reader import Snapshot, find_damaged_files, open_snapshot
from punkdata.traits import decode_labels


def test_folder_has_the_documented_layout(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    assert snapshot.path.parent == built_root / "snapshots" / "cryptopunks"
    assert sorted(entry.path for entry in snapshot.manifest.files) == [
        "README.md",
        "croissant.json",
        "provenance.parquet",
        "punks/test-00000-of-00001.parquet",
        "punks/train-00000-of-00001.parquet",
        "punks/val-00000-of-00001.parquet",
        "shards/punks-test-000000.tar",
        "shards/punks-train-000000.tar",
        "shards/punks-val-000000.tar",
    ]
    assert (snapshot.path.parent / "latest").read_text() == f"{snapshot.version}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize("name", ["manifest.json", table_file("punks", "train")])
def test_file_of_another_user_is_not_called_damaged(built_root: Path, name: str) -> None:
    # Root may read every file, so the test then runs as another user, who sees no tmp_path.
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copytree(open_snapshot(built_root).path, Path(folder) / "snapshot")
        Path(folder).chmod(0o755)
        (path / name).chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            with pytest.raises(
                DataError, match=r"cannot be read \(Permission denied\); ask its owner"
            ):
                open_snapshot(path).punks()
        finally:
            if is_root:
                os.seteuid(0)


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
    for columns, message in (
        (["punk_id", "nope"], "there is no column 'nope'; columns: punk_id, type"),
        ("punk_id", "columns must be a list of names, not 'punk_id'"),
        ([], "columns must be a list of names"),
        ([1, "type"], "there is no column 1; columns"),
        (["type", "type"], "columns contains 'type' twice"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            snapshot.punks("val", columns)  # type: ignore[arg-type]
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
    damage(snapshot.path / table_file("punks", "val"))
    with pytest.raises(DataError, match=f"punks.val-.*{reason}.*punkdata verify ") as error:
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
        ("part_mask", [91] * 575 + [92], "part_mask contains the unknown value 92"),
        ("part_mask", [255] * 575 + [None], "part_mask contains null"),
        ("pixels_sha256", "=cmd()", "pixels_sha256 contains a value that is not a SHA-256 hash"),
        (
            "pixels_sha256",
            "a" * 64 + "\n",
            "pixels_sha256 contains a value that is not a SHA-256 hash",
        ),
        ("type_id", 5, "type_id has invalid values: 0 to 5"),
        ("accessory_ids", [87], "accessory_ids has invalid values: 0 to 87"),
        ("accessory_count", -1, "accessory_count has invalid values: -1 to"),
        ("sale_count", -1, "sale_count has invalid values: -1 to"),
        ("lowest_listing_eth", math.nan, "contains a value that is not a finite"),
        ("last_sale_eth", math.inf, "last_sale_eth contains a value that is not a finite number"),
        ("max_sale_eth", -1.5, "max_sale_eth has invalid values: -1.5 to"),
        ("max_sale_eth", 1e300, "max_sale_eth has invalid values: "),
        ("owner", "\x1b[2J", "owner contains a value that is not an address"),
        ("last_sale_wei", Decimal(-1), "last_sale_wei has invalid values: -1 to"),
        ("last_sold_at", datetime(2107, 1, 1, tzinfo=UTC), "last_sold_at has invalid values: "),
        ("last_sold_at", pa.scalar(2**60, pa.timestamp("ms", "UTC")), "last_sold_at has invalid"),
    ],
)
def test_rows_with_invalid_values_are_rejected(
    root: Path, column: str, value: object, message: str
) -> None:
    change_rows(root, column, value)
    with pytest.raises(DataError, match=re.escape(message)):
        open_snapshot(root).punks()


@pytest.mark.parametrize("market", ["m" * 1000, "<b>", "a\n", ""])
def test_market_that_is_no_slug_is_rejected(
    priced_snapshot: Snapshot, tmp_path: Path, market: str
) -> None:
    root = shutil.copytree(priced_snapshot.path.parents[2], tmp_path / "priced")
    change_rows(root, "market", market, table_file("sales"))
    with pytest.raises(DataError, match="market contains a value that is not the name of a market"):
        open_snapshot(root).sales()


def test_unknown_split_and_column_are_usage_errors(snapshot: Snapshot) -> None:
    with pytest.raises(UsageError, match="split must be one of train, val, validation, test, all"):
        snapshot.punks("training")
    with pytest.raises(UsageError, match="there is no column 'price'; columns: punk_id, type"):
        snapshot.punks("val", ["punk_id", "price"])


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

"""Other libraries reading a snapshot: datasets, webdataset, pandas, polars, duckdb and others."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from punkdata import PunkDataset
from punkdata.files import sha256_file
from punkdata.snapshots.imagefolder import export_imagefolder
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.sources.package_index import download_file
from punkdata.sources.pip_config import find_index_url
from punkdata.traits import ACCESSORIES, TYPES

JSONPATH = (
    "jsonpath-rw-1.4.0.tar.gz",
    "05c471281c45ae113f6103d1268ec7a4831a2e96aa80de45edc89b11fac4fbec",
)
"""File name of a source archive on the package index, and its SHA-256."""

pytestmark = [
    pytest.mark.compat,
    # Warnings inside these libraries are not errors, because any version may be installed.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of Hugging Face's libraries, which are set to offline mode."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hf"


def read_rows(snapshot: Snapshot, split: str) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the rows of a split without images, and its sprites."""
    table = snapshot.punks(split)
    return table.drop_columns("image").to_pylist(), extract_sprites(table)


def test_datasets_reads_a_snapshot_with_sales(priced_snapshot: Snapshot, home: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(priced_snapshot.path), cache_dir=str(home))
    for split in ("train", "val", "test"):
        rows, sprites = read_rows(priced_snapshot, split)
        assert len(loaded[split]) == len(rows)
        for row, item, sprite in zip(rows, loaded[split], sprites, strict=True):
            assert item["image"].mode == "RGBA"
            assert (np.asarray(item["image"]) == sprite).all()
            assert {k: v for k, v in item.items() if k != "image"} == row
    features = loaded["train"].features
    assert features["type_id"].names == list(TYPES)
    assert features["accessory_ids"].feature.names == list(ACCESSORIES)
    assert features["labels"].length == 92
    sales = datasets.load_dataset(
        str(priced_snapshot.path), "sales", split="train", cache_dir=str(home)
    )
    table = priced_snapshot.sales()
    assert table is not None
    assert list(sales) == table.to_pylist()


def test_datasets_reads_a_snapshot_without_sales(snapshot: Snapshot, home: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(snapshot.path), split="train", cache_dir=str(home))
    assert len(loaded) == snapshot.manifest.splits["default"]["train"]
    assert loaded[0]["last_sale_eth"] is None


def test_datasets_reads_the_tar_shards(snapshot_with_hidden: Snapshot, home: Path) -> None:
    datasets = pytest.importorskip("datasets")
    shards = snapshot_with_hidden.path / "shards"
    files = {split: str(shards / f"punks-{split}-*.tar") for split in ("train", "val", "test")}
    loaded = datasets.load_dataset("webdataset", data_files=files, cache_dir=str(home))
    for split in files:
        rows, sprites = read_rows(snapshot_with_hidden, split)
        for row, item, sprite in zip(rows, loaded[split], sprites, strict=True):
            assert (np.asarray(item["png"]) == sprite).all()
            for name in ("punk_id", "labels", "hidden_accessories"):
                assert item["json"][name] == row[name]


def test_datasets_reads_the_imagefolder_export(
    snapshot: Snapshot, home: Path, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    out = export_imagefolder(snapshot, tmp_path / "images")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(home))
    assert {name: len(split) for name, split in loaded.items()} == {
        "train": snapshot.manifest.splits["default"]["train"],
        "validation": snapshot.manifest.splits["default"]["val"],
        "test": snapshot.manifest.splits["default"]["test"],
    }
    rows, sprites = read_rows(snapshot, "val")
    by_id = {row["punk_id"]: (row, sprite) for row, sprite in zip(rows, sprites, strict=True)}
    for item in loaded["validation"]:
        row, sprite = by_id[item["punk_id"]]
        assert (np.asarray(item["image"].convert("RGBA")) == sprite).all()
        assert item["type"] == row["type"]
    # torchvision's ImageFolder uses the sorted folder names as classes.
    assert sorted(p.name for p in (out / "train").iterdir() if p.is_dir()) == sorted(TYPES)


@pytest.mark.filterwarnings("ignore")
def test_webdataset_with_a_loader_preserves_rgba(snapshot: Snapshot) -> None:
    webdataset = pytest.importorskip("webdataset")
    import torch

    (shard,) = (snapshot.path / "shards").glob("punks-train-*.tar")
    samples = (
        webdataset.WebDataset(shard.as_uri(), shardshuffle=False)
        .decode("pilrgba")
        .to_tuple("png", "json")
        .map_tuple(np.asarray, lambda fields: fields["punk_id"])
    )
    rows, sprites = read_rows(snapshot, "train")
    position = 0
    for images, ids in torch.utils.data.DataLoader(samples, batch_size=16, num_workers=1):
        assert images.shape[1:] == (24, 24, 4)
        for image, punk_id in zip(images, ids, strict=True):
            assert punk_id == rows[position]["punk_id"]
            assert (image.numpy() == sprites[position]).all()
            position += 1
    assert position == len(rows)


def test_pandas_polars_and_duckdb_read_the_parquet_files(priced_snapshot: Snapshot) -> None:
    pandas, polars, duckdb = (pytest.importorskip(n) for n in ("pandas", "polars", "duckdb"))
    pattern = str(priced_snapshot.path / "punks" / "*.parquet")
    rows = sorted(read_rows(priced_snapshot, "all")[0], key=lambda row: row["punk_id"])
    females = sum(row["type"] == "Female" for row in rows)

    frame = pandas.read_parquet(priced_snapshot.path / "punks")  # The whole folder.
    assert len(frame) == len(rows)
    assert int((frame["type"] == "Female").sum()) == females
    table = polars.read_parquet(pattern).sort("punk_id")
    assert table["accessories"].to_list() == [row["accessories"] for row in rows]
    assert table["labels"].to_list() == [row["labels"] for row in rows]
    assert table["last_sale_wei"].to_list() == [row["last_sale_wei"] for row in rows]
    first = Image.open(io.BytesIO(table["image"].struct.field("bytes")[0]))
    assert first.mode == "RGBA"
    groups = duckdb.sql(
        f"select type, count(*), max(last_sale_wei) from '{pattern}' group by type"
    ).fetchall()
    for punk_type, count, highest in groups:
        same = [row for row in rows if row["type"] == punk_type]
        assert count == len(same)
        prices = [row["last_sale_wei"] for row in same if row["last_sale_wei"] is not None]
        assert int(highest) == max(prices)
    ((total,),) = duckdb.sql(
        f"select sum(s.price_eth) from '{priced_snapshot.path}/sales/*.parquet' s "
        f"join '{pattern}' p using (punk_id) where list_contains(p.accessories, 'Earring')"
    ).fetchall()
    with_earring = {row["punk_id"] for row in rows if "Earring" in row["accessories"]}
    sales = priced_snapshot.sales()
    assert sales is not None
    prices_eth = [s["price_eth"] or 0 for s in sales.to_pylist() if s["punk_id"] in with_earring]
    assert (total or 0) == pytest.approx(sum(prices_eth))


READ_CROISSANT = """
import base64, io, json, sys
import mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1])
problems = [*dataset.metadata.issues.errors, *dataset.metadata.issues.warnings]
val = []
for record in dataset.records("val"):
    file = io.BytesIO()
    record["val/image"].save(file, "PNG")
    names = [name.decode() for name in record["val/accessories"]]
    labels = [int(label) for label in record["val/labels"]]
    png = base64.b64encode(file.getvalue()).decode()
    val.append([record["val/type"].decode(), names, labels, png])
sales = sum(1 for _ in dataset.records("sales"))
print(json.dumps([list(map(str, problems)), val, sales]))
"""


@pytest.fixture
def croissant_path(tmp_path: Path) -> Path:
    """A folder from which mlcroissant can be imported.

    mlcroissant needs jsonpath-rw, which is published as a source archive only. Its modules are
    extracted, so that none of its code runs during installation.
    """
    path = tmp_path / "croissant"
    wheels = ("mlcroissant", "decorator", "etils", "ply", "rdflib")
    constraints = Path(__file__).parent.parent / "constraints.txt"
    install = ("pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:")
    subprocess.run(
        [sys.executable, "-m", *install, "-c", constraints, "--target", path, *wheels], check=True
    )
    name, sha256 = JSONPATH
    (tmp_path / name).write_bytes(download_file(find_index_url(), "jsonpath-rw", name))
    assert sha256_file(tmp_path / name) == sha256
    with tarfile.open(tmp_path / name) as tar:
        tar.extractall(tmp_path, filter="data")
    shutil.move(tmp_path / name.removesuffix(".tar.gz") / "jsonpath_rw", path)
    return path


@pytest.mark.network
def test_mlcroissant_reads_images_and_labels(
    priced_snapshot: Snapshot, croissant_path: Path
) -> None:
    process = subprocess.run(
        [sys.executable, "-c", READ_CROISSANT, str(priced_snapshot.path / "croissant.json")],
        env=os.environ | {"PYTHONPATH": str(croissant_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    problems, val, sales = json.loads(process.stdout.splitlines()[-1])
    assert problems == []
    rows, sprites = read_rows(priced_snapshot, "val")
    assert len(val) == len(rows)
    for (punk_type, names, labels, png), row, sprite in zip(val, rows, sprites, strict=True):
        assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))) == sprite).all()
        assert (punk_type, names, labels) == (row["type"], row["accessories"], row["labels"])
    table = priced_snapshot.sales()
    assert table is not None
    assert sales == len(table)


@pytest.mark.parametrize("context", ["spawn", "fork"])
def test_torch_loader_with_workers_reads_every_image(context: str, snapshot: Snapshot) -> None:
    import torch

    dataset = PunkDataset(snapshot.path, split="train")
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=8, num_workers=2, multiprocessing_context=context
    )
    images = torch.cat([images for images, _ in loader])
    assert torch.equal((images * 255).round().to(torch.uint8), dataset.as_tensors()[0])


def test_docs_list_the_tested_library_versions() -> None:
    text = (Path(__file__).parent.parent / "docs" / "howto" / "libraries.md").read_text("utf-8")
    names = re.findall(r"^\| ([a-z]+) ([0-9.]+) \|", text, re.MULTILINE)
    assert len(names) >= 6
    pins = (Path(__file__).parent.parent / "constraints.txt").read_text("utf-8")
    for name, number in names:
        assert f"\n{name}=={number}" in pins, f"docs/howto/libraries.md says {name} {number}"

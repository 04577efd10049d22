from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.network import Fetch
from support.snapshots import change_rows, fetch_and_build

from punkdata import PunkDataset
from punkdata.cli import app, console
from punkdata.errors import DataError, UsageError
from punkdata.snapshots.imagefolder import export_imagefolder, find_empty_classes
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.traits import TYPES


def test_export_has_one_folder_per_split_and_type(snapshot: Snapshot, tmp_path: Path) -> None:
    out = export_imagefolder(snapshot, tmp_path / "new" / "images")
    table = snapshot.punks()
    rows = table.drop_columns("image").to_pylist()
    files = {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert files == {f"{r['split']}/{r['type']}/{r['punk_id']:04d}.png" for r in rows}
    for row, sprite in zip(rows, extract_sprites(table), strict=True):
        path = out / row["split"] / row["type"] / f"{row['punk_id']:04d}.png"
        assert (np.asarray(Image.open(path)) == sprite).all()
    for split in ("train", "val", "test"):
        with (out / split / "metadata.csv").open(newline="") as file:
            lines = {int(line["punk_id"]): line for line in csv.DictReader(file)}
        split_rows = [r for r in rows if r["split"] == split]
        assert set(lines) == {r["punk_id"] for r in split_rows}
        for row in split_rows:
            line = lines[row["punk_id"]]
            assert (out / split / line["file_name"]).is_file()
            assert line["accessories"] == "|".join(row["accessories"])


def test_export_of_a_manipulated_snapshot_writes_nothing(root: Path, tmp_path: Path) -> None:
    change_rows(root, "type", str(tmp_path / "victim"))
    with pytest.raises(DataError, match="type contains the unknown value"):
        export_imagefolder(open_snapshot(root), tmp_path / "out")
    change_rows(root, "type", "Ape")
    change_rows(root, "image", {"bytes": b"#!/bin/sh", "path": "x"})
    with pytest.raises(DataError, match="image .* of 60 in a table was not written by punkdata"):
        export_imagefolder(open_snapshot(root), tmp_path / "out")
    assert list(tmp_path.iterdir()) == [root]


def test_export_rejects_the_current_folder_and_urls(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot export to the current folder"):
        export_imagefolder(snapshot, Path())
    with pytest.raises(UsageError, match="s3://bucket/images: it is a URL"):
        export_imagefolder(snapshot, Path("s3://bucket/images"))
    assert list(tmp_path.iterdir()) == []


def test_export_applies_scale_background_and_split(snapshot: Snapshot, tmp_path: Path) -> None:
    out = export_imagefolder(
        snapshot, tmp_path / "out", split_scheme="by_id", scale=3, background="#010203"
    )
    by_id = PunkDataset(snapshot.path, split="train", split_scheme="by_id")
    assert len(list((out / "train").rglob("*.png"))) == len(by_id)
    sprite = np.asarray(by_id.image(0))
    name = f"{by_id.punk_ids.tolist()[0]:04d}.png"
    (path,) = (out / "train").rglob(name)
    image = np.asarray(Image.open(path))
    assert image.shape == (72, 72, 3)
    is_clear = sprite[..., 3] == 0
    assert (image[::3, ::3][is_clear] == (1, 2, 3)).all()
    assert (image[1::3, 2::3][~is_clear] == sprite[~is_clear][:, :3]).all()


def test_export_does_not_overwrite_existing_files(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not empty"):
        export_imagefolder(snapshot, tmp_path)
    with pytest.raises(UsageError, match="is not a color"):
        export_imagefolder(snapshot, tmp_path / "new", background="pinkish")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    export_imagefolder(snapshot, tmp_path / "empty")
    assert (tmp_path / "empty" / "train").is_dir()


def test_interrupted_export_leaves_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_imagefolder(snapshot, tmp_path / "out", stop)
    assert list(tmp_path.iterdir()) == []


def test_export_of_schema_1_has_no_hidden_accessories(schema1_root: Path, tmp_path: Path) -> None:
    out = export_imagefolder(open_snapshot(schema1_root), tmp_path / "out")
    header = (out / "train" / "metadata.csv").read_text().splitlines()[0]
    assert header == "file_name,punk_id,type,accessories,pixels_sha256,rarity_score,rarity_rank"


def number_classes(folder: Path) -> dict[str, int]:
    """Number classes as torchvision's ImageFolder documents it: by the sorted names of folders."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return {name: number for number, name in enumerate(names)}


@pytest.mark.parametrize("split_scheme", ["default", "by_id", "fold-3"])
@pytest.mark.parametrize("limit", [60, 3])
def test_a_class_has_the_same_number_in_every_split(
    split_scheme: str, limit: int, fetch: Fetch, new_root: Path, tmp_path: Path
) -> None:
    snapshot = fetch_and_build(fetch, new_root, limit=limit)
    out = export_imagefolder(snapshot, tmp_path / "out", split_scheme=split_scheme)
    expected = {name: number for number, name in enumerate(sorted(TYPES))}
    found = {split: number_classes(out / split) for split in ("train", "val", "test")}
    assert found == {"train": expected, "val": expected, "test": expected}
    types = {split: {p.parent.name for p in (out / split).rglob("*.png")} for split in found}
    empty = {split: [name for name in TYPES if name not in types[split]] for split in found}
    assert find_empty_classes(out) == {split: names for split, names in empty.items() if names}
    # Copies that leave out empty folders, as git does, keep the numbers as well.
    assert all(any(folder.iterdir()) for folder in out.glob("*/*/"))


def test_export_command_warns_of_empty_classes(
    built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--split-scheme", "by_id", "--root", str(built_root)]
    args = ["export", "imagefolder", str(tmp_path / "out"), *options]
    assert console.run(app.app, "punkdata", args) == 0
    warning = capsys.readouterr().err.splitlines()[-1]
    missing = "; ".join(
        f"{split} has no {', '.join(names)}"
        for split, names in find_empty_classes(tmp_path / "out").items()
    )
    assert warning.startswith(f"warning: {missing}; keep these empty folders")
    assert warning.endswith("pass allow_empty=True to torchvision's ImageFolder")


def test_export_command_prints_the_folder(
    built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["export", "imagefolder", str(tmp_path / "out"), "--root", str(built_root)]
    assert console.run(app.app, "punkdata", args) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(tmp_path / "out")
    assert "60 images of s3-" in captured.err
    assert console.run(app.app, "punkdata", args) == 2

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.snapshots import change_rows

from punkdata import PunkDataset
from punkdata.cli import app, console
from punkdata.errors import DataError, UsageError
from punkdata.snapshots.imagefolder import export_imagefolder
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import extract_sprites


def test_every_punk_lies_in_its_part_and_type(snapshot: Snapshot, tmp_path: Path) -> None:
    out = export_imagefolder(snapshot, tmp_path / "new" / "pictures")
    table = snapshot.punks()
    rows = table.drop_columns("image").to_pylist()
    files = {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert files == {f"{r['split']}/{r['type']}/{r['punk_id']:04d}.png" for r in rows}
    for row, sprite in zip(rows, extract_sprites(table), strict=True):
        path = out / row["split"] / row["type"] / f"{row['punk_id']:04d}.png"
        assert (np.asarray(Image.open(path)) == sprite).all()
    for part in ("train", "val", "test"):
        with (out / part / "metadata.csv").open(newline="") as file:
            told = {int(line["punk_id"]): line for line in csv.DictReader(file)}
        there = [r for r in rows if r["split"] == part]
        assert set(told) == {r["punk_id"] for r in there}
        for row in there:
            line = told[row["punk_id"]]
            assert (out / part / line["file_name"]).is_file()
            assert line["accessories"] == "|".join(row["accessories"])


def test_a_stranger_s_snapshot_writes_pictures_and_nowhere_else(root: Path, tmp_path: Path) -> None:
    change_rows(root, "type", str(tmp_path / "victim"))
    with pytest.raises(DataError, match="type has"):
        export_imagefolder(open_snapshot(root), tmp_path / "out")
    change_rows(root, "type", "Ape")
    change_rows(root, "image", {"bytes": b"#!/bin/sh", "path": "x"})
    with pytest.raises(DataError, match="PNG"):
        export_imagefolder(open_snapshot(root), tmp_path / "out")
    assert list(tmp_path.iterdir()) == [root]


def test_the_present_folder_and_a_url_are_refused(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the present folder cannot be replaced"):
        export_imagefolder(snapshot, Path())
    with pytest.raises(UsageError, match="s3://bucket/pictures: it is a URL"):
        export_imagefolder(snapshot, Path("s3://bucket/pictures"))
    assert list(tmp_path.iterdir()) == []


def test_scale_background_and_split_are_chosen(snapshot: Snapshot, tmp_path: Path) -> None:
    out = export_imagefolder(
        snapshot, tmp_path / "out", split_scheme="by_id", scale=3, background="#010203"
    )
    by_id = PunkDataset(snapshot.path, split="train", split_scheme="by_id")
    assert len(list((out / "train").rglob("*.png"))) == len(by_id)
    sprite = np.asarray(by_id.image(0))
    name = f"{by_id.punk_ids.tolist()[0]:04d}.png"
    (path,) = (out / "train").rglob(name)
    picture = np.asarray(Image.open(path))
    assert picture.shape == (72, 72, 3)
    clear = sprite[..., 3] == 0
    assert (picture[::3, ::3][clear] == (1, 2, 3)).all()
    assert (picture[1::3, 2::3][~clear] == sprite[~clear][:, :3]).all()


def test_what_is_there_stays_as_it_is(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        export_imagefolder(snapshot, tmp_path)
    with pytest.raises(UsageError, match="no color"):
        export_imagefolder(snapshot, tmp_path / "new", background="pinkish")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    export_imagefolder(snapshot, tmp_path / "empty")
    assert (tmp_path / "empty" / "train").is_dir()


def test_stopped_on_the_way_nothing_is_there(snapshot: Snapshot, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_imagefolder(snapshot, tmp_path / "out", stop)
    assert list(tmp_path.iterdir()) == []


def test_an_old_snapshot_is_exported_without_what_it_lacks(old_root: Path, tmp_path: Path) -> None:
    out = export_imagefolder(open_snapshot(old_root), tmp_path / "out")
    head = (out / "train" / "metadata.csv").read_text().splitlines()[0]
    assert head == "file_name,punk_id,type,accessories,pixels_sha256"


def test_the_command_says_where_they_are(
    built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["export", "imagefolder", str(tmp_path / "out"), "--root", str(built_root)]
    assert console.run(app.app, "punkdata", args) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "out")
    assert "60 pictures of s2-" in said.err
    assert console.run(app.app, "punkdata", args) == 2

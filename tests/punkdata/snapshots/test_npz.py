from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from punkdata import LABELS, SPLITS, PunkDataset
from punkdata.cli import app, console
from punkdata.errors import UsageError
from punkdata.snapshots.npz import export_npz
from punkdata.snapshots.reader import Snapshot


def test_npz_has_the_arrays_of_every_split(snapshot: Snapshot, tmp_path: Path) -> None:
    path = export_npz(snapshot, tmp_path / "punks.npz")
    with np.load(path, allow_pickle=False) as file:
        kinds = ("images", "labels", "punk_ids")
        names = {f"{split}_{kind}" for split in SPLITS for kind in kinds}
        assert set(file.files) == names | {"label_names", "version"}
        for split in SPLITS:
            images, labels = snapshot.arrays(split)
            assert (file[f"{split}_images"] == images).all()
            assert file[f"{split}_images"].dtype == file[f"{split}_labels"].dtype == np.uint8
            assert (file[f"{split}_labels"] == labels).all()
            punk_ids = PunkDataset(snapshot.path, split=split).punk_ids  # type: ignore[arg-type]
            assert (file[f"{split}_punk_ids"] == punk_ids).all()
        assert file["label_names"].tolist() == list(LABELS)
        assert str(file["version"]) == snapshot.version
    assert list(tmp_path.iterdir()) == [path]


def test_npz_of_the_same_snapshot_has_the_same_bytes(snapshot: Snapshot, tmp_path: Path) -> None:
    first, second = (export_npz(snapshot, tmp_path / name) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_npz_applies_scale_background_scheme_and_visibility(
    snapshot_with_hidden: Snapshot, tmp_path: Path
) -> None:
    path = export_npz(
        *(snapshot_with_hidden, tmp_path / "punks.npz"),
        split_scheme="fold-2",
        visible_only=True,
        scale=3,
        background="white",
    )
    with np.load(path) as file:
        for split in SPLITS:
            data = PunkDataset(
                snapshot_with_hidden.path,
                split=split,  # type: ignore[arg-type]
                split_scheme="fold-2",
                visible_only=True,
                as_rgb=True,
                background="white",
            )
            images = file[f"{split}_images"]
            assert images.shape == (len(data), 72, 72, 3)
            assert (images[:, 1::3, 2::3] == data.data.permute(0, 2, 3, 1).numpy()).all()
            assert (file[f"{split}_labels"] == data.labels.numpy()).all()


def test_npz_of_an_empty_split_has_its_shape(snapshot: Snapshot, tmp_path: Path) -> None:
    for background in (None, "white"):
        path = export_npz(
            snapshot, tmp_path / "punks.npz", split_scheme="by_id", background=background
        )
        with np.load(path) as file:
            assert file["test_images"].shape == (0, 24, 24, 3 if background else 4)
            assert file["test_labels"].shape == (0, 92)


def test_interrupted_npz_export_keeps_the_file_that_was_there(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "punks.npz"
    path.write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        export_npz(snapshot, path, stop)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("punks.npz", "mine")]


def test_npz_refuses_wrong_arguments_before_it_writes(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "new" / "punks.npz"
    with pytest.raises(UsageError, match="split_scheme must be one of"):
        export_npz(snapshot, path, split_scheme="random")
    with pytest.raises(UsageError, match="scale must be a positive integer"):
        export_npz(snapshot, path, scale=0)
    with pytest.raises(UsageError, match="is not a color"):
        export_npz(snapshot, path, background="pinkish")
    with pytest.raises(UsageError, match="it is a URL"):
        export_npz(snapshot, Path("s3://bucket/punks.npz"))
    assert list(tmp_path.iterdir()) == []


def test_npz_command_prints_the_file_and_names_a_new_folder(
    built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "punks.npz"
    args = ["export", "npz", str(path), "--root", str(built_root), "--background", "white"]
    assert console.run(app.app, "punkdata", args) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{path}\n"
    assert f"creating the folder '{tmp_path / 'new'}'" in captured.err
    assert "wrote 60 images" in captured.err
    assert console.run(app.app, "punkdata", args) == 0
    assert "creating" not in capsys.readouterr().err
    with np.load(path) as file:
        assert file["train_images"].shape[1:] == (24, 24, 3)


def test_npz_has_masks_on_request(layered_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "punks.npz"
    arguments = ["export", "npz", str(path), "--masks", "--scale", "2", "--root", str(layered_root)]
    assert console.run(app.app, "punkdata", arguments) == 0
    with np.load(path) as file:
        for split in SPLITS:
            masks = PunkDataset(layered_root, split=split).masks.numpy()  # type: ignore[arg-type]
            assert file[f"{split}_masks"].shape == (len(masks), 48, 48)
            assert np.array_equal(file[f"{split}_masks"][:, 1::2, ::2], masks)

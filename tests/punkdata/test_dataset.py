from __future__ import annotations

import pickle
from multiprocessing import get_all_start_methods
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.sprites import FakePunk
from torch.utils.data import DataLoader

from punkdata import PunkDataset
from punkdata.errors import UsageError
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.splits import SPLITS, load_published_split
from punkdata.traits import ACCESSORIES, LABELS, TYPES


def test_item_is_a_float_image_and_92_labels(built_root: Path, punks: list[FakePunk]) -> None:
    train = PunkDataset(built_root)
    image, labels = train[0]
    assert (image.shape, image.dtype) == ((4, 24, 24), torch.float32)
    assert (labels.shape, labels.dtype) == ((92,), torch.float32)
    punk = punks[train.punk_ids[0]]
    assert (image * 255).round().byte().permute(1, 2, 0).numpy().tolist() == punk.sprite.tolist()
    assert [name for name, x in zip(LABELS, labels, strict=True) if x] == [
        punk.type,
        *punk.accessories,
    ]


def test_splits_are_the_published_ones_and_cover_all_punks(built_root: Path) -> None:
    for number, split in enumerate(SPLITS):
        ids = PunkDataset(built_root, split=split).punk_ids  # type: ignore[arg-type]
        assert ids.tolist() == np.flatnonzero(load_published_split()[:60] == number).tolist()
    assert PunkDataset(built_root, split="all").punk_ids.tolist() == list(range(60))


def test_split_scheme_by_id_puts_low_ids_into_train(built_root: Path) -> None:
    assert len(PunkDataset(built_root, split="train", split_scheme="by_id")) == 60
    assert len(PunkDataset(built_root, split="test", split_scheme="by_id")) == 0


@pytest.mark.parametrize(
    ("target", "shape", "dtype", "classes"),
    [
        ("labels", (92,), torch.float32, LABELS),
        ("type", (), torch.int64, TYPES),
        ("accessories", (87,), torch.float32, ACCESSORIES),
    ],
)
def test_target_determines_shape_dtype_and_classes(
    built_root: Path, target: str, shape: tuple[int, ...], dtype: torch.dtype, classes: object
) -> None:
    data = PunkDataset(built_root, target=target)  # type: ignore[arg-type]
    assert (data[0][1].shape, data[0][1].dtype) == (shape, dtype)
    assert data.classes == classes
    assert data.class_to_idx[data.classes[1]] == 1


def test_transforms_get_a_pil_image_and_the_target(built_root: Path) -> None:
    data = PunkDataset(
        built_root, target="type", transform=lambda image: image, target_transform=int
    )
    image, punk_type = data[0]
    assert isinstance(image, Image.Image)
    assert (image.mode, image.size) == ("RGBA", (24, 24))
    assert isinstance(punk_type, int)


def test_repr_names_snapshot_split_and_target(built_root: Path) -> None:
    shown = repr(PunkDataset(built_root, split="all", target="type"))
    for text in ("60 punks", open_snapshot(built_root).version, "all (default)", "type, 5 classes"):
        assert text in shown


def test_repr_says_what_the_transforms_get(built_root: Path) -> None:
    assert "Image: 4x24x24 RGBA\n" in repr(PunkDataset(built_root))
    changed = repr(PunkDataset(built_root, transform=np.asarray, target_transform=sum))
    assert f"Image: PIL 24x24 RGBA, then {np.asarray}" in changed
    assert f"Target: labels, 92 classes, then {sum}" in changed


@pytest.mark.parametrize("download", [False, True])
def test_root_must_be_a_folder(tmp_path: Path, download: bool) -> None:
    file = tmp_path / "zombie.png"
    file.touch()
    with pytest.raises(UsageError, match=r"zombie.png' is a file, not a folder with a data set"):
        PunkDataset(file, download=download)
    with pytest.raises(UsageError, match="the data root is a path or a URL, not int"):
        PunkDataset(5, download=download)  # type: ignore[arg-type]


def test_a_missing_root_suggests_a_command_and_python(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="punkdata fetch .*, or in Python with: PunkData"):
        PunkDataset(tmp_path / "nowhere")


def test_items_are_copies_at_integer_indices(
    built_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(built_root))
    data = PunkDataset(split="val")
    assert open_snapshot() == open_snapshot(built_root)
    for tensor in data[0]:
        tensor[:] = 7
    assert all(tensor.max() <= 1 for tensor in data[0])
    assert len(list(data)) == len(data)  # type: ignore[call-overload]
    assert torch.equal(data[-1][1], data[len(data) - 1][1])
    for wrong in (len(data), -len(data) - 1):
        for get in (data.__getitem__, data.image):
            with pytest.raises(IndexError, match=f"index {wrong} is out of range for a split of"):
                get(wrong)
    for index in (slice(0, 2), [0, 1], None, 0.5):
        with pytest.raises(TypeError, match=r"must be an integer, not .*; for several punks use"):
            data[index]  # type: ignore[index]


def test_as_tensors_returns_the_data_and_targets_of_the_full_split(built_root: Path) -> None:
    data = PunkDataset(built_root, split="val")
    images, labels = data.as_tensors()
    assert (images.shape, images.dtype) == ((len(data), 4, 24, 24), torch.uint8)
    assert (labels.shape, labels.dtype) == ((len(data), 92), torch.float32)
    assert torch.equal(images[1].float() / 255, data[1][0])
    types = PunkDataset(built_root, split="val", target="type")
    assert types.as_tensors()[0] is types.data
    assert types.as_tensors()[1] is types.targets
    assert torch.equal(types.targets, torch.stack([target for _, target in types]))  # type: ignore[attr-defined]
    assert torch.equal(types.labels, labels)


def test_replaced_data_and_targets_determine_the_items(built_root: Path) -> None:
    data = PunkDataset(built_root, split="all")
    females = data.targets[:, LABELS.index("Female")] > 0
    data.data, data.targets = data.data[females], data.targets[females]
    assert 0 < len(data) < 60
    assert all(labels[LABELS.index("Female")] == 1 for _, labels in data)  # type: ignore[attr-defined]
    assert sum(len(images) for images, _ in data.batches(8)) == len(data)


def test_empty_split_has_no_batches_and_no_montage(built_root: Path) -> None:
    data = PunkDataset(built_root, split="test", split_scheme="by_id")
    images, labels = data.as_tensors()
    assert (images.shape, labels.shape) == ((0, 4, 24, 24), (0, 92))
    assert list(data.batches()) == []
    with pytest.raises(UsageError, match="the split test .by_id. has no image to show"):
        data.montage()
    assert "0 punks" in data._repr_html_()


def test_dataset_can_be_pickled(built_root: Path) -> None:
    data = PunkDataset(built_root, split="val")
    copy = pickle.loads(pickle.dumps(data))
    assert repr(copy) == repr(data)
    assert torch.equal(copy[2][0], data[2][0])


@pytest.mark.parametrize(
    "context", [name for name in ("fork", "spawn") if name in get_all_start_methods()]
)
@pytest.mark.filterwarnings("ignore:This process")  # Python warns about forking with threads
def test_loader_workers_load_every_punk_once(built_root: Path, context: str) -> None:
    data = PunkDataset(built_root, split="all", target="type")
    loader = DataLoader(data, batch_size=16, num_workers=2, multiprocessing_context=context)
    types = torch.cat([types for _, types in loader])
    assert types.tolist() == [data[i][1].item() for i in range(60)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "validaton"}, "split must be one of .*, all, not .*; did you mean 'validation'"),
        ({"split": "training"}, "split must be one of .*; did you mean 'train'"),
        ({"split_scheme": "fold-6"}, "split_scheme must be one of .*; did you mean 'fold-5'"),
        ({"split": "Train"}, "one of .*val, validation, test, all, not .*; did you mean 'train"),
        ({"transform": 3}, "transform must be a function, not 3"),
        ({"target_transform": "int"}, "target_transform must be a function, not 'int'"),
        ({"target": "prices"}, "target must be one of .*, price, not 'prices'"),
        ({"scale": 0}, "scale must be a positive integer, not 0"),
        ({"scale": 1.5}, "scale must be a positive integer, not 1.5"),
        ({"background": None}, "None is not a color"),
        ({"background": "reddish"}, "'reddish' is not a color; write it as #638596"),
        ({"background": (0, 0, 256)}, "is not a color"),
    ],
)
def test_invalid_argument_is_a_value_error_with_a_hint(
    built_root: Path, wrong: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        PunkDataset(built_root, **wrong)  # type: ignore[arg-type]
    assert isinstance(caught.value, UsageError)


def test_arguments_after_the_root_are_keyword_only(built_root: Path) -> None:
    with pytest.raises(TypeError, match="positional"):
        PunkDataset(built_root, "train")  # type: ignore[misc]


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_synonyms_select_the_validation_split(built_root: Path, name: str) -> None:
    data = PunkDataset(built_root, split=name)  # type: ignore[arg-type]
    assert data.split == "val"
    assert (data.punk_ids == PunkDataset(built_root, split="val").punk_ids).all()


def test_folds_are_disjoint_and_cover_all_punks(built_root: Path) -> None:
    test_ids: list[int] = []
    for fold in ("fold-1", "fold-2", "fold-3", "fold-4", "fold-5"):
        train, val, test = (
            PunkDataset(built_root, split=split, split_scheme=fold).punk_ids.tolist()  # type: ignore[arg-type]
            for split in SPLITS
        )
        assert (len(train), len(val), len(test)) == (42, 6, 12)
        assert sorted(train + val + test) == list(range(60))
        test_ids += test
    assert sorted(test_ids) == list(range(60))
    assert len(PunkDataset(built_root, split="all", split_scheme="fold-1")) == 60


def test_schema_1_is_readable_but_has_no_hidden_accessories(schema1_root: Path) -> None:
    punks = PunkDataset(schema1_root, split="all")
    assert "hidden_accessories" not in punks.to_pandas().columns
    with pytest.raises(UsageError, match="does not list hidden accessories"):
        PunkDataset(schema1_root, visible_only=True)


def test_visible_only_clears_the_labels_of_hidden_accessories(
    snapshot_with_hidden: Snapshot,
) -> None:
    full = PunkDataset(snapshot_with_hidden.path, split="all")
    visible = PunkDataset(snapshot_with_hidden.path, split="all", visible_only=True)
    assert full.hidden is not None
    assert full.hidden.any()
    cleared = (full.as_tensors()[1] - visible.as_tensors()[1]).bool()
    assert (cleared == full.hidden).all()
    for punk_id, names in visible.to_pandas().hidden_accessories.items():
        row = visible.punk_ids.tolist().index(punk_id)
        assert [LABELS[i] for i in np.flatnonzero(full.hidden[row])] == list(names)


@pytest.mark.parametrize("target", ["labels", "type", "accessories"])
def test_unshuffled_batches_are_the_items_in_order(target: str, built_root: Path) -> None:
    train = PunkDataset(built_root, split="train", target=target)  # type: ignore[arg-type]
    images, targets = zip(*train.batches(7, shuffle=False), strict=True)
    assert [len(batch) for batch in images[:-1]] == [7] * (len(images) - 1)
    for i, (image, value) in enumerate(zip(torch.cat(images), torch.cat(targets), strict=True)):
        assert torch.equal(image, train[i][0])
        assert torch.equal(value, train[i][1])
        assert value.dtype == train[i][1].dtype


def test_shuffled_batches_contain_every_punk_and_depend_on_the_seed(built_root: Path) -> None:
    train = PunkDataset(built_root, split="train")

    def epoch(seed: int | None) -> torch.Tensor:
        return torch.cat([images for images, _ in train.batches(16, seed=seed)])

    in_order = torch.cat([images for images, _ in train.batches(16, shuffle=False)])
    first, again, other = epoch(1), epoch(1), epoch(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(epoch(None), epoch(None))
    key = in_order.flatten(1).sum(1).sort().values
    assert torch.allclose(first.flatten(1).sum(1).sort().values, key)
    with pytest.raises(UsageError, match="batch_size must be a positive integer, not 0"):
        train.batches(0)

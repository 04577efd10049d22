from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from punkdata import PunkDataset
from punkmodels.data.splits import load_split


def test_a_part_is_that_of_the_snapshot(built_root: Path) -> None:
    part = load_split(built_root, "latest", "by_id", "train")
    data = PunkDataset(built_root, split="train", split_scheme="by_id")
    assert (part.punk_ids == data.punk_ids).all()
    assert torch.equal(part.labels, data.as_tensors()[1])
    assert (part.images.dtype, part.images.shape) == (torch.uint8, (60, 24, 24))


def test_each_punk_is_tested_in_one_fold_and_never_trained_on_there(built_root: Path) -> None:
    tested: list[int] = []
    for fold in range(1, 6):
        ids = {
            name: set(load_split(built_root, "latest", f"fold-{fold}", name).punk_ids.tolist())
            for name in ("train", "val", "test")
        }
        assert sum(map(len, ids.values())) == len(set.union(*ids.values())) == 60
        assert (len(ids["test"]), len(ids["val"])) == (12, 6)
        tested += ids["test"]
    assert sorted(tested) == list(range(60))


def test_a_snapshot_of_schema_1_shows_all_its_labels(old_root: Path) -> None:
    part = load_split(old_root, "latest", "default", "val")
    assert torch.equal(part.labels, part.visible)
    assert np.isin(part.punk_ids, range(60)).all()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from punkdata import PunkDataset
from punkmodels.data.splits import load_split, sampling_weights


def test_load_split_matches_the_snapshot(built_root: Path) -> None:
    split = load_split(built_root, "latest", "by_id", "train")
    data = PunkDataset(built_root, split="train", split_scheme="by_id")
    assert (split.punk_ids == data.punk_ids).all()
    assert torch.equal(split.labels, data.as_tensors()[1])
    assert (split.images.dtype, split.images.shape) == (torch.uint8, (60, 24, 24))


def test_each_punk_is_in_the_test_split_of_one_fold(built_root: Path) -> None:
    test_ids: list[int] = []
    for fold in range(1, 6):
        ids = {
            name: set(load_split(built_root, "latest", f"fold-{fold}", name).punk_ids.tolist())
            for name in ("train", "val", "test")
        }
        assert sum(map(len, ids.values())) == len(set.union(*ids.values())) == 60
        assert (len(ids["test"]), len(ids["val"])) == (12, 6)
        test_ids += ids["test"]
    assert sorted(test_ids) == list(range(60))


def test_load_split_of_schema_1_has_no_hidden_labels(schema1_root: Path) -> None:
    split = load_split(schema1_root, "latest", "default", "val")
    assert torch.equal(split.labels, split.visible)
    assert not split.has_hidden_labels
    assert np.isin(split.punk_ids, range(60)).all()


def test_balanced_weights_give_each_label_the_same_total() -> None:
    labels = torch.zeros(100, 2)
    labels[:4, 0] = 1
    labels[4:, 1] = 1
    weights = sampling_weights(labels, class_balance=1.0)
    assert weights.sum() == pytest.approx(1)
    assert weights @ labels[:, 0] == pytest.approx(0.5)
    assert sampling_weights(labels, class_balance=0.0) == pytest.approx(torch.full((100,), 0.01))


def test_sampling_weights_are_finite_for_a_label_without_support() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert sampling_weights(labels, 0.5).isfinite().all()

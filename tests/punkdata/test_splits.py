from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest

from punkdata.splits import (
    SPLITS,
    assign_by_id,
    assign_folds,
    assign_splits,
    load_published_split,
    stratify,
)


def random_labels(n: int, seed: int = 0) -> np.ndarray:
    """Return labels whose frequencies differ as widely as those of punks, uint8 (n, 20)."""
    rng = np.random.default_rng(seed)
    frequencies = np.geomspace(0.5, 10 / n, 20)
    return (rng.random((n, 20)) < frequencies).astype(np.uint8)


def test_published_split_never_changes() -> None:
    text = resources.files("punkdata").joinpath("data/split.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == (
        "9f48a07a6b1c1dc56947dfadaeaed6e4426955fb652191c74b9a575a4a461ce2"
    )
    assert np.bincount(load_published_split()).tolist() == [8000, 1000, 1000]


def test_stratify_splits_each_label_80_10_10_and_puts_rare_ones_into_every_split() -> None:
    labels = random_labels(2000)
    splits = stratify(np.arange(2000), labels)
    assert np.bincount(splits).tolist() == [1600, 200, 200]
    support = labels.sum(axis=0)
    for split in range(3):
        counts = labels[splits == split].sum(axis=0)
        assert (counts[support >= 5] >= 1).all()
        assert split == 0 or np.abs(counts - support / 10).max() <= 2


def test_stratify_is_independent_of_the_input_order() -> None:
    labels = random_labels(500)
    shuffled = np.random.default_rng(1).permutation(500)
    in_order = stratify(np.arange(500), labels)
    assert (stratify(shuffled, labels[shuffled]) == in_order[shuffled]).all()


def test_assign_splits_uses_the_published_split_for_a_subset() -> None:
    ids = np.array([0, 17, 9999], np.int32)
    assert assign_splits(ids, random_labels(3)).tolist() == load_published_split()[ids].tolist()


def test_assign_splits_stratifies_other_ids() -> None:
    ids = np.arange(20_000, 20_500, dtype=np.int32)
    labels = random_labels(500)
    assert (assign_splits(ids, labels) == stratify(ids, labels)).all()


@pytest.mark.parametrize("n", [0, 1, 3, 9, 10, 11])
def test_stratify_assigns_all_of_a_few_punks(n: int) -> None:
    splits = stratify(np.arange(n), np.ones((n, 2), np.uint8))
    assert np.bincount(splits, minlength=3).tolist() == [n - 2 * (n // 10), n // 10, n // 10]


def test_assign_by_id_splits_at_8000_and_9000() -> None:
    ids = np.array([0, 7999, 8000, 8999, 9000, 9999], np.int32)
    assert [SPLITS[i] for i in assign_by_id(ids)] == ["train"] * 2 + ["val"] * 2 + ["test"] * 2


def test_assign_folds_spreads_every_label_evenly() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((403, 6)) < (0.02, 0.05, 0.1, 0.3, 0.5, 0.9)).astype(np.uint8)
    folds = assign_folds(np.arange(403), labels)
    sizes = np.bincount(folds, minlength=10)
    assert sizes.sum() == 403
    assert sizes.max() <= 41
    for label in range(6):
        counts = np.bincount(folds[labels[:, label] > 0], minlength=10)
        assert counts.max() - counts.min() <= 8
    rare = np.bincount(folds[labels[:, labels.sum(axis=0).argmin()] > 0], minlength=10)
    assert rare.max() - rare.min() <= 1
    shuffled = rng.permutation(403)
    assert (assign_folds(shuffled, labels[shuffled]) == folds[shuffled]).all()

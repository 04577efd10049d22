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
    published_split,
    stratify,
)


def random_labels(n: int, seed: int = 0) -> np.ndarray:
    """Labels of very different frequency, as punks have."""
    rng = np.random.default_rng(seed)
    shares = np.geomspace(0.5, 10 / n, 20)
    return (rng.random((n, 20)) < shares).astype(np.uint8)


def test_the_published_assignment_never_changes() -> None:
    text = resources.files("punkdata").joinpath("data/split.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == (
        "9f48a07a6b1c1dc56947dfadaeaed6e4426955fb652191c74b9a575a4a461ce2"
    )
    assert np.bincount(published_split()).tolist() == [8000, 1000, 1000]


def test_every_label_with_five_punks_stands_in_each_part() -> None:
    labels = random_labels(2000)
    parts = stratify(np.arange(2000), labels)
    for part in range(3):
        held = labels[parts == part].sum(axis=0)
        assert (held[labels.sum(axis=0) >= 5] >= 1).all()


def test_labels_are_spread_80_10_10_to_within_two_punks() -> None:
    labels = random_labels(2000)
    parts = stratify(np.arange(2000), labels)
    assert np.bincount(parts).tolist() == [1600, 200, 200]
    for part in (1, 2):
        held = labels[parts == part].sum(axis=0)
        assert np.abs(held - labels.sum(axis=0) / 10).max() <= 2


def test_the_order_of_the_input_does_not_decide() -> None:
    labels = random_labels(500)
    shuffled = np.random.default_rng(1).permutation(500)
    straight = stratify(np.arange(500), labels)
    assert (stratify(shuffled, labels[shuffled]) == straight[shuffled]).all()


def test_a_small_set_of_cryptopunks_keeps_the_published_parts() -> None:
    ids = np.array([0, 17, 9999], np.int32)
    assert assign_splits(ids, random_labels(3)).tolist() == published_split()[ids].tolist()


def test_other_ids_are_stratified_afresh() -> None:
    ids = np.arange(20_000, 20_500, dtype=np.int32)
    labels = random_labels(500)
    assert (assign_splits(ids, labels) == stratify(ids, labels)).all()


@pytest.mark.parametrize("n", [0, 1, 3, 9, 10, 11])
def test_few_punks_are_all_assigned_and_training_gets_the_rest(n: int) -> None:
    parts = stratify(np.arange(n), np.ones((n, 2), np.uint8))
    assert np.bincount(parts, minlength=3).tolist() == [n - 2 * (n // 10), n // 10, n // 10]


def test_split_by_id_cuts_at_8000_and_9000() -> None:
    ids = np.array([0, 7999, 8000, 8999, 9000, 9999], np.int32)
    assert [SPLITS[i] for i in assign_by_id(ids)] == ["train"] * 2 + ["val"] * 2 + ["test"] * 2


def test_ten_parts_are_equal_and_spread_every_label() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((403, 6)) < (0.02, 0.05, 0.1, 0.3, 0.5, 0.9)).astype(np.uint8)
    parts = assign_folds(np.arange(403), labels)
    sizes = np.bincount(parts, minlength=10)
    assert sizes.sum() == 403
    assert sizes.max() <= 41
    for label in range(6):
        counts = np.bincount(parts[labels[:, label] > 0], minlength=10)
        assert counts.max() - counts.min() <= 8
    rare = np.bincount(parts[labels[:, labels.sum(axis=0).argmin()] > 0], minlength=10)
    assert rare.max() - rare.min() <= 1
    shuffled = rng.permutation(403)
    assert (assign_folds(shuffled, labels[shuffled]) == parts[shuffled]).all()

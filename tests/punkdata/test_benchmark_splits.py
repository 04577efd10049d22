from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from punkdata import LABELS, PunkDataset
from punkdata.benchmark_splits import (
    BENCHMARK_SCHEMES,
    FEW_SHOTS,
    SPLITS_FILE,
    assign_benchmark_split,
    few_shot_accessories,
    held_out_pairs,
)
from punkdata.splits import SPLITS, load_published_split

TRAIN, VAL, TEST = range(len(SPLITS))


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """Random labels of as many punks as there are CryptoPunks; rare accessories are rare."""
    labels = np.random.default_rng(0).random((10_000, len(LABELS))) < 0.1
    return labels.astype(np.uint8)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.arange(10_000, dtype=np.int32)


def test_the_lists_are_fixed() -> None:
    digest = hashlib.sha256(SPLITS_FILE.read_bytes()).hexdigest()
    assert digest == "a15bac8a757ae914ea7c99ea18598cb79ba90bd5c00a160ddaf750b076663144"
    assert len(held_out_pairs()) == 79
    assert len(few_shot_accessories()) == 10


def test_no_training_or_validation_punk_has_a_held_out_pair(
    ids: np.ndarray, labels: np.ndarray
) -> None:
    splits = assign_benchmark_split(ids, labels, "compositional")
    has_pair = np.zeros(len(ids), bool)
    for pair in held_out_pairs():
        has_pair |= labels[:, [LABELS.index(name) for name in pair]].all(axis=1)
    assert (has_pair == (splits == TEST)).all()
    assert (splits[~has_pair & (load_published_split() == VAL)] == VAL).all()
    assert (splits[~has_pair & (load_published_split() != VAL)] == TRAIN).all()


@pytest.mark.parametrize("count", FEW_SHOTS)
def test_rare_accessories_keep_few_training_punks(
    count: int, ids: np.ndarray, labels: np.ndarray
) -> None:
    splits = assign_benchmark_split(ids, labels, f"few-{count}")
    has_rare = labels[:, [LABELS.index(name) for name in few_shot_accessories()]].any(axis=1)
    num_kept = (has_rare & (splits == TRAIN)).sum()
    assert 0 < num_kept <= count * len(few_shot_accessories())
    default = load_published_split()
    is_moved = splits != default
    assert (default[is_moved] == TRAIN).all()
    assert (splits[is_moved] == TEST).all()
    assert has_rare[is_moved].all()


def test_fewer_training_punks_are_a_subset_of_more(ids: np.ndarray, labels: np.ndarray) -> None:
    train = [assign_benchmark_split(ids, labels, f"few-{n}") == TRAIN for n in FEW_SHOTS]
    for fewer, more in itertools.pairwise(train):
        assert (fewer <= more).all()
        assert more.sum() > fewer.sum()


@pytest.mark.parametrize("scheme", BENCHMARK_SCHEMES)
def test_a_part_of_the_collection_has_the_same_splits(
    scheme: str, ids: np.ndarray, labels: np.ndarray
) -> None:
    part = np.random.default_rng(1).permutation(len(ids))[:500]
    whole = assign_benchmark_split(ids, labels, scheme)
    assert (assign_benchmark_split(ids[part], labels[part], scheme) == whole[part]).all()


@pytest.mark.parametrize("scheme", BENCHMARK_SCHEMES)
def test_data_sets_have_these_splits(built_root: Path, scheme: str) -> None:
    found = [PunkDataset(built_root, split=s, split_scheme=scheme) for s in SPLITS]  # type: ignore[arg-type]
    assert sorted(punk_id for data in found for punk_id in data.punk_ids.tolist()) == [*range(60)]

"""Assignment of punks to the splits train, val and test.

There are four kinds of split schemes. The first two are columns of every snapshot:

- `split` ("default"): 80/10/10, stratified over all 92 labels. `stratify` produced the assignment
  of the 10,000 CryptoPunks in `data/split.txt`, one character per punk, which never changes.
- `split_by_id` ("by_id"): the first 8,000 ids, the next 1,000 and the last 1,000, the split of a
  public Keras script (see docs/reference/citing.md). It has no Alien in validation or test.
- "fold-1" to "fold-5": five-fold cross-validation, which `assign_cross_validation` computes.
- "compositional" and "few-5" to "few-20": see `punkdata.benchmark_splits`.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from punkdata.arguments import choice_error
from punkdata.split_names import Split, SplitScheme

SPLITS: tuple[str, ...] = ("train", "val", "test")
SPLIT_COLUMNS: dict[str, str] = {"default": "split", "by_id": "split_by_id"}
"""Column of the punks table by split scheme, for the schemes that are columns."""
SPLIT_SCHEMES: tuple[str, ...] = get_args(SplitScheme)
"""Names of all split schemes."""
_SYNONYMS = {"valid": "val", "validation": "val"}

MIN_SUPPORT = 5
"""Smallest support (number of punks) at which a label is guaranteed to occur in every split."""
_NUM_FOLDS = 10
_TENTHS = np.array([8, 1, 1])
"""Size of each split in tenths."""


def check_split(split: str) -> Split:
    """Return the name of a split, or "all"; "valid" and "validation" become "val".

    Raises UsageError if there is no such split.
    """
    if not isinstance(split, str) or split not in get_args(Split):
        choices = ("train", "val", "validation", "test", "all")
        raise choice_error("split", split, choices, extra=["valid"])
    return cast("Split", _SYNONYMS.get(split, split))


def check_split_scheme(scheme: str) -> str:
    """Return the name of a split scheme; raise UsageError if there is no such scheme."""
    if scheme not in SPLIT_SCHEMES:
        raise choice_error("split_scheme", scheme, SPLIT_SCHEMES)
    return scheme


@cache
def load_published_split() -> NDArray[np.int8]:
    """Return the split of each CryptoPunk as indices into `SPLITS`, int8 (10000,)."""
    text = resources.files("punkdata").joinpath("data/split.txt").read_text("ascii").strip()
    return np.frombuffer(text.encode(), np.int8) - ord("0")


def assign_by_id(punk_ids: NDArray[np.int32]) -> NDArray[np.int8]:
    """Return indices into `SPLITS`, int8 (N,): 0 below id 8000, 1 below 9000, else 2."""
    return np.digitize(punk_ids, (8000, 9000)).astype(np.int8)


def assign_splits(punk_ids: NDArray[np.int32], labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the split of each punk in the default scheme as indices into `SPLITS`, int8 (N,).

    Subsets of the CryptoPunks use the published assignment, so that no punk ever moves from test
    to train. Punks with other ids are stratified. `labels` are vectors of 0 and 1, (N, L).
    """
    published = load_published_split()
    if punk_ids.min(initial=0) >= 0 and punk_ids.max(initial=0) < len(published):
        return published[punk_ids]
    return stratify(punk_ids, labels)


def stratify(punk_ids: Iterable[int], labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Split N distinct punks 80/10/10 so that each label is split 80/10/10 as well.

    Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
    Multi-Label Data" (2011): take the punks with the rarest remaining label first, and give each
    to the split with the greatest demand for its labels. Four things differ from the paper:

    - The demand of a split is its shortage of all labels of the punk, relative to the size of the
      split, which balances common labels as well as rare ones.
    - A split that is full gets no more punks, so the sizes are exact.
    - Validation and test each get at least one punk with every label that `MIN_SUPPORT` punks have.
    - Punks are taken in the order of the SHA-256 of their id. As all sums are integers, the result
      is the same on every machine, for any order of the input.

    Returns indices into `SPLITS`, int8 (N,), for labels (N, L).
    """
    order = _hash_order(punk_ids)
    label_ids = [np.flatnonzero(row) for row in labels]
    remaining = labels.sum(axis=0, dtype=np.int64)
    held_out = len(order) // 10
    capacity = np.array([len(order) - 2 * held_out, held_out, held_out])
    # The number of punks with each label that each split should get, (3, L), in tenths of a punk.
    demand = np.outer(_TENTHS, remaining)
    shortage = np.maximum(10 - demand[1:], 0) * (remaining >= MIN_SUPPORT)
    demand[1:] += shortage
    demand[0] -= shortage.sum(axis=0)
    splits = np.full(len(order), -1, np.int8)
    while (remaining > 0).any():
        rarest = int(np.where(remaining > 0, remaining, np.iinfo(np.int64).max).argmin())
        for i in order:
            if splits[i] < 0 and labels[i, rarest]:
                splits[i] = _place(label_ids[i], capacity, demand)
                remaining[label_ids[i]] -= 1
    for i in order:  # punks without any label
        if splits[i] < 0:
            splits[i] = _place(label_ids[i], capacity, demand)
    return splits


def _place(
    label_ids: NDArray[np.int64], capacity: NDArray[np.int64], demand: NDArray[np.int64]
) -> int:
    """Return the split with the greatest demand, then capacity, both relative to its size.

    Updates the demand (3, L) and the capacity (3,) for a punk with these labels.
    """
    # Multiplying by these weights divides by the size of a split while staying in integers.
    weights = _TENTHS.max() // _TENTHS
    priority = demand[:, label_ids].sum(axis=1) * weights
    split: int = max(
        np.flatnonzero(capacity).tolist(), key=lambda s: (priority[s], capacity[s] * weights[s])
    )
    capacity[split] -= 1
    demand[split, label_ids] -= 10
    return split


def assign_folds(punk_ids: Iterable[int], labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the fold of each punk for cross-validation, 0 to 9, int8 (N,); see `stratify`.

    Labels are taken from the rarest to the most common. Each punk with the label goes to the fold
    that has the fewest punks with this label, then the fewest punks. No fold has more than N / 10
    punks, rounded up.
    """
    order = _hash_order(punk_ids)
    folds = np.full(len(order), -1, np.int8)
    capacity = [-(-len(order) // _NUM_FOLDS)] * _NUM_FOLDS
    support = labels.sum(axis=0, dtype=np.int64)
    # The final None stands for the punks without any label.
    for label in [*np.argsort(support, kind="stable").tolist(), None]:
        has_label = np.ones(len(order), bool) if label is None else labels[:, label] > 0
        assigned = folds[has_label & (folds >= 0)]
        counts = np.bincount(assigned, minlength=_NUM_FOLDS).tolist()
        for i in order:
            if folds[i] < 0 and has_label[i]:
                free = [fold for fold in range(_NUM_FOLDS) if capacity[fold]]
                fold = min(free, key=lambda f: (counts[f], -capacity[f]))
                folds[i] = fold
                counts[fold] += 1
                capacity[fold] -= 1
    return folds


def assign_cross_validation(
    punk_ids: NDArray[np.int32], labels: NDArray[np.uint8], scheme: str
) -> NDArray[np.int8]:
    """Return the split of each punk in a scheme "fold-k", as indices into `SPLITS`, int8 (N,).

    The test split of fold k is the k-th fifth of the punks, its validation split is the first half
    of the next fifth, and its training split is the rest.
    """
    # The folds of `assign_folds` are tenths; two of them make a fifth.
    tenths = assign_folds(punk_ids, labels)
    first = 2 * (int(scheme.removeprefix("fold-")) - 1)
    splits = np.zeros(len(tenths), np.int8)
    splits[tenths == (first + 2) % _NUM_FOLDS] = SPLITS.index("val")
    splits[np.isin(tenths, (first, first + 1))] = SPLITS.index("test")
    return splits


def _hash_order(punk_ids: Iterable[int]) -> list[int]:
    """Return the positions of the ids, sorted by the SHA-256 of the id."""
    digests = [hashlib.sha256(str(int(punk_id)).encode()).digest() for punk_id in punk_ids]
    return sorted(range(len(digests)), key=digests.__getitem__)

"""Assignment of punks to the splits train, val and test.

Every snapshot has two split schemes:

- `split` ("default"): 80/10/10, stratified over all 92 labels. The assignment of the 10,000
  CryptoPunks is stored in `data/split.txt`, one character per punk (0 train, 1 val, 2 test), and
  never changes. `stratify` is the algorithm that produced it.
- `split_by_id` ("by_id"): the first 8,000 ids, the next 1,000 and the last 1,000, for comparison
  with earlier work. It has no Alien in validation or test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

SPLITS: tuple[str, ...] = ("train", "val", "test")
SPLIT_COLUMNS: dict[str, str] = {"default": "split", "by_id": "split_by_id"}
"""Column of the punks table by split scheme."""

SPLIT_TENTHS: tuple[int, ...] = (8, 1, 1)
"""Size of each split in tenths."""
MIN_SUPPORT = 5
"""Smallest support (number of punks) at which a label is guaranteed to occur in every split."""
NUM_FOLDS = 10
"""Number of folds for cross-validation."""
# Multiplying by these weights divides by the size of a split while staying in integers.
_WEIGHTS = tuple(max(SPLIT_TENTHS) // tenths for tenths in SPLIT_TENTHS)


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
    to train. Punks with other ids are stratified.

    Args:
        punk_ids: N distinct ids.
        labels: Label vectors of 0 and 1, (N, L).
    """
    published = load_published_split()
    if punk_ids.min(initial=0) >= 0 and punk_ids.max(initial=0) < len(published):
        return published[punk_ids]
    return stratify(punk_ids, labels)


def stratify(
    punk_ids: Sequence[int] | NDArray[np.int32], labels: NDArray[np.uint8]
) -> NDArray[np.int8]:
    """Split punks 80/10/10 so that each label is split 80/10/10 as well.

    Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
    Multi-Label Data" (2011): take the punks with the rarest remaining label first, and give each
    to the split with the greatest demand for its labels. Four things differ from the paper:

    - The demand of a split is its shortage of all labels of the punk, relative to the size of the
      split. This balances common labels as well as rare ones: in the published split, validation
      and test deviate by at most two punks from the exact share of each label.
    - A split that is full gets no more punks, so the sizes are exact.
    - Validation and test each get at least one punk with every label whose support is at least
      `MIN_SUPPORT`. Rounding alone could leave them without one.
    - Punks are taken in the order of the SHA-256 of their id, so the result depends neither on a
      random generator nor on the order of the input.

    All sums are integers, so the result is the same on every machine.

    Args:
        punk_ids: N distinct ids.
        labels: Label vectors of 0 and 1, (N, L).

    Returns:
        Indices into `SPLITS`, int8 (N,).
    """
    order = _hash_order(punk_ids)
    label_ids = [np.flatnonzero(row).tolist() for row in labels]
    remaining = labels.sum(axis=0, dtype=np.int64)
    state = _SplitState(_split_sizes(len(order)), _initial_demand(remaining))
    splits = np.full(len(order), -1, np.int8)
    while (remaining > 0).any():
        rarest = int(np.where(remaining > 0, remaining, np.iinfo(np.int64).max).argmin())
        for i in order:
            if splits[i] < 0 and labels[i, rarest]:
                splits[i] = state.place(label_ids[i])
                remaining[label_ids[i]] -= 1
    for i in order:  # punks without any label
        if splits[i] < 0:
            splits[i] = state.place([])
    return splits


@dataclass
class _SplitState:
    """Remaining capacity and demand of each split while punks are assigned."""

    capacity: list[int]
    """Number of punks that each split can still get."""
    demand: list[list[int]]
    """Number of punks with each label that each split should still get, in tenths of a punk."""

    def place(self, label_ids: list[int]) -> int:
        """Assign one punk to the split with the greatest demand, then the greatest capacity.

        Args:
            label_ids: Indices of the punk's labels.

        Returns:
            Index of the split.
        """
        split = max(
            (s for s in range(len(SPLITS)) if self.capacity[s]),
            key=lambda s: (
                sum(self.demand[s][label] for label in label_ids) * _WEIGHTS[s],
                self.capacity[s] * _WEIGHTS[s],
            ),
        )
        self.capacity[split] -= 1
        for label in label_ids:
            self.demand[split][label] -= 10
        return split


def assign_folds(
    punk_ids: Sequence[int] | NDArray[np.int32], labels: NDArray[np.uint8]
) -> NDArray[np.int8]:
    """Assign punks to 10 folds for cross-validation, with each label spread evenly over them.

    Labels are taken from the rarest to the most common. Each punk with the label goes to the fold
    that has the fewest punks with this label, then the fewest punks. Punks are taken in the order
    of the SHA-256 of their id, as in `stratify`.

    Args:
        punk_ids: N distinct ids.
        labels: Label vectors of 0 and 1, (N, L).

    Returns:
        Fold of each punk, 0 to 9, int8 (N,). No fold has more than N / 10 punks, rounded up.
    """
    order = _hash_order(punk_ids)
    folds = np.full(len(order), -1, np.int8)
    capacity = [-(-len(order) // NUM_FOLDS)] * NUM_FOLDS
    support = labels.sum(axis=0, dtype=np.int64)
    # The final None stands for the punks without any label.
    for label in [*np.argsort(support, kind="stable").tolist(), None]:
        has_label = np.ones(len(order), bool) if label is None else labels[:, label] > 0
        assigned = folds[has_label & (folds >= 0)]
        counts = np.bincount(assigned, minlength=NUM_FOLDS).tolist()
        for i in order:
            if folds[i] < 0 and has_label[i]:
                fold = min(
                    (f for f in range(NUM_FOLDS) if capacity[f]),
                    key=lambda f: (counts[f], -capacity[f]),
                )
                folds[i] = fold
                counts[fold] += 1
                capacity[fold] -= 1
    return folds


def _hash_order(punk_ids: Sequence[int] | NDArray[np.int32]) -> list[int]:
    """Return the positions of the ids, sorted by the SHA-256 of the id."""
    ids = [int(punk_id) for punk_id in punk_ids]
    return sorted(range(len(ids)), key=lambda i: hashlib.sha256(str(ids[i]).encode()).digest())


def _split_sizes(n: int) -> list[int]:
    """Return the size of each split of n punks.

    Validation and test get a tenth each, rounded down; train gets the rest.
    """
    held_out = [n * tenths // 10 for tenths in SPLIT_TENTHS[1:]]
    return [n - sum(held_out), *held_out]


def _initial_demand(support: NDArray[np.int64]) -> list[list[int]]:
    """Return how many punks with each label each split should get, in tenths of a punk.

    Args:
        support: Number of punks with each label, (L,).
    """
    demand = [[tenths * int(n) for n in support] for tenths in SPLIT_TENTHS]
    for label, n in enumerate(support):
        if n >= MIN_SUPPORT:
            for split in (1, 2):
                missing = max(10 - demand[split][label], 0)
                demand[split][label] += missing
                demand[0][label] -= missing
    return demand

"""Which punk is for training, validation or test. Pure.

Two schemes stand beside each other in every snapshot:

- `split`: 80/10/10, stratified over all 92 labels. The assignment of the 10,000 punks is
  published in `split.txt`, one character a punk (0 train, 1 val, 2 test), and never
  changes; `stratify` is the algorithm that made it.
- `split_by_id`: the first 8,000 ids, the next 1,000, the last 1,000, as earlier work had
  it. It leaves no Alien in validation or test: use it for comparison only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

SPLITS: tuple[str, ...] = ("train", "val", "test")
SPLIT_COLUMNS: dict[str, str] = {"default": "split", "by_id": "split_by_id"}
"""scheme -> the column that holds it"""

TENTHS: tuple[int, ...] = (8, 1, 1)
_PER_TENTH = tuple(max(TENTHS) // tenths for tenths in TENTHS)  # to divide by size, in integers
MIN_SUPPORT = 5
"""a label that at least so many punks carry stands in each part"""


@cache
def published_split() -> NDArray[np.int8]:
    """int8 (10000,): the index into `SPLITS` of every punk of the collection."""
    text = resources.files("punkdata").joinpath("data/split.txt").read_text("ascii").strip()
    return np.frombuffer(text.encode(), np.int8) - ord("0")


def assign_by_id(punk_ids: NDArray[np.int32]) -> NDArray[np.int8]:
    """int8 (N,): 0 below id 8000, 1 below 9000, else 2."""
    return np.digitize(punk_ids, (8000, 9000)).astype(np.int8)


def assign_splits(punk_ids: NDArray[np.int32], labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """int8 (N,): the part of each punk, published where the ids are the collection's own.

    A smaller set of CryptoPunks keeps the published assignment, so that no punk ever
    moves from test to training; any other set of ids is stratified afresh.
    """
    table = published_split()
    if punk_ids.min(initial=0) >= 0 and punk_ids.max(initial=0) < len(table):
        return table[punk_ids]
    return stratify(punk_ids, labels)


def stratify(
    punk_ids: Sequence[int] | NDArray[np.int32], labels: NDArray[np.uint8]
) -> NDArray[np.int8]:
    """Split so that every label is spread 80/10/10, and the whole exactly so.

    Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the
    Stratification of Multi-Label Data" (2011): take the punks of the rarest label first
    and give each to the part that still wants most of what it carries. Four things
    differ. A part's want is its shortage of *all* labels of the punk, relative to the
    part's size; that keeps common labels as level as rare ones: in the published split
    validation and test hold each label to within two punks of its share. A full part
    takes no more, so sizes are exact. Each small part is owed one punk of every label
    with `MIN_SUPPORT` punks, so that rounding does not leave it without. Punks come in
    the order of their id's SHA-256, so neither a random generator nor the order of the
    input decides. All sums are integers: every machine finds the same.

    Args:
        punk_ids: N distinct ids.
        labels: (N, L) of 0 and 1.

    Returns:
        int8 (N,), indices into `SPLITS`.
    """
    ids = [int(i) for i in punk_ids]
    order = sorted(range(len(ids)), key=lambda i: hashlib.sha256(str(ids[i]).encode()).digest())
    carried = [np.flatnonzero(row).tolist() for row in labels]
    support = labels.sum(axis=0, dtype=np.int64)
    room = _sizes(len(ids))
    # All wants are in tenths of a punk.
    wants = [[tenths * int(n) for n in support] for tenths in TENTHS]
    for label, n in enumerate(support):
        if n >= MIN_SUPPORT:
            for part in (1, 2):
                owed = max(10 - wants[part][label], 0)
                wants[part][label] += owed
                wants[0][label] -= owed
    left = support.copy()
    parts = np.full(len(ids), -1, np.int8)

    def place(i: int) -> None:
        part = max(
            (p for p in range(len(SPLITS)) if room[p]),
            key=lambda p: (
                sum(wants[p][label] for label in carried[i]) * _PER_TENTH[p],
                room[p] * _PER_TENTH[p],
            ),
        )
        parts[i] = part
        room[part] -= 1
        for label in carried[i]:
            wants[part][label] -= 10
            left[label] -= 1

    while (left > 0).any():
        rarest = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
        for i in order:
            if parts[i] < 0 and labels[i, rarest]:
                place(i)
    for i in order:
        if parts[i] < 0:
            place(i)
    return parts


def assign_folds(
    punk_ids: Sequence[int] | NDArray[np.int32], labels: NDArray[np.uint8]
) -> NDArray[np.int8]:
    """Ten parts for cross-validation, none larger than a tenth rounded up, with every label
    spread over them as evenly as can be.

    The punks of the rarest label come first, each to the part that has the fewest of that
    label, then the fewest punks; in the order of their id's SHA-256, as in `stratify`.

    Args:
        punk_ids: N distinct ids.
        labels: (N, L) of 0 and 1.

    Returns:
        int8 (N,), 0 to 9.
    """
    ids = [int(i) for i in punk_ids]
    order = sorted(range(len(ids)), key=lambda i: hashlib.sha256(str(ids[i]).encode()).digest())
    parts, room = np.full(len(ids), -1, np.int8), [-(-len(ids) // 10)] * 10
    support = labels.sum(axis=0, dtype=np.int64)
    for label in [*np.argsort(support, kind="stable").tolist(), None]:
        wearers = np.ones(len(ids), bool) if label is None else labels[:, label] > 0
        counts = np.bincount(parts[wearers & (parts >= 0)], minlength=10).tolist()
        for i in order:
            if parts[i] < 0 and wearers[i]:
                part = min((p for p in range(10) if room[p]), key=lambda p: (counts[p], -room[p]))
                parts[i] = part
                counts[part] += 1
                room[part] -= 1
    return parts


def _sizes(n: int) -> list[int]:
    """How many of n punks each part gets: tenths rounded down, the rest to training."""
    held_out = [n * tenths // 10 for tenths in TENTHS[1:]]
    return [n - sum(held_out), *held_out]

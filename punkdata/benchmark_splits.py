"""Split schemes that are hard for a model: held-out pairs of accessories, and few examples.

- "compositional": the test split has all punks with one of 59 pairs of accessories that no other
  punk has; each of these accessories keeps at least 100 training punks.
- "few-5", "few-10" and "few-20": ten rare accessories have this many training punks each. The other
  training punks that have one of them are in the test split.

Both start from the default scheme. The pairs and punks are in `data/benchmark_splits.json`, which
never changes; docs/make_benchmark_splits.py wrote it.
"""

import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.splits import SPLITS, assign_splits
from punkdata.traits import LABELS

COMPOSITIONAL = "compositional"
FEW_SHOTS = (5, 10, 20)
"""Numbers of training punks of a rare accessory."""
BENCHMARK_SCHEMES: tuple[str, ...] = (COMPOSITIONAL, *(f"few-{count}" for count in FEW_SHOTS))
SPLITS_FILE = resources.files("punkdata").joinpath("data/benchmark_splits.json")
_TRAIN, _VAL, _TEST = range(len(SPLITS))


@cache
def _read_lists() -> Any:
    return json.loads(SPLITS_FILE.read_text("utf-8"))


def held_out_pairs() -> tuple[tuple[str, str], ...]:
    """Return the pairs of accessories that only test punks of "compositional" have."""
    return tuple((first, second) for first, second in _read_lists()["pairs"])


def few_shot_accessories() -> tuple[str, ...]:
    """Return the accessories that have few training punks in "few-5", "few-10" and "few-20"."""
    return tuple(_read_lists()["few_shots"])


def assign_benchmark_split(
    punk_ids: NDArray[np.int32], labels: NDArray[np.uint8], scheme: str
) -> NDArray[np.int8]:
    """Return the split of each punk in one of `BENCHMARK_SCHEMES`, as indices into `SPLITS`.

    `labels` are vectors of 0 and 1, (N, 92). The result is int8 (N,).
    """
    default = assign_splits(punk_ids, labels)
    if scheme == COMPOSITIONAL:
        return _hold_out_pairs(default, labels)
    return _keep_few(default, punk_ids, labels, int(scheme.removeprefix("few-")))


def _hold_out_pairs(default: NDArray[np.int8], labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    splits: NDArray[np.int8] = np.where(default == _VAL, _VAL, _TRAIN).astype(np.int8)
    for pair in held_out_pairs():
        has_pair = labels[:, [LABELS.index(name) for name in pair]].all(axis=1)
        splits[has_pair] = _TEST
    return splits


def _keep_few(
    default: NDArray[np.int8], punk_ids: NDArray[np.int32], labels: NDArray[np.uint8], count: int
) -> NDArray[np.int8]:
    few_shots: dict[str, list[int]] = _read_lists()["few_shots"]
    has_rare = labels[:, [LABELS.index(name) for name in few_shots]].any(axis=1)
    kept = [punk_id for ids in few_shots.values() for punk_id in ids[:count]]
    splits = default.copy()
    splits[has_rare & (default == _TRAIN) & ~np.isin(punk_ids, kept)] = _TEST
    return splits

"""Writes punkdata/data/benchmark_splits.json from a snapshot of all 10,000 punks.

python docs/make_benchmark_splits.py data

The file is fixed: another one is another benchmark. Pairs and punks are taken in the order of the
SHA-256 of their names and ids, so nothing about them was chosen by looking at a model.
"""

import hashlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from punkdata import PunkDataset
from punkdata.benchmark_splits import FEW_SHOTS, SPLITS_FILE
from punkdata.traits import ACCESSORIES, TYPES

MIN_TRAIN = 100  # training punks that each accessory of a held-out pair keeps
PAIR_PUNKS = (6, 40)  # number of punks with a pair, from and to
MAX_PAIRS = 3  # held-out pairs of an accessory
NUM_PUNKS = 1000  # in the test split
NUM_FEW_SHOT = 10  # accessories
MIN_FEW_SHOT = 80  # training punks of each of them


def sort_by_hash(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def choose_pairs(has: NDArray[np.bool_]) -> list[list[str]]:
    """Return pairs of accessories such that a thousand punks have one of them."""
    names = [" + ".join(pair) for pair in itertools.combinations(ACCESSORIES, 2)]
    chosen: list[list[str]] = []
    is_test, num_pairs = np.zeros(len(has), bool), dict.fromkeys(ACCESSORIES, 0)
    for pair in (name.split(" + ") for name in sort_by_hash(names)):
        columns = [ACCESSORIES.index(name) for name in pair]
        has_pair = has[:, columns].all(axis=1)
        if not PAIR_PUNKS[0] <= has_pair.sum() <= PAIR_PUNKS[1]:
            continue
        is_rest = ~(is_test | has_pair)
        used = columns + [ACCESSORIES.index(name) for other in chosen for name in other]
        # Nine of ten punks that are not tested are trained on, the others validate.
        if 0.9 * has[is_rest][:, used].sum(axis=0).min() < MIN_TRAIN:
            continue
        if max(num_pairs[name] for name in pair) < MAX_PAIRS:
            chosen.append(pair)
            is_test |= has_pair
            for name in pair:
                num_pairs[name] += 1
        if is_test.sum() >= NUM_PUNKS:
            break
    return sorted(chosen)


def choose_few_shots(train: PunkDataset) -> dict[str, list[int]]:
    """Return the ids of the most training punks that the few-shot splits keep, by accessory."""
    has = train.labels[:, len(TYPES) :].numpy() > 0
    support = has.sum(axis=0)
    rare = [i for i in np.argsort(support, kind="stable") if support[i] >= MIN_FEW_SHOT]
    rare = rare[:NUM_FEW_SHOT]
    kept = {}
    for i in rare:
        rows = np.flatnonzero(has[:, i] & (has[:, rare].sum(axis=1) == 1))
        ids = sort_by_hash([str(punk_id) for punk_id in train.punk_ids[rows]])
        kept[ACCESSORIES[i]] = [int(punk_id) for punk_id in ids[: max(FEW_SHOTS)]]
    return kept


def main(root: str = "data") -> None:
    everyone = PunkDataset(root, split="all")
    if len(everyone) != 10_000:
        sys.exit(f"{everyone.path} has {len(everyone)} punks, not all 10,000")
    has = everyone.labels[:, len(TYPES) :].numpy() > 0
    pairs, few_shots = choose_pairs(has), choose_few_shots(PunkDataset(root, split="train"))
    lines = [f"  {json.dumps(pair)}" for pair in pairs]
    rows = [f"  {json.dumps(name)}: {json.dumps(ids)}" for name, ids in few_shots.items()]
    text = '{{\n "version": 1,\n "pairs": [\n{}\n ],\n "few_shots": {{\n{}\n }}\n}}\n'
    Path(str(SPLITS_FILE)).write_text(
        text.format(",\n".join(lines), ",\n".join(rows)), "utf-8", newline="\n"
    )
    for scheme in ("compositional", *(f"few-{count}" for count in FEW_SHOTS)):
        sizes = [
            len(PunkDataset(root, split=split, split_scheme=scheme))  # type: ignore[arg-type]
            for split in ("train", "val", "test")
        ]
        print(f"{scheme}: {' / '.join(f'{size:,}' for size in sizes)} punks")
    print(f"{len(pairs)} pairs, few shots of {', '.join(few_shots)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

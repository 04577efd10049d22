from __future__ import annotations

import math
from decimal import localcontext

import numpy as np
import pytest

from punkdata.rarity import RARITY_TERMS, rarity_ranks, rarity_scores, rarity_terms
from punkdata.traits import ACCESSORIES, LABELS, TYPES, encode_labels

PUNKS = [
    ("Male", ["Earring"]),
    ("Male", ["Earring", "Pipe"]),
    ("Male", []),
    ("Zombie", ["Earring"]),
]
"""Punks whose terms are easy: 3 of 4 are male, 3 have an earring, and 2 have one accessory."""


def label_rows(punks: list[tuple[str, list[str]]] = PUNKS) -> np.ndarray:
    return np.array([encode_labels(*punk) for punk in punks])


def random_labels(n: int, seed: int = 0) -> np.ndarray:
    """Return the labels of n random punks with up to seven accessories, uint8 (n, 92)."""
    rng = np.random.default_rng(seed)
    weights = rng.lognormal(sigma=2, size=len(ACCESSORIES))
    rows = []
    for _ in range(n):
        names = rng.choice(ACCESSORIES, rng.integers(8), replace=False, p=weights / weights.sum())
        rows.append(encode_labels(rng.choice(TYPES), names.tolist()))
    return np.array(rows)


def test_terms_are_the_information_of_the_traits_that_a_punk_has() -> None:
    terms = rarity_terms(label_rows())
    common, rare, half = math.log2(4 / 3), 2.0, 1.0
    expected = [
        {"Male": common, "Earring": common, "accessory count": half},
        {"Male": common, "Earring": common, "Pipe": rare, "accessory count": rare},
        {"Male": common, "accessory count": rare},
        {"Zombie": rare, "Earring": common, "accessory count": half},
    ]
    assert terms.shape == (4, len(RARITY_TERMS)) == (4, len(LABELS) + 1)
    for row, terms_of_punk in zip(terms.tolist(), expected, strict=True):
        found = {name: bits for name, bits in zip(RARITY_TERMS, row, strict=True) if bits}
        assert found == pytest.approx(terms_of_punk)


def test_score_is_relative_to_the_mean_of_the_snapshot() -> None:
    common = math.log2(4 / 3)
    bits = np.array([2 * common + 1, 2 * common + 4, common + 2, common + 3])
    scores = rarity_scores(label_rows())
    assert scores == pytest.approx(bits / bits.mean())
    assert rarity_ranks(scores).tolist() == [4, 1, 3, 2]


def test_scores_equal_a_sum_over_values_of_random_punks() -> None:
    labels = random_labels(300)
    bits = []
    counts = labels[:, len(TYPES) :].sum(axis=1)
    for row, count in zip(labels, counts, strict=True):
        shares = [*labels.mean(axis=0)[row == 1], (counts == count).mean()]
        bits.append(-np.log2(shares).sum())
    scores = rarity_scores(labels)
    assert scores == pytest.approx(np.array(bits) / np.mean(bits), rel=1e-12)
    assert scores.mean() == pytest.approx(1)
    assert scores.min() > 0


def test_scores_do_not_depend_on_the_order_of_punks() -> None:
    labels = random_labels(500)
    order = np.random.default_rng(1).permutation(500)
    assert (rarity_scores(labels[order]) == rarity_scores(labels)[order]).all()


def test_scores_do_not_depend_on_the_precision_of_decimals() -> None:
    expected = rarity_scores(random_labels(100))
    with localcontext(prec=3):
        assert (rarity_scores(random_labels(100)) == expected).all()


def test_ranks_count_the_punks_with_a_higher_score() -> None:
    scores = np.random.default_rng(0).integers(0, 20, 100) / 7
    ranks = rarity_ranks(scores)
    assert ranks.dtype == np.int32
    assert ranks.tolist() == [1 + int((scores > score).sum()) for score in scores]


def test_scores_that_differ_by_rounding_share_a_rank() -> None:
    scores = np.array([1.5, 0.1 + 0.2, 0.3, 0.3 - 1e-9])
    assert scores[1] != scores[2]
    assert rarity_ranks(scores).tolist() == [1, 2, 2, 4]


@pytest.mark.parametrize("n", [1, 3])
def test_punks_that_are_all_alike_have_the_mean_score(n: int) -> None:
    scores = rarity_scores(label_rows([("Ape", ["Cap"])] * n))
    assert scores.tolist() == [1] * n
    assert rarity_ranks(scores).tolist() == [1] * n


def test_no_punks_have_no_scores() -> None:
    scores = rarity_scores(np.zeros((0, len(LABELS)), np.uint8))
    assert scores.tolist() == rarity_ranks(scores).tolist() == []

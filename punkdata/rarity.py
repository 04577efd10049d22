"""Rarity of punks by information content, the measure that OpenRarity introduced.

A trait that n of N punks have has log2(N / n) bits of information. The terms of a punk are the bits
of its type, of each of its accessories, and of its number of accessories. Traits that a punk lacks
have no term, unlike in OpenRarity (https://github.com/OpenRarity/open-rarity). See
docs/explanation/rarity.md for an example and for what the formula measures.
"""

from decimal import Context
from math import fsum

import numpy as np
from numpy.typing import NDArray

from punkdata.traits import LABELS, TYPES

RARITY_TERMS: tuple[str, ...] = (*LABELS, "accessory count")
"""Names of the columns of `rarity_terms`."""
_RANK_DIGITS = 12
"""Decimal places to which scores are rounded before ranks compare them."""


def rarity_terms(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the terms of each punk in bits, float64 (N, 93), in the order of `RARITY_TERMS`.

    `labels` are the label vectors of all punks of a snapshot, 0 and 1, uint8 (N, 92). The term of a
    label is 0 where a punk lacks it, and where all punks have it.
    """
    num_punks = len(labels)
    counts = labels[:, len(TYPES) :].sum(axis=1, dtype=np.int64)
    label_bits = _information(labels.sum(axis=0, dtype=np.int64), num_punks)
    count_bits = _information(np.bincount(counts), num_punks)
    return np.column_stack([labels * label_bits, count_bits[counts]])


def rarity_scores(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the rarity score of each punk, float64 (N,), from labels of 0 and 1, uint8 (N, 92).

    The score is the sum of the punk's terms divided by the mean of that sum over the N punks, so it
    is positive and 1 on average. The scores are the same on every machine, for any order of punks.
    """
    # fsum rounds only once, so the order of the terms does not matter.
    bits = np.array([fsum(row) for row in rarity_terms(labels).tolist()], np.float64)
    total = fsum(bits.tolist())
    if not total:  # The punks have the same labels, so each one has the mean.
        return np.ones(len(labels))
    scores: NDArray[np.float64] = bits / (total / len(labels))
    return scores


def rarity_ranks(scores: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the rank of each score, int32 (N,): 1 plus the number of punks with a higher score.

    Scores that agree in their first 12 decimal places share a rank.
    """
    rounded = scores.round(_RANK_DIGITS)
    return (1 + len(scores) - np.searchsorted(np.sort(rounded), rounded, "right")).astype(np.int32)


def _information(counts: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    """Return log2(total / count) for each count as the nearest float, 0 where a count is 0."""
    # The logarithms of C libraries differ in their last bit, those of decimal do not.
    context = Context(prec=40)
    ln_2, ln_total = context.ln(2), context.ln(max(total, 1))
    return np.array(
        [
            float(context.divide(context.subtract(ln_total, context.ln(count)), ln_2))
            if count
            else 0.0
            for count in counts.tolist()
        ]
    )

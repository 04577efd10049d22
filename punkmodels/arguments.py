"""Checks of arguments of the Python API, with errors that name them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from punkdata.arguments import describe
from punkdata.errors import UsageError
from punkdata.traits import LABELS, TYPES
from punkmodels.data.palette import SKIN_TONE_COLORS

NUM_SKIN_TONES = len(SKIN_TONE_COLORS)


def require_int(name: str, value: int, low: int, high: int) -> None:
    """Raise UsageError unless an argument is an integer from `low` to `high`."""
    is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_int or not low <= value <= high:
        raise UsageError(
            f"{name} must be an integer from {low:,} to {high:,}, not {describe(value)}"
        )


def to_labels(labels: ArrayLike | torch.Tensor) -> torch.Tensor:
    """Return label vectors as a tensor (N, 92); raises UsageError unless each has one type."""
    vectors = torch.as_tensor(labels).cpu()
    vectors = vectors[None] if vectors.ndim == 1 else vectors
    if vectors.ndim != 2 or vectors.shape[1] != len(LABELS) or not len(vectors):
        raise UsageError(
            f"labels must have the shape (N, {len(LABELS)}), not {tuple(vectors.shape)}",
            hint="their columns are punkdata.LABELS",
        )
    if not ((vectors == 0) | (vectors == 1)).all():
        raise UsageError("labels must be 0 or 1")
    if (vectors[:, : len(TYPES)].sum(dim=1) != 1).any():
        raise UsageError(f"each row of labels must have exactly one of the {len(TYPES)} types")
    return vectors


def to_skin_tones(skin_tones: ArrayLike, count: int) -> torch.Tensor:
    """Return `count` skin tones as int64; raises UsageError unless they are from 0 to 4."""
    tones = torch.as_tensor(skin_tones).cpu()
    is_integer = not tones.is_floating_point() and tones.dtype != torch.bool
    if (
        tones.shape != (count,)
        or not is_integer
        or not ((tones >= 0) & (tones <= NUM_SKIN_TONES)).all()
    ):
        raise UsageError(
            f"skin_tone must be an integer from 1 to {NUM_SKIN_TONES}, or {count} integers from 0 "
            f"to {NUM_SKIN_TONES}, one for each row of labels"
        )
    return tones.long()

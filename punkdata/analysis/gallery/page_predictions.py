"""Predictions of a classifier for all punks, as the gallery embeds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata.snapshots.tables import extract_hidden_labels, extract_labels
from punkdata.traits import TYPES

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ModelPredictions:
    """The labels that a classifier predicts for N punks.

    Attributes:
        model: Name of the model, which the page shows.
        punk_ids: Numbers of the punks, integers (N,), ascending.
        labels: Predicted labels, bool (N, 92), or (N, 5) of a classifier of types.
        confidence: Probability of the least certain of these predictions, float (N,), 0 to 1.
        splits: How training used each punk, as an index of `punkdata.splits.SPLITS`; -1 if not at
            all. Integers (N,).
        split_scheme: Name of the split scheme.
    """

    model: str
    punk_ids: NDArray[np.integer]
    labels: Bools
    confidence: NDArray[np.floating]
    splits: NDArray[np.integer]
    split_scheme: str


def describe_predictions(predictions: ModelPredictions, punks: pa.Table) -> dict[str, Any]:
    """Return the predictions for the punks of a snapshot, in the order of the table.

    `wrong` lists the predicted labels that a punk does not have, and `missed` those that it has and
    at least one pixel shows, but that are not predicted. `split` is as in `ModelPredictions`.
    """
    order = np.searchsorted(predictions.punk_ids, punks["punk_id"].to_numpy())
    predicted = predictions.labels[order]
    labels = extract_labels(punks)[:, : predicted.shape[1]] > 0
    visible = labels
    if "hidden_accessories" in punks.column_names:  # Snapshots of schema 1 lack this column.
        visible = labels & (extract_hidden_labels(punks)[:, : predicted.shape[1]] == 0)
    return {
        "model": predictions.model,
        "wrong": _list_labels(predicted & ~labels),
        "missed": _list_labels(visible & ~predicted),
        "confidence": predictions.confidence[order].astype(float).round(4).tolist(),
        "split": predictions.splits[order].tolist(),
        "splitScheme": predictions.split_scheme,
        "typesOnly": predicted.shape[1] == len(TYPES),
    }


def _list_labels(marked: Bools) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in marked]

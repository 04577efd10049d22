"""Splits of a snapshot as tensors, and sampling weights that balance its labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.dataset import PunkDataset
from punkdata.errors import UsageError
from punkdata.splits import SPLIT_COLUMNS, assign_folds
from punkmodels.data.palette import to_indices

SplitName = Literal["train", "val", "test", "all"]
Examples = tuple[torch.Tensor, torch.Tensor]
"""Palette indices, uint8 (N, 24, 24), and labels, float32 (N, 92)."""


@dataclass(frozen=True)
class SplitTensors:
    """The punks of one split: ids (N,), palette indices (N, 24, 24), and float32 labels (N, 92).

    `labels` are those published, `visible` those that at least one pixel shows; the same if the
    snapshot does not list hidden labels, as in schema 1.
    """

    punk_ids: NDArray[np.int32]
    images: torch.Tensor
    labels: torch.Tensor
    visible: torch.Tensor
    has_hidden_labels: bool
    version: str
    labels_hash: str
    path: Path

    def __len__(self) -> int:
        return len(self.punk_ids)

    def require_hidden_labels(self) -> None:
        """Raise UsageError if the snapshot does not list the labels that no pixel shows."""
        if not self.has_hidden_labels:
            hint = "rebuild it with: punkdata build-dataset, or train with --set visible_only=false"
            raise UsageError(f"{self.path} does not list hidden labels", hint=hint)

    @property
    def data_config(self) -> dict[str, Any]:
        """The section `data` of a run's config.json."""
        return {"version": self.version, "labels_hash": self.labels_hash, "punks": len(self)}


def load_split(root: Path, version: str, scheme: str, split: SplitName) -> SplitTensors:
    """Load one split, or the whole collection, of a snapshot.

    `root` is a data root or a snapshot folder. `scheme` is "default", "by_id", or a fold of
    five-fold cross-validation ("fold-1" to "fold-5"): the test split of fold k is the k-th fifth of
    the punks, and its validation split is the first half of the next fifth.
    """
    if scheme in SPLIT_COLUMNS:
        data = PunkDataset(root, version, split, scheme)  # type: ignore[arg-type]
        rows = np.arange(len(data))
    else:
        data = PunkDataset(root, version, "all")
        rows = _fold_rows(data, int(scheme.removeprefix("fold-")), split)
    images, labels = (tensor[torch.from_numpy(rows)] for tensor in data.as_tensors())
    visible = labels
    if data.hidden is not None:
        visible = labels.masked_fill(torch.from_numpy(data.hidden[rows]), 0)
    return SplitTensors(
        data.punk_ids[rows],
        to_indices(images),
        labels,
        visible,
        data.hidden is not None,
        data.version,
        data.manifest.labels_hash,
        data.path,
    )


def _fold_rows(data: PunkDataset, fold: int, split: SplitName) -> NDArray[np.intp]:
    """Return the rows of a split, for a fold numbered from 1."""
    # The folds of the stratified assignment are tenths; two of them make a fifth.
    tenths = assign_folds(data.punk_ids, data.as_tensors()[1].numpy().astype(np.uint8))
    first = 2 * (fold - 1)
    is_test = np.isin(tenths, (first, first + 1))
    is_val = tenths == (first + 2) % 10
    masks = {"test": is_test, "val": is_val, "train": ~(is_test | is_val)}
    return np.flatnonzero(masks.get(split, np.ones_like(is_test)))


def sampling_weights(labels: torch.Tensor, class_balance: float) -> torch.Tensor:
    """Return the probability with which each example is sampled, float32 (N,).

    The balanced weight of an example is the sum of 1/support over its labels, so every label, rare
    or common, contributes the same total. `class_balance` is its share; the rest is uniform.
    """
    support = labels.sum(0).clamp(min=1)
    balanced = (labels / support).sum(1)
    uniform = torch.full_like(balanced, 1 / len(labels))
    return (1 - class_balance) * uniform + class_balance * balanced / balanced.sum()

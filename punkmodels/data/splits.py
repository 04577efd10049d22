"""Splits of a snapshot as tensors, and sampling weights that balance its labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.dataset import PunkDataset
from punkdata.errors import UsageError
from punkmodels.data.palette import to_indices

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
            hint = "rebuild it with: punkdata build-dataset, or train with visible_only=False"
            raise UsageError(f"'{self.path}' does not list hidden labels", hint=hint)

    @property
    def data_config(self) -> dict[str, Any]:
        """The section `data` of a run's config.json."""
        return {"version": self.version, "labels_hash": self.labels_hash, "punks": len(self)}


def load_split(root: Path, version: str, scheme: str, split: str) -> SplitTensors:
    """Load one split, or the whole collection, of a snapshot.

    `root` is a data root or a snapshot folder, and `scheme` a split scheme as in `PunkDataset`.
    """
    options: dict[str, Any] = {"split": split, "split_scheme": scheme}
    data = PunkDataset(root, version=version, **options)
    images, labels = data.as_tensors()
    visible = labels
    if data.hidden is not None:
        visible = labels.masked_fill(data.hidden, 0)
    return SplitTensors(
        data.punk_ids,
        to_indices(images),
        labels,
        visible,
        data.hidden is not None,
        data.version,
        data.manifest.labels_hash,
        data.path,
    )


def sampling_weights(labels: torch.Tensor, class_balance: float) -> torch.Tensor:
    """Return the probability with which each example is sampled, float32 (N,).

    The balanced weight of an example is the sum of 1/support over its labels, so every label, rare
    or common, contributes the same total. `class_balance` is its share; the rest is uniform.
    """
    support = labels.sum(0).clamp(min=1)
    balanced = (labels / support).sum(1)
    uniform = torch.full_like(balanced, 1 / len(labels))
    return (1 - class_balance) * uniform + class_balance * balanced / balanced.sum()

"""The parts of a snapshot that a model trains on, watches, and is scored on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

import punkdata
from punkdata.dataset import PunkDataset
from punkdata.splits import SPLIT_COLUMNS, assign_folds
from punkmodels.data.palette import to_indices

SplitName = Literal["train", "val", "test", "all"]


@dataclass(frozen=True)
class SplitTensors:
    punk_ids: NDArray[np.int32]
    images: torch.Tensor
    """uint8 (N, 24, 24), palette indices"""
    labels: torch.Tensor
    """float32 (N, 92), as the source has them"""
    visible: torch.Tensor
    """the same without what no pixel shows"""
    has_hidden_labels: bool
    """False of a snapshot of schema 1, where `visible` has all labels"""
    version: str
    labels_hash: str
    path: Path

    def __len__(self) -> int:
        return len(self.punk_ids)

    @property
    def data_config(self) -> dict[str, Any]:
        """For config.json."""
        return {"version": self.version, "labels_hash": self.labels_hash, "punks": len(self)}


def load_split(root: Path, version: str, scheme: str, part: SplitName) -> SplitTensors:
    """One part by a scheme of the snapshot, or by one of five folds.

    Of "fold-k" the test part is the k-th fifth of the punks and the validation part the
    first half of the next; so each punk is in the test part of just one fold.

    Raises:
        UsageError, DataError: as `PunkDataset`.
    """
    if scheme in SPLIT_COLUMNS:
        data = PunkDataset(root, version, part, scheme)  # type: ignore[arg-type]
        rows = np.arange(len(data))
    else:
        data = PunkDataset(root, version, "all")
        first = 2 * int(scheme.removeprefix("fold-")) - 2
        tenth = assign_folds(data.punk_ids, data.as_tensors()[1].numpy().astype(np.uint8))
        of_test = np.isin(tenth, (first, first + 1))
        of_val = tenth == (first + 2) % 10
        rows = np.flatnonzero({"test": of_test, "val": of_val}.get(part, ~(of_test | of_val)))
    images, labels = data.as_tensors()
    hidden = torch.zeros(labels.shape, dtype=torch.bool)
    if data.hidden is not None:
        hidden = torch.from_numpy(data.hidden)
    chosen = torch.from_numpy(rows)
    return SplitTensors(
        data.punk_ids[rows],
        to_indices(images[chosen]),
        labels[chosen],
        labels[chosen].masked_fill(hidden[chosen], 0),
        data.hidden is not None,
        data.version,
        data.manifest.labels_hash,
        data.path,
    )


def sampling_weights(labels: torch.Tensor, class_balance: float) -> torch.Tensor:
    """float (N,), sums to 1: how likely each punk is drawn.

    A punk's balanced weight is the sum of 1/support over its labels: so every label, rare
    or common, brings in the same total. It is mixed with the uniform weight.
    """
    if not class_balance:
        return torch.full((len(labels),), 1 / len(labels))
    support = labels.sum(0).clamp(min=1)
    balanced = (labels / support).sum(1)
    uniform = torch.full_like(balanced, 1 / len(labels))
    return (1 - class_balance) * uniform + class_balance * balanced / balanced.sum()


def describe_run(
    task: str,
    options: dict[str, Any],
    data: dict[str, Any],
    device: torch.device,
    reason: str,
    *,
    use_bf16: bool,
) -> dict[str, Any]:
    """The content of config.json."""
    return {
        "task": task,
        "options": options,
        "data": data,
        "device": {
            "name": device.type,
            "threads": torch.get_num_threads(),
            "bf16": use_bf16,
            "reason": reason,
        },
        "versions": {
            "punkdata": punkdata.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }

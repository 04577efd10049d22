"""The targets of a PunkDataset: their classes, and the names of the classes in one target."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from punkdata.errors import UsageError
from punkdata.snapshots.manifest import Manifest
from punkdata.traits import ACCESSORIES, LABELS, TYPES

Target = Literal["labels", "type", "accessories", "price"]
CLASSES: dict[str, tuple[str, ...]] = {
    "labels": LABELS,
    "type": TYPES,
    "accessories": ACCESSORIES,
    "price": (),
}
"""Names of the classes of each kind of target."""


def make_targets(
    target: str, labels: torch.Tensor, prices_eth: NDArray[np.float32] | None, manifest: Manifest
) -> torch.Tensor:
    """Return the targets of punks with these label vectors, float32 (N, 92), and prices.

    Raises UsageError for the target "price" if the snapshot has no sales.
    """
    if target == "type":
        return labels[:, : len(TYPES)].argmax(dim=1)
    if target == "accessories":
        return labels[:, len(TYPES) :]
    if target == "labels":
        return labels
    if prices_eth is None:
        raise UsageError(
            f"target='price': the snapshot {manifest.version} has no sales, because it was built "
            f"from {manifest.source}",
            hint="fetch sales with: punkdata fetch && punkdata build-dataset",
        )
    return torch.from_numpy(prices_eth)


def select_names(
    classes: tuple[str, ...], target: ArrayLike, threshold: float | None, *, one: bool
) -> list[str]:
    """Return the names of the classes in one target; for the arguments, see `PunkDataset.names`.

    With `one`, a vector contains scores, of which only the largest counts.
    """
    if not classes:
        raise UsageError("target='price' has no classes, and so no names")
    values = np.asarray(target.detach().cpu() if isinstance(target, torch.Tensor) else target)
    if values.ndim == 0 and values.dtype.kind in "iu" and 0 <= values < len(classes):
        return [classes[int(values)]]
    if values.shape != (len(classes),):
        found = f"an array of shape {values.shape}" if values.ndim else repr(target)
        raise UsageError(
            f"one target is an index below {len(classes)} or a vector of {len(classes)} values, "
            f"not {found}"
        )
    if one:
        return [classes[int(values.argmax())]]
    if threshold is None and not 0 <= values.min() <= values.max() <= 1:
        raise UsageError(
            f"the values from {values.min():.4g} to {values.max():.4g} are not probabilities",
            hint="for logits, pass threshold=0.0",
        )
    above = values > (0.5 if threshold is None else threshold)
    return [classes[i] for i in np.flatnonzero(above)]

"""The punks of one split of a snapshot as NumPy arrays, in the order of their numbers."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.benchmark_splits import BENCHMARK_SCHEMES, assign_benchmark_split
from punkdata.errors import UsageError
from punkdata.images.image_grid import Color, composite
from punkdata.images.sprite import SIDE_PX
from punkdata.snapshots import tables
from punkdata.snapshots.reader import Snapshot
from punkdata.split_names import Split
from punkdata.splits import (
    SPLIT_COLUMNS,
    SPLITS,
    assign_cross_validation,
    check_split,
    check_split_scheme,
)

_BATCH_SIZE = 250


@dataclass(frozen=True)
class SplitArrays:
    """The punks of one split, ascending by number."""

    punk_ids: NDArray[np.int32]
    """Punk numbers, int32 (N,)."""
    images: NDArray[np.uint8]
    """uint8 (N, 24, 24, C), or (N, C, 24, 24) with channels first; C is 4, or 3 on a background."""
    labels: NDArray[np.uint8]
    """0 and 1, uint8 (N, 92)."""
    hidden: NDArray[np.bool_] | None
    """Labels that change no pixel, bool (N, 92); None for schema 1, which does not list them."""
    prices_eth: NDArray[np.float32] | None
    """Last sale in ETH, float32 (N,), NaN if never sold; None if the snapshot has no sales."""


def read_split(
    snapshot: Snapshot,
    split: str,
    split_scheme: str = "default",
    *,
    visible_only: bool = False,
    background: Color | None = None,
    channels_first: bool = False,
) -> SplitArrays:
    """Read one split. The arguments are those of `Snapshot.arrays` and of `PunkDataset`.

    With a `background`, the images are RGB. Raises the errors of `Snapshot.arrays`.
    """
    punks = _read_rows(snapshot, check_split(split), check_split_scheme(split_scheme))
    ids = tables.column_to_numpy(punks.column("punk_id"))
    order = np.argsort(ids)
    images = _decode_images(punks, np.argsort(order), background, channels_first)
    labels = tables.extract_labels(punks)[order]
    has_hidden = "hidden_accessories" in punks.column_names
    hidden = tables.extract_hidden_labels(punks)[order] > 0 if has_hidden else None
    if visible_only:
        if hidden is None:
            raise UsageError(
                f"visible_only: the snapshot '{snapshot.path}' does not list hidden accessories",
                hint="build it again with: punkdata build-dataset",
            )
        labels[hidden] = 0
    prices = None
    if snapshot.manifest.sales is not None:
        column = pc.fill_null(punks.column("last_sale_eth"), float("nan"))
        prices = tables.column_to_numpy(column)[order].astype(np.float32)
    return SplitArrays(ids[order], images, labels, hidden, prices)


def list_splits(punks: pa.Table, split_scheme: str) -> list[str]:
    """Return the name of the split of each row, given all punks of a snapshot.

    The table has the columns punk_id, labels, and that of the split scheme, if it is a column.
    """
    if split_scheme in SPLIT_COLUMNS:
        names: list[str] = punks.column(SPLIT_COLUMNS[split_scheme]).to_pylist()
        return names
    ids = tables.column_to_numpy(punks.column("punk_id"))
    is_benchmark = split_scheme in BENCHMARK_SCHEMES
    assign = assign_benchmark_split if is_benchmark else assign_cross_validation
    splits = assign(ids, tables.extract_labels(punks), split_scheme)
    return [SPLITS[i] for i in splits]


def punk_not_found_error(
    snapshot: Snapshot, punk_id: int, split: str, split_scheme: str
) -> UsageError:
    """Return the error for a punk that a split lacks, which says where the punk is."""
    punks = snapshot.punks("all", ["punk_id", "labels", *SPLIT_COLUMNS.values()])
    ids = punks.column("punk_id").to_pylist()
    found = dict(zip(ids, list_splits(punks, split_scheme), strict=True)).get(punk_id)
    if found:
        return UsageError(
            f"punk {punk_id} is in the split {found!r}, not in {split!r} (scheme {split_scheme!r})",
            hint=f"open the data set with split={found!r}, or with split='all'",
        )
    reason = snapshot.manifest.missing.get(str(punk_id))
    note = f" ({reason})" if reason else ""
    return UsageError(f"there is no punk {punk_id} in the snapshot {snapshot.version}{note}")


def _read_rows(snapshot: Snapshot, split: Split, split_scheme: str) -> pa.Table:
    """Return the rows of a split, in any order."""
    columns = ["punk_id", "image", "labels", "hidden_accessories", "last_sale_eth"]
    # There is one file per split of the default scheme; other schemes need all files.
    if split == "all" or split_scheme == "default":
        return snapshot.punks(split, columns)
    punks = snapshot.punks("all", [*columns, *SPLIT_COLUMNS.values()])
    return punks.filter(pa.array([name == split for name in list_splits(punks, split_scheme)]))


def _decode_images(
    punks: pa.Table, rows: NDArray[np.intp], background: Color | None, channels_first: bool
) -> NDArray[np.uint8]:
    """Decode the images into these rows of a new array."""
    # Sprites are decoded in batches straight into their final rows and axes, to avoid a second
    # full copy.
    channels = 4 if background is None else 3
    side = (SIDE_PX, SIDE_PX)
    shape = (channels, *side) if channels_first else (*side, channels)
    images = np.empty((len(punks), *shape), np.uint8)
    for start in range(0, len(punks), _BATCH_SIZE):
        sprites = tables.extract_sprites(punks.slice(start, _BATCH_SIZE))
        if background is not None:
            sprites = composite(sprites, background)
        if channels_first:
            sprites = sprites.transpose(0, 3, 1, 2)
        images[rows[start : start + _BATCH_SIZE]] = sprites
    return images

"""Which label paints each pixel of a punk, and how a punk looks without some of its accessories.

Both follow from the sprite layers, which are recovered from all punks of a snapshot. A pixel
belongs to the topmost accessory whose sprite covers it, also where the sprite has the color of what
is below it; the other pixels that are not transparent belong to the type. The column `part_mask` of
a snapshot contains the masks, unless punkdata built it before there was this column.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata.analysis.layers import BoolArray, ColorIndices, Layers, recover_layers
from punkdata.analysis.outfits import NO_ACCESSORY, UNKNOWN, Compositor, Integers
from punkdata.errors import DataError, UsageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress
from punkdata.schema import NO_LABEL, PUNKS
from punkdata.snapshots.arrays import read_split
from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import column_to_numpy
from punkdata.traits import ACCESSORIES, TYPES, find_label

_BATCH_SIZE = 1000


@dataclass(frozen=True)
class PunkParts:
    """The layers of all punks of a snapshot, and what each of the N punks is composed of.

    `punk_ids` (N,) are ascending; `base` (N,) and `slots` (N, 9) are those of `Compositor`.
    """

    punk_ids: NDArray[np.int32]
    base: Integers
    slots: Integers
    compositor: Compositor

    def masks(self, punk_ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the label of each pixel, as an index of LABELS, uint8 (n, 24, 24).

        It is `NO_LABEL` where a punk is transparent.
        """
        rows = np.searchsorted(self.punk_ids, punk_ids)
        masks = np.empty((len(rows), SIDE_PX**2), np.uint8)
        for start in range(0, len(rows), _BATCH_SIZE):  # All at once would need 200 MB.
            batch = rows[start : start + _BATCH_SIZE]
            base, slots = self.base[batch], self.slots[batch]
            owners = self.compositor.owners(base, slots)
            labels = np.where(
                owners == NO_ACCESSORY, self.compositor.types[base, None], owners + len(TYPES)
            )
            is_transparent = self.compositor.draw(base, slots) == 0
            masks[start : start + _BATCH_SIZE] = np.where(is_transparent, NO_LABEL, labels)
        return masks.reshape(-1, SIDE_PX, SIDE_PX)

    def without(self, punk_id: int, accessories: Collection[str]) -> NDArray[np.uint8]:
        """Return a punk without some of its accessories as RGBA, uint8 (24, 24, 4).

        Raises UsageError if the punk lacks one of them, or if no punk shows what is below.
        """
        row = int(np.searchsorted(self.punk_ids, punk_id))
        slots = self.slots[row].copy()
        worn = [ACCESSORIES[a] for a in slots if a != NO_ACCESSORY]
        for name in accessories:
            found = find_label(name)
            if found not in worn:
                raise UsageError(
                    f"punk {punk_id} has no accessory {name!r}",
                    hint=f"its accessories: {', '.join(worn) or 'none'}",
                )
            slots[slots == ACCESSORIES.index(found)] = NO_ACCESSORY
        indices = self.compositor.draw(self.base[[row]], slots[None])[0]
        if (indices == UNKNOWN).any():
            names = ", ".join(accessories)
            raise UsageError(f"no punk shows what is below {names} of punk {punk_id}")
        sprite: NDArray[np.uint8] = PALETTE[indices.reshape(SIDE_PX, SIDE_PX)]
        return sprite


def find_layers(
    indices: ColorIndices,
    labels: BoolArray,
    hidden: BoolArray | None,
    progress: Progress = lambda done, total: None,
) -> Layers | None:
    """Return the layers of punks, or None if the punks do not determine which one paints a pixel.

    The arguments and `progress` are those of `recover_layers`. `hidden`, bool (N, 92), is True for
    labels that are known to change no pixel, and None if that is not known. With few punks, an
    accessory may seem to change no pixel, because all punks have it.
    """
    try:
        layers = recover_layers(indices, labels, progress, only_exact=True)
    except DataError:  # The punks are too few, or edited.
        return None
    is_same = hidden is None or (layers.occluded == hidden[:, len(TYPES) :]).all()
    return layers if is_same else None


def find_parts(
    punk_ids: NDArray[np.int32],
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    hidden: NDArray[np.bool_] | None,
    progress: Progress = lambda done, total: None,
) -> PunkParts | None:
    """Recover the layers of punks, which takes a few seconds for all 10,000.

    `punk_ids` (N,) are ascending, `images` are RGBA, uint8 (N, 24, 24, 4), `labels` are 0 and 1,
    (N, 92), and `hidden`, bool (N, 92), is True for labels that are known to change no pixel.
    `progress` is called with the number of pixels whose layers are known. Returns None if the punks
    do not determine the layers, because they are too few or edited.
    """
    has_label, indices = labels > 0, palette_indices(images).reshape(len(labels), -1)
    layers = find_layers(indices, has_label, hidden, progress)
    if layers is None:
        return None
    compositor = Compositor(layers)
    base, slots = compositor.encode(has_label, indices)
    # An outfit has palette colors and one accessory in a slot, which is true of all real punks.
    is_outfit = (compositor.labels(base, slots) == has_label).all()
    if not is_outfit or (PALETTE[indices].reshape(images.shape) != images).any():
        return None
    return PunkParts(punk_ids, base, slots, compositor)


def recover_parts(snapshot: Snapshot) -> PunkParts:
    """Recover the layers of the punks in a snapshot; the last two results are kept in memory.

    Raises DataError if the punks do not determine them, because they are too few or edited.
    """
    return _recover_parts(snapshot.path, snapshot.url)


@lru_cache(maxsize=2)
def _recover_parts(path: Path, url: str | None) -> PunkParts:
    found = read_split(Snapshot(path, read_manifest(path / "manifest.json"), url), "all")
    parts = find_parts(found.punk_ids, found.images, found.labels, found.hidden)
    if parts is None:
        raise DataError(
            f"the {len(found.labels):,} punks of '{path}' do not determine which accessory paints "
            "each pixel",
            hint="use a snapshot with all 10,000 punks",
        )
    return parts


def read_masks(snapshot: Snapshot, punk_ids: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the label that paints each pixel of these punks, as `PunkParts.masks` does.

    They are read from the column `part_mask`. If the snapshot does not have it, the layers are
    recovered, which takes a few seconds, and raises DataError if the punks do not determine them.
    """
    punks = snapshot.punks(columns=["punk_id", "part_mask"])
    if punks.column("part_mask").null_count:
        return recover_parts(snapshot).masks(punk_ids)
    ids = column_to_numpy(punks.column("punk_id"))
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids, punk_ids, sorter=order)]
    return column_to_masks(punks.column("part_mask"))[rows]


def masks_to_column(masks: NDArray[np.uint8]) -> pa.Array:
    """Return masks, uint8 (N, 24, 24), as the column `part_mask`."""
    return pa.FixedSizeListArray.from_arrays(
        pa.array(masks.reshape(-1)), type=PUNKS.field("part_mask").type
    )


def column_to_masks(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """Return the column `part_mask`, which has no null, as uint8 (N, 24, 24)."""
    values: NDArray[np.uint8] = column_to_numpy(column.combine_chunks().flatten())
    return values.reshape(-1, SIDE_PX, SIDE_PX)

"""Which label paints each pixel of a punk, and how a punk looks without some of its accessories.

Both follow from the sprite layers, which are recovered from all punks of a snapshot. A pixel
belongs to the topmost accessory whose sprite covers it, also where the sprite has the color of what
is below it; the other pixels that are not transparent belong to the type.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from punkdata.analysis.layers import are_determined, recover_layers
from punkdata.analysis.outfits import NO_ACCESSORY, UNKNOWN, Compositor, Integers
from punkdata.errors import DataError, UsageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkdata.snapshots.arrays import read_split
from punkdata.snapshots.reader import open_snapshot
from punkdata.traits import ACCESSORIES, TYPES, find_label

NO_LABEL = 255
"""Value of a mask where a punk is transparent."""


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
        owners = self.compositor.owners(self.base[rows], self.slots[rows])
        labels = np.where(
            owners == NO_ACCESSORY, self.compositor.types[self.base[rows], None], owners
        )
        labels[owners < NO_ACCESSORY] += len(TYPES)
        is_transparent = self.compositor.draw(self.base[rows], self.slots[rows]) == 0
        masks: NDArray[np.uint8] = np.where(is_transparent, NO_LABEL, labels).astype(np.uint8)
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


@lru_cache(maxsize=2)
def recover_parts(snapshot: Path) -> PunkParts:
    """Recover the layers of the punks in a snapshot folder, which takes a few seconds.

    Raises DataError if the punks do not determine them, because they are too few or edited.
    """
    found = read_split(open_snapshot(snapshot), "all")
    labels = found.labels > 0
    indices = palette_indices(found.images).reshape(len(labels), -1)
    layers = recover_layers(indices, labels)
    hidden = None if found.hidden is None else found.hidden[:, len(TYPES) :]
    if not are_determined(layers, hidden):
        raise DataError(
            f"the {len(labels):,} punks of '{snapshot}' do not determine which accessory paints "
            "each pixel",
            hint="use a snapshot with all 10,000 punks",
        )
    compositor = Compositor(layers)
    base, slots = compositor.encode(labels, indices)
    return PunkParts(found.punk_ids, base, slots, compositor)

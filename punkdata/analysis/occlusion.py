"""Which labels of a snapshot can be seen, worked out from its images alone (see layers.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from punkdata.analysis.layers import UNKNOWN_COLOR, Layers, recover_layers
from punkdata.images.decode import SIDE_PX
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import numbers, table_labels, table_sprites
from punkdata.traits import ACCESSORIES, TYPES

SHOWN = 16
"""punks of each label in the picture"""
_BLUE = (0x63, 0x85, 0x96, 255)
_TEXT_PX = 160


@dataclass(frozen=True)
class OcclusionReport:
    punk_ids: NDArray[np.int32]
    pixels_sha256: list[str]
    sprites: NDArray[np.uint8]
    """(N, 24, 24, 4)"""
    worn: NDArray[np.bool_]
    """(N, 87): the accessories of each punk"""
    layers: Layers

    @property
    def mismatched_ids(self) -> list[int]:
        """punk_ids of the images that the recovered layers do not reproduce."""
        indices = palette_indices(self.sprites).reshape(len(self.sprites), -1)
        return [int(i) for i in self.punk_ids[(self.layers.reconstructed != indices).any(axis=1)]]

    @property
    def hidden(self) -> dict[int, tuple[str, ...]]:
        """punk_id -> names, of the punks that have hidden accessories."""
        return {
            int(self.punk_ids[row]): tuple(ACCESSORIES[a] for a in np.flatnonzero(flags))
            for row, flags in enumerate(self.layers.hidden)
            if flags.any()
        }

    def counts(self) -> list[tuple[str, int, int, int]]:
        """Name, punks that have it, on which it is hidden, on which no pixel tells; of those with
        any of the last two, the most hidden first.
        """
        of_each = (self.worn, self.layers.hidden, self.layers.undecidable)
        worn, hidden, undecidable = (flags.sum(axis=0).tolist() for flags in of_each)
        rows = zip(ACCESSORIES, worn, hidden, undecidable, strict=True)
        return sorted((r for r in rows if r[2] or r[3]), key=lambda r: (-r[2], r[0]))


def analyze_occlusion(
    snapshot: Snapshot, report: Callable[[int, int], None] = lambda done, total: None
) -> OcclusionReport:
    """Recover the layers of a snapshot's punks.

    Args:
        report: called with the number of pixels done, and of all.

    Raises:
        DataError: the snapshot is damaged, or its punks fit no order of layers.
    """
    columns = ["punk_id", "image", "labels", "pixels_sha256"]
    punks = snapshot.punks("all", columns).sort_by("punk_id")
    sprites, labels = table_sprites(punks), table_labels(punks).astype(bool)
    indices = palette_indices(sprites).reshape(len(sprites), -1)
    return OcclusionReport(
        numbers(punks.column("punk_id")),
        punks.column("pixels_sha256").to_pylist(),
        sprites,
        labels[:, len(TYPES) :],
        recover_layers(indices, labels, report),
    )


def render_occluded_labels(audit: OcclusionReport) -> Image.Image:
    """A row of punks for each accessory that some of them hide."""
    rows = []
    for name, worn, hidden, _ in audit.counts():
        if not hidden:
            continue
        which = np.flatnonzero(audit.layers.hidden[:, ACCESSORIES.index(name)])[:SHOWN]
        rows.append((f"{name}: {hidden:,} of {worn:,}", audit.sprites[which]))
    return _rows_of_sprites(rows)


def render_layers(audit: OcclusionReport) -> Image.Image:
    """The sprites of all accessories, from the lowest to the highest: of men, then of women.

    A pixel that depends on what lies beneath has the color that it makes most often.
    """
    rows = []
    for who, pixels, order in zip(
        ("men", "women"), audit.layers.pixels, audit.layers.z_orders, strict=True
    ):
        sprites = np.zeros((len(order), SIDE_PX * SIDE_PX, 4), np.uint8)
        for at, pixel in enumerate(pixels):
            for accessory, paint in pixel.paint.items():
                colors = [c for c in paint.values() if c != UNKNOWN_COLOR]
                if colors:
                    sprites[order.index(accessory), at] = PALETTE[max(colors, key=colors.count)]
        tiles = sprites.reshape(-1, SIDE_PX, SIDE_PX, 4)
        for start in range(0, len(order), SHOWN):
            names = f"{who}, {start + 1} to {min(start + SHOWN, len(order))}"
            rows.append((names, tiles[start : start + SHOWN]))
    return _rows_of_sprites(rows)


def _rows_of_sprites(rows: list[tuple[str, NDArray[np.uint8]]], scale: int = 2) -> Image.Image:
    side = SIDE_PX * scale
    size = (_TEXT_PX + SHOWN * side, max(1, len(rows)) * side)
    sheet = Image.new("RGBA", size, _BLUE)
    draw = ImageDraw.Draw(sheet)
    for y, (text, sprites) in enumerate(rows):
        draw.text((8, y * side + side // 3), text, fill="white")
        for x, sprite in enumerate(sprites):
            tile = Image.fromarray(sprite).resize((side, side), Image.Resampling.NEAREST)
            sheet.alpha_composite(tile, (_TEXT_PX + x * side, y * side))
    return sheet.convert("RGB")

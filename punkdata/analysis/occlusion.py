"""Occlusion analysis: which labels of a snapshot are visible, derived from its images alone.

See `layer_recovery.py` for the method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from punkdata.analysis.layer_recovery import recover_layers
from punkdata.analysis.layers import UNKNOWN_COLOR, BoolArray, Layers
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import column_to_numpy, extract_labels, extract_sprites
from punkdata.traits import ACCESSORIES, TYPES

_SPRITES_PER_ROW = 16
_BACKGROUND = (0x63, 0x85, 0x96, 255)
_CAPTION_WIDTH_PX = 160


class LabelOcclusion(NamedTuple):
    """How often one accessory is occluded."""

    label: str
    punks: int
    """Number of punks with the accessory."""
    occluded: int
    """Number of these punks on which it changes no pixel."""
    undecidable: int
    """Number of these punks whose images do not determine whether it is occluded."""


@dataclass(frozen=True)
class OcclusionReport:
    """The recovered layers of a snapshot's punks, and the labels that are occluded by them."""

    punk_ids: NDArray[np.int32]
    """Ids of the punks, ascending, int32 (N,)."""
    pixels_sha256: list[str]
    """SHA-256 (hex) of the pixels of each punk."""
    sprites: NDArray[np.uint8]
    """RGBA sprites, uint8 (N, 24, 24, 4)."""
    has_accessory: BoolArray
    """Accessory labels of each punk, bool (N, 87)."""
    layers: Layers
    """Layers that were recovered from these images and labels."""

    @property
    def mismatched_ids(self) -> list[int]:
        """Ids of the punks that the recovered layers do not reconstruct exactly."""
        indices = palette_indices(self.sprites).reshape(len(self.sprites), -1)
        return [int(i) for i in self.punk_ids[(self.layers.reconstructed != indices).any(axis=1)]]

    @property
    def occluded_accessories(self) -> dict[int, tuple[str, ...]]:
        """Names of the occluded accessories of each punk that has any, by punk_id."""
        return {
            int(self.punk_ids[row]): tuple(ACCESSORIES[a] for a in np.flatnonzero(flags))
            for row, flags in enumerate(self.layers.occluded)
            if flags.any()
        }

    def label_counts(self) -> list[LabelOcclusion]:
        """Count the punks on which each accessory is occluded or undecidable.

        Accessories with neither are left out; the most occluded ones come first.
        """
        matrices = (self.has_accessory, self.layers.occluded, self.layers.undecidable)
        columns = (matrix.sum(axis=0).tolist() for matrix in matrices)
        counts = [LabelOcclusion(*row) for row in zip(ACCESSORIES, *columns, strict=True)]
        return sorted(
            (count for count in counts if count.occluded or count.undecidable),
            key=lambda count: (-count.occluded, count.label),
        )


def analyze_occlusion(
    snapshot: Snapshot, report: Callable[[int, int], None] = lambda done, total: None
) -> OcclusionReport:
    """Recover the layers of a snapshot's punks and find the occluded labels.

    Args:
        report: Progress callback, called with the number of finished pixels and the total.

    Raises:
        DataError: The snapshot is damaged, or no z-order is consistent with its images.
    """
    columns = ["punk_id", "image", "labels", "pixels_sha256"]
    punks = snapshot.punks("all", columns).sort_by("punk_id")
    sprites, labels = extract_sprites(punks), extract_labels(punks).astype(bool)
    indices = palette_indices(sprites).reshape(len(sprites), -1)
    return OcclusionReport(
        column_to_numpy(punks.column("punk_id")),
        punks.column("pixels_sha256").to_pylist(),
        sprites,
        labels[:, len(TYPES) :],
        recover_layers(indices, labels, report),
    )


def render_occluded_labels(analysis: OcclusionReport) -> Image.Image:
    """Render one row for each accessory that is occluded, with up to 16 of its punks."""
    rows = []
    for count in analysis.label_counts():
        if not count.occluded:
            continue
        is_occluded = analysis.layers.occluded[:, ACCESSORIES.index(count.label)]
        examples = np.flatnonzero(is_occluded)[:_SPRITES_PER_ROW]
        caption = f"{count.label}: {count.occluded:,} of {count.punks:,}"
        rows.append((caption, analysis.sprites[examples]))
    return _render_rows(rows)


def render_layers(analysis: OcclusionReport) -> Image.Image:
    """Render the sprites of all accessories from the bottom to the top: male, then female.

    A pixel whose color depends on the color below it gets its most frequent result.
    """
    rows = []
    for body, pixels, z_order in zip(
        ("male", "female"), analysis.layers.pixels, analysis.layers.z_orders, strict=True
    ):
        sprites = np.zeros((len(z_order), SIDE_PX * SIDE_PX, 4), np.uint8)
        for pixel, stack in enumerate(pixels):
            for accessory, overlay in stack.overlays.items():
                colors = [color for color in overlay.values() if color != UNKNOWN_COLOR]
                if colors:
                    most_common = max(colors, key=colors.count)
                    sprites[z_order.index(accessory), pixel] = PALETTE[most_common]
        tiles = sprites.reshape(-1, SIDE_PX, SIDE_PX, 4)
        for start in range(0, len(z_order), _SPRITES_PER_ROW):
            stop = min(start + _SPRITES_PER_ROW, len(z_order))
            rows.append((f"{body}, layers {start + 1} to {stop}", tiles[start:stop]))
    return _render_rows(rows)


def _render_rows(rows: list[tuple[str, NDArray[np.uint8]]], scale: int = 2) -> Image.Image:
    """Render rows of sprites, each with its caption on the left, as an RGB image."""
    side = SIDE_PX * scale
    size = (_CAPTION_WIDTH_PX + _SPRITES_PER_ROW * side, max(1, len(rows)) * side)
    canvas = Image.new("RGBA", size, _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for y, (caption, sprites) in enumerate(rows):
        draw.text((8, y * side + side // 3), caption, fill="white")
        for x, sprite in enumerate(sprites):
            tile = Image.fromarray(sprite).resize((side, side), Image.Resampling.NEAREST)
            canvas.alpha_composite(tile, (_CAPTION_WIDTH_PX + x * side, y * side))
    return canvas.convert("RGB")

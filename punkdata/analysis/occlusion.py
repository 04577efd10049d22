"""Occlusion analysis: which labels of a snapshot are visible, derived from its images alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.analysis.layers import UNKNOWN_COLOR, BoolArray, Layers, recover_layers
from punkdata.images.image_grid import compose_grid
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import column_to_numpy, extract_labels, extract_sprites
from punkdata.traits import ACCESSORIES, TYPES

_COLUMNS = 16  # Number of sprites in a row of an image.


@dataclass(frozen=True)
class OcclusionReport:
    """The layers of N punks, by ascending id, with their sprites and labels, bool (N, 87)."""

    punk_ids: NDArray[np.int32]
    sprites: NDArray[np.uint8]
    has_accessory: BoolArray
    layers: Layers

    @property
    def occluded_accessories(self) -> dict[int, list[str]]:
        """Names of the occluded accessories of each punk that has any, by punk_id."""
        occluded = self.layers.occluded
        return {
            int(self.punk_ids[row]): [ACCESSORIES[a] for a in np.flatnonzero(occluded[row])]
            for row in np.flatnonzero(occluded.any(axis=1))
        }

    def label_counts(self) -> list[tuple[str, int, int, int]]:
        """Count the punks with an accessory, and those where it is occluded or undecidable.

        Accessories with neither are left out; the most occluded ones come first.
        """
        matrices = (self.has_accessory, self.layers.occluded, self.layers.undecidable)
        columns = (matrix.sum(axis=0).tolist() for matrix in matrices)
        counts = zip(ACCESSORIES, *columns, strict=True)
        return sorted(
            (row for row in counts if row[2] or row[3]), key=lambda row: (-row[2], row[0])
        )


def analyze_occlusion(
    snapshot: Snapshot, progress: Progress = lambda done, total: None
) -> OcclusionReport:
    """Recover the layers of a snapshot's punks and find the occluded labels.

    Raises DataError if the snapshot is damaged, or no z-order is consistent with its images.
    """
    punks = snapshot.punks(columns=["punk_id", "image", "labels"]).sort_by("punk_id")
    punk_ids, sprites = column_to_numpy(punks["punk_id"]), extract_sprites(punks)
    labels = extract_labels(punks).astype(bool)
    indices = palette_indices(sprites).reshape(len(sprites), -1)
    layers = recover_layers(indices, labels, progress)
    return OcclusionReport(punk_ids, sprites, labels[:, len(TYPES) :], layers)


def render_occluded_labels(analysis: OcclusionReport) -> Image.Image:
    """Render one row for each accessory that is occluded, with up to 16 of its punks."""
    rows = []
    for label, punks, occluded, _ in analysis.label_counts():
        if occluded:
            is_occluded = analysis.layers.occluded[:, ACCESSORIES.index(label)]
            examples = analysis.sprites[is_occluded][:_COLUMNS]
            rows.append((f"{label}: {occluded:,} of {punks:,}", examples))
    return _render_rows(rows)


def render_layers(analysis: OcclusionReport) -> Image.Image:
    """Render the sprites of all accessories from the bottom to the top: male, then female.

    A pixel whose color depends on the color below it gets its most frequent result.
    """
    rows = []
    for name, body in (("male", analysis.layers.male), ("female", analysis.layers.female)):
        sprites = np.zeros((len(body.z_order), SIDE_PX * SIDE_PX, 4), np.uint8)
        for pixel, stack in enumerate(body.pixels):
            for accessory, overlay in stack.overlays.items():
                colors = [color for color in overlay.values() if color != UNKNOWN_COLOR]
                if colors:
                    most_common = max(colors, key=colors.count)
                    sprites[body.z_order.index(accessory), pixel] = PALETTE[most_common]
        tiles = sprites.reshape(-1, SIDE_PX, SIDE_PX, 4)
        for start in range(0, len(tiles), _COLUMNS):
            row = tiles[start : start + _COLUMNS]
            rows.append((f"{name}, layers {start + 1} to {start + len(row)}", row))
    return _render_rows(rows)


def _render_rows(rows: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    """Render rows of up to 16 sprites, each with its caption on the left."""
    grid = np.zeros((len(rows), _COLUMNS, SIDE_PX, SIDE_PX, 4), np.uint8)
    for cells, (_, sprites) in zip(grid, rows, strict=True):
        cells[: len(sprites)] = sprites
    captions = [caption for caption, _ in rows]
    tiles = grid.reshape(-1, SIDE_PX, SIDE_PX, 4)
    return compose_grid(tiles, _COLUMNS, captions=captions, caption_px=200)

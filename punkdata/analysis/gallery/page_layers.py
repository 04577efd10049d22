"""The sprite layers of the collection, as the gallery embeds them.

The page draws the punks with them, which takes less space than their pixels, also without some of
their accessories, and finds which accessory paints each pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from punkdata.analysis.layers import SKIN_PIXEL, UNKNOWN_COLOR, BodyLayers, PixelStack
from punkdata.analysis.part_masks import find_layers
from punkdata.progress import Progress
from punkdata.snapshots.tables import extract_hidden_labels, extract_labels
from punkdata.traits import TYPES


def describe_layers(
    punks: pa.Table, indices: NDArray[np.uint8], progress: Progress = lambda done, total: None
) -> dict[str, Any] | None:
    """Return the layers that draw all punks of a snapshot, or None if the punks are too few.

    `indices` are the colors of the punks, uint8 (N, 24, 24). `bodies` are the male and the female
    one. A body has `bases`, the 576 colors of each, and `overlays`, one for each accessory, from
    the bottom to the top. Colors are indices, or -1 where no punk shows them. An overlay has the
    `pixels` it changes, each as the difference from the previous one, and `colors`: one for each
    pixel, or where it depends on the color below, a flat list of pairs of the color below and the
    resulting color. `base` is the base of each punk, counted over both bodies.
    """
    hidden = None
    if "hidden_accessories" in punks.column_names:  # Snapshots of schema 1 lack this column.
        hidden = extract_hidden_labels(punks) > 0
    pixels, labels = indices.reshape(len(punks), -1), extract_labels(punks) > 0
    layers = find_layers(pixels, labels, hidden, progress)
    if layers is None:
        return None
    bodies = (layers.male, layers.female)
    types, skins = labels[:, : len(TYPES)].argmax(axis=1), pixels[:, SKIN_PIXEL]
    base = np.zeros(len(punks), int)
    for number, (type_id, skin) in enumerate(base for body in bodies for base in body.bases):
        base[(types == type_id) & ((skins == skin) | (skin == UNKNOWN_COLOR))] = number
    return {"bodies": [_describe_body(body) for body in bodies], "base": base.tolist()}


def _describe_body(body: BodyLayers) -> dict[str, Any]:
    bases = [[stack.base_colors[i] for stack in body.pixels] for i in range(len(body.bases))]
    overlays = []
    for accessory in body.z_order:
        pixels = [i for i, stack in enumerate(body.pixels) if accessory in stack.overlays]
        colors = [_describe_color(body.pixels[i], accessory) for i in pixels]
        steps = np.diff(pixels, prepend=0).tolist()
        overlays.append({"accessory": accessory, "pixels": steps, "colors": colors})
    return {"bases": bases, "overlays": overlays}


def _describe_color(stack: PixelStack, accessory: int) -> int | list[int]:
    """Return the color of an opaque accessory, or pairs of the color below and the result."""
    opaque = stack.opaque_color(accessory)
    if opaque != UNKNOWN_COLOR:
        return opaque
    return [color for pair in stack.overlays[accessory].items() for color in pair]

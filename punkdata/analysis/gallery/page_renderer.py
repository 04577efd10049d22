"""What the gallery page needs to draw punks that a user makes: a renderer, and which traits fit."""

from importlib.resources import files
from typing import Any

import numpy as np

from punkdata.images.palette import PALETTE
from punkdata.traits import (
    ACCESSORIES,
    ACCESSORY_IDS,
    ACCESSORY_SLOTS,
    MAX_ACCESSORIES,
    TYPES,
    allowed_accessories,
)

RENDERER_FILE = files("punkdata") / "data" / "page_renderer.npz"
"""The weights of the bundled renderer of punkmodels in 8 bits, see docs/make_page_renderer.py."""
SLOT_NAMES = (
    *("Hat or hair", "Eyes", "Beard", "Mouth", "Mouthpiece"),
    *("Cheeks", "Nose", "Ear", "Neck"),
)
"""Names of the slots of `ACCESSORY_SLOTS` on the page."""


def read_page_renderer() -> bytes:
    """Return the arrays of the renderer one after the other, as the page expects them."""
    with RENDERER_FILE.open("rb") as file, np.load(file) as arrays:
        return b"".join(arrays[name].tobytes() for name in ("num_colors", "colors", "steps"))


def describe_outfits() -> dict[str, Any]:
    """Return which accessories each type can have, by slots, and the colors of the renderer."""
    slots = zip(SLOT_NAMES, ACCESSORY_SLOTS, strict=True)
    allowed = [allowed_accessories(name) for name in TYPES]
    return {
        "slots": [
            {"name": name, "accessories": sorted(ACCESSORY_IDS[x] for x in slot)}
            for name, slot in slots
        ],
        "allowed": [
            [i for i, name in enumerate(ACCESSORIES) if name in names] for names in allowed
        ],
        "maxWorn": MAX_ACCESSORIES,
        "rendererPalette": [color.tobytes().hex() for color in PALETTE],
    }

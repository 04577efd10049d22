"""The map of the gallery, on which similar punks are near each other.

docs/make_punk_map.py computed the places of the 10,000 CryptoPunks, which never change.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pyarrow as pa

MAP_FILE = Path(__file__).parents[2] / "data" / "punk_map.npz"
"""File with `places`, x and y of each punk by number, uint16 (10000, 2)."""
MAP_SIZE = 4096
"""Number of places in each direction; y grows downward."""


def pack_map(punk_ids: pa.ChunkedArray) -> str | None:
    """Return the places of these punks, or None if one of them is not a CryptoPunk.

    Each punk has three bytes, first the 12 bits of x, then those of y; encoded in base64.
    """
    ids = punk_ids.to_numpy()
    with np.load(MAP_FILE) as arrays:
        places = arrays["places"].astype(np.uint32)
    if len(ids) == 0 or ids.max() >= len(places):
        return None
    codes = (places[ids, 0] << 12 | places[ids, 1]).astype(">u4")
    return base64.b64encode(codes.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()).decode()

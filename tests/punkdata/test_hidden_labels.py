from __future__ import annotations

import re

from punkdata.hidden_labels import load_hidden_accessories
from punkdata.traits import ACCESSORIES


def test_shipped_list_maps_pixel_hashes_to_accessories() -> None:
    hidden = load_hidden_accessories()
    assert len(hidden) > 500
    for sha256, names in hidden.items():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert names
        assert set(names) <= set(ACCESSORIES)

from __future__ import annotations

import re
from pathlib import Path

from punkdata.hidden_labels import load_hidden_accessories, write_hidden_accessories
from punkdata.traits import ACCESSORIES


def test_load_returns_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "hidden.json"
    rows = [(3, "12" * 32, ("Earring", "Mole")), (9, "ab" * 32, ("Smile",))]
    write_hidden_accessories(file, "abc", rows)
    assert load_hidden_accessories(file) == {sha256: names for _, sha256, names in rows}


def test_shipped_list_maps_pixel_hashes_to_accessories() -> None:
    hidden = load_hidden_accessories()
    assert len(hidden) > 500
    for sha256, names in hidden.items():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert names
        assert set(names) <= set(ACCESSORIES)

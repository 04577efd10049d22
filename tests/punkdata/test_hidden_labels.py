from __future__ import annotations

import re
from pathlib import Path

import pytest

from punkdata import hidden_labels
from punkdata.hidden_labels import load_hidden_accessories, write_hidden_accessories
from punkdata.traits import ACCESSORIES


def test_what_is_written_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hidden.json"
    write_hidden_accessories(
        file, "abc", [(3, "12" * 32, ("Earring", "Mole")), (9, "ab" * 32, ("Smile",))]
    )
    monkeypatch.setattr(hidden_labels, "FILE", file)
    load_hidden_accessories.cache_clear()
    try:
        assert load_hidden_accessories() == {"12" * 32: ("Earring", "Mole"), "ab" * 32: ("Smile",)}
    finally:
        load_hidden_accessories.cache_clear()


def test_the_list_that_ships_names_accessories_of_known_pixels() -> None:
    assert len(load_hidden_accessories()) > 500
    for sha256, names in load_hidden_accessories().items():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert names
        assert set(names) <= set(ACCESSORIES)

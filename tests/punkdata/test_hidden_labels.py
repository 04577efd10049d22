from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.sprites import DrawnPunk

from punkdata.build import build_dataset
from punkdata.hidden_labels import load_hidden_accessories, write_hidden_accessories
from punkdata.images.sprite import pixels_sha256
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


def test_build_lists_known_hidden_accessories_that_the_punk_has(
    root: Path, sdist_sha256: str, punks: list[DrawnPunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    punk = next(p for p in punks if len(p.accessories) > 1)
    hidden = {pixels_sha256(punk.sprite): (punk.accessories[0], "Tiara")}
    monkeypatch.setattr("punkdata.snapshots.record_tables.load_hidden_accessories", lambda: hidden)
    snapshot = build_dataset(root, sdist_sha256=sdist_sha256).snapshot
    column = snapshot.punks().sort_by("punk_id").column("hidden_accessories").to_pylist()
    assert column[punk.punk_id] == [punk.accessories[0]]
    assert sum(map(len, column)) == 1

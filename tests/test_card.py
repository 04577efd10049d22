from __future__ import annotations

from pathlib import Path

from punkdata.card import snapshot_card
from punkdata.snapshot import open_snapshot


def test_the_card_in_the_folder_tells_what_the_manifest_says(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    text = (snapshot.path / "README.md").read_text()
    assert text == snapshot_card(snapshot.manifest)
    assert snapshot.version in text
    assert "60 punks" in text
    assert "12 Alien, 12 Ape" in text
    assert "Partial" not in text


def test_a_partial_snapshot_says_so_on_its_card(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    partial = {"status": "partial", "expected": 62, "missing": {"60": "x", "61": "y"}}
    assert "**Partial: 2 of 62 punks are missing**" in snapshot_card(
        manifest.model_copy(update=partial)
    )

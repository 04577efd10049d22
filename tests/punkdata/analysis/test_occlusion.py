from __future__ import annotations

from pathlib import Path

import numpy as np

from punkdata.analysis.occlusion import analyze_occlusion, render_layers, render_occluded_labels
from punkdata.snapshots.reader import open_snapshot


def test_the_punks_of_a_snapshot_are_taken_apart(built_root: Path) -> None:
    steps: list[tuple[int, int]] = []
    audit = analyze_occlusion(open_snapshot(built_root), lambda *step: steps.append(step))
    assert audit.punk_ids.tolist() == list(range(60))
    assert audit.worn.sum() == sum(len(names) for names in _accessories(built_root))
    assert steps[-1] == (1152, 1152)
    names = [name for of_one in _accessories(built_root) for name in of_one]
    for name, worn, hidden, undecidable in audit.counts():
        assert worn == names.count(name)
        assert 0 < hidden + undecidable <= worn


def test_pictures_show_what_was_found(built_root: Path) -> None:
    audit = analyze_occlusion(open_snapshot(built_root))
    for picture in (render_occluded_labels(audit), render_layers(audit)):
        assert picture.mode == "RGB"
        assert picture.height >= 48
    assert len(np.unique(np.asarray(render_layers(audit)).reshape(-1, 3), axis=0)) > 5


def _accessories(root: Path) -> list[list[str]]:
    names: list[list[str]] = open_snapshot(root).punks().column("accessories").to_pylist()
    return names

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from punkdata.analysis.occlusion import analyze_occlusion, render_layers, render_occluded_labels
from punkdata.snapshots.reader import open_snapshot


def count_accessories(root: Path) -> Counter[str]:
    column = open_snapshot(root).punks().column("accessories").to_pylist()
    return Counter(name for names in column for name in names)


def test_occlusion_counts_agree_with_the_labels(built_root: Path) -> None:
    reported: list[tuple[int, int]] = []
    analysis = analyze_occlusion(open_snapshot(built_root), lambda *step: reported.append(step))
    counts = count_accessories(built_root)
    assert analysis.punk_ids.tolist() == list(range(60))
    assert analysis.has_accessory.sum() == counts.total()
    assert reported[-1] == (2 * 576, 2 * 576)
    for label, punks, occluded, undecidable in analysis.label_counts():
        assert punks == counts[label]
        assert 0 < occluded + undecidable <= punks


def test_rendered_images_contain_sprites(built_root: Path) -> None:
    analysis = analyze_occlusion(open_snapshot(built_root))
    for image in (render_occluded_labels(analysis), render_layers(analysis)):
        assert image.mode == "RGB"
        assert image.height >= 48
    colors = np.unique(np.asarray(render_layers(analysis)).reshape(-1, 3), axis=0)
    assert len(colors) > 5

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from punkdata.analysis.occlusion import analyze_occlusion, render_layers, render_occluded_labels
from punkdata.snapshots.reader import open_snapshot


def test_occlusion_counts_agree_with_the_labels_and_images_show_sprites(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    counts = Counter(chain(*snapshot.punks().column("accessories").to_pylist()))
    reported: list[tuple[int, int]] = []
    analysis = analyze_occlusion(snapshot, lambda *step: reported.append(step))
    assert analysis.punk_ids.tolist() == list(range(60))
    assert analysis.has_accessory.sum() == counts.total()
    assert reported[-1] == (2 * 576, 2 * 576)
    for label, punks, occluded, undecidable in analysis.label_counts():
        assert punks == counts[label]
        assert 0 < occluded + undecidable <= punks
    image = render_layers(analysis)
    assert (image.mode, image.width) == ("RGB", 200 + 16 * 48)
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 5
    hidden = np.zeros_like(analysis.layers.occluded)
    hidden[:20] = analysis.has_accessory[:20]
    hiding = replace(analysis, layers=replace(analysis.layers, occluded=hidden))
    assert render_occluded_labels(hiding).height == 48 * sum(
        row[2] > 0 for row in hiding.label_counts()
    )

"""Snapshots of synthetic punks, for benchmarks on machines that have neither data nor a network.

The bundled model of label sets samples the traits, and the bundled renderer draws them. What is
trained on such punks imitates the bundled models, so it shows speed and is not worth keeping.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import torch

from punkdata.build_tables import make_punk_tables
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import pixels_sha256
from punkdata.records import PunkRecord
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.traits import ACCESSORIES, TYPES
from punkmodels.label_sets.network import BUNDLED_LABEL_SETS, load_label_sets
from punkmodels.label_sets.sampling import PunkSampler, fix_values
from punkmodels.renderer.drawing import find_visible
from punkmodels.renderer.network import BUNDLED_RENDERER, conditions_from_labels, load_renderer

CPU = torch.device("cpu")


def build_synthetic_snapshot(root: Path, count: int) -> Path:
    """Build a snapshot of random punks in a data root, and return its folder."""
    renderer = load_renderer(BUNDLED_RENDERER, CPU)
    sampler = PunkSampler(load_label_sets(BUNDLED_LABEL_SETS, CPU), renderer)
    punks = sampler.sample(count, 0, fix_values(None, [], None))

    def render(labels: torch.Tensor) -> torch.Tensor:
        sprites: torch.Tensor = renderer(conditions_from_labels(labels, punks.skin_tones))
        return sprites

    is_hidden = punks.labels.bool() & ~find_visible(punks.labels, render)
    records, hidden = [], {}
    for punk_id, (row, is_invisible, sprite) in enumerate(
        zip(punks.labels.tolist(), is_hidden.tolist(), punks.sprites.numpy(), strict=True)
    ):
        names = tuple(itertools.compress(ACCESSORIES, row[len(TYPES) :]))
        image, punk_type = PALETTE[sprite], TYPES[row.index(1)]
        unseen = itertools.compress(ACCESSORIES, is_invisible[len(TYPES) :])
        hidden[pixels_sha256(image)] = tuple(unseen)
        records.append(
            PunkRecord(punk_id, punk_type, names, image, "synthetic:", "0" * 64, 1.0, None, 1.0)
        )
    table, provenance = make_punk_tables(records, None, (), hidden)
    tables = {"punks": table, "provenance": provenance}
    manifest = Manifest(
        status="complete",
        expected=count,
        source="synthetic",
        recording="none",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        created_by="synthetic_punks.py",
        files=(),
        **summarize_tables(tables),
    )
    return write_snapshot(root, manifest, tables)[0].path

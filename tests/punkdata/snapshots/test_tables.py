from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from support.sprites import FakePunk

from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.tables import (
    count_labels_and_splits,
    extract_hidden_labels,
    extract_labels,
    extract_samples,
    extract_sprites,
)
from punkdata.traits import LABELS, encode_labels


def test_extract_sprites_and_labels_invert_the_build(
    built_root: Path, punks: list[FakePunk]
) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id")
    assert (extract_sprites(rows) == np.stack([p.sprite for p in punks])).all()
    vectors = [encode_labels(p.type, p.accessories) for p in punks]
    assert (extract_labels(rows) == np.stack(vectors)).all()


def test_count_labels_and_splits_counts_every_row(built_root: Path, punks: list[FakePunk]) -> None:
    counts = count_labels_and_splits(open_snapshot(built_root).punks())
    assert counts["punks"] == 60
    assert list(counts["labels"]) == list(LABELS)
    assert counts["labels"]["Ape"] == sum(p.type == "Ape" for p in punks)
    without_accessories = sum(not p.accessories for p in punks)
    assert counts["accessories_per_punk"]["0"] == without_accessories
    assert counts["splits"]["by_id"] == {"train": 60, "val": 0, "test": 0}


def test_extract_samples_returns_rows_without_nulls(built_root: Path) -> None:
    rows = open_snapshot(built_root).punks("val")
    samples = extract_samples(rows)
    assert [s.punk_id for s in samples] == rows.column("punk_id").to_pylist()
    assert all(value is not None for value in vars(samples[0]).values())


def test_extract_hidden_labels_encodes_the_column(built_root: Path) -> None:
    rows = open_snapshot(built_root).punks("val").slice(0, 2)
    index = rows.schema.get_field_index("hidden_accessories")
    rows = rows.set_column(index, "hidden_accessories", pa.array([["Mole"], []]))
    assert np.argwhere(extract_hidden_labels(rows)).tolist() == [[0, LABELS.index("Mole")]]

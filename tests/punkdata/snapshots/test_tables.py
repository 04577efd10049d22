from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from support.sprites import FakePunk

from punkdata.schema import SALES
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import (
    extract_hidden_labels,
    extract_labels,
    extract_sprites,
    summarize_tables,
)
from punkdata.traits import LABELS, encode_labels


def replace_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def test_extract_sprites_and_labels_invert_the_build(
    built_root: Path, punks: list[FakePunk]
) -> None:
    rows = open_snapshot(built_root).punks().sort_by("punk_id")
    assert (extract_sprites(rows) == np.stack([p.sprite for p in punks])).all()
    vectors = [encode_labels(p.type, p.accessories) for p in punks]
    assert (extract_labels(rows) == np.stack(vectors)).all()


def test_extract_hidden_labels_encodes_the_column(snapshot: Snapshot) -> None:
    rows = replace_column(snapshot.punks().slice(0, 2), "hidden_accessories", [["Mole"], []])
    assert np.argwhere(extract_hidden_labels(rows)).tolist() == [[0, LABELS.index("Mole")]]


def test_summarize_tables_counts_every_row(snapshot: Snapshot, punks: list[FakePunk]) -> None:
    counts = summarize_tables({"punks": snapshot.punks()})
    assert counts["punks"] == 60
    assert list(counts["labels"]) == list(LABELS)
    assert counts["labels"]["Ape"] == sum(p.type == "Ape" for p in punks)
    without_accessories = sum(not p.accessories for p in punks)
    assert counts["accessories_per_punk"]["0"] == without_accessories
    assert counts["splits"]["by_id"] == {"train": 60, "val": 0, "test": 0}


def test_version_is_independent_of_row_order_and_derived_columns(snapshot: Snapshot) -> None:
    punks = snapshot.punks()
    shuffled = punks.take(np.random.default_rng(0).permutation(len(punks)))
    derived = replace_column(punks, "median_sale_eth", [0.5] * len(punks))
    for rows in (shuffled, derived):
        assert summarize_tables({"punks": rows})["version"] == snapshot.version


def test_sale_changes_the_version_but_not_the_labels_hash(snapshot: Snapshot) -> None:
    sold = replace_column(snapshot.punks(), "sale_count", [1] * 60)
    found = summarize_tables({"punks": sold})
    assert found["version"] != snapshot.version
    assert found["labels_hash"] == snapshot.manifest.labels_hash


def test_no_sales_and_unknown_sales_have_different_versions(snapshot: Snapshot) -> None:
    none_sold = summarize_tables({"punks": snapshot.punks(), "sales": SALES.empty_table()})
    assert none_sold["version"] != snapshot.version

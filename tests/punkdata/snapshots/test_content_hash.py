from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from punkdata.schema import SALES
from punkdata.snapshots.content_hash import compute_labels_hash, compute_version
from punkdata.snapshots.reader import open_snapshot


def test_version_is_independent_of_row_order_and_derived_columns(
    built_root: Path,
) -> None:
    snapshot = open_snapshot(built_root)
    punks = snapshot.punks()
    shuffled = punks.take(np.random.default_rng(0).permutation(len(punks)))
    assert compute_version("cryptopunks", shuffled, None) == snapshot.version
    column = pa.array([0.5] * len(punks))
    index = punks.schema.get_field_index("median_sale_eth")
    changed = punks.set_column(index, "median_sale_eth", column)
    assert compute_version("cryptopunks", changed, None) == snapshot.version


def test_sale_changes_the_version_but_not_the_labels_hash(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    punks = snapshot.punks()
    index = punks.schema.get_field_index("sale_count")
    sold = punks.set_column(index, "sale_count", pa.array([1] * len(punks), pa.int32()))
    assert compute_version("cryptopunks", sold, None) != snapshot.version
    assert compute_labels_hash(sold) == snapshot.manifest.labels_hash


def test_no_sales_and_unknown_sales_have_different_versions(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    none_sold = compute_version("cryptopunks", snapshot.punks(), SALES.empty_table())
    assert none_sold != snapshot.version

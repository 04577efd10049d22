"""Conversions of a punks table: to sprites, label vectors, tar samples and label counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from punkdata.errors import DataError
from punkdata.images.sprite_png import decode_sprites
from punkdata.snapshots.shards import Sample
from punkdata.splits import SPLIT_COLUMNS, SPLITS
from punkdata.traits import ACCESSORIES, ACCESSORY_IDS, LABELS, TYPES

_ALLOWED_VALUES = {
    "type": TYPES,
    "accessories": ACCESSORIES,
    "hidden_accessories": ACCESSORIES,
    **dict.fromkeys(SPLIT_COLUMNS.values(), SPLITS),
}
"""Valid values of each column that contains names."""
_REQUIRED = {
    *_ALLOWED_VALUES,
    *("punk_id", "type_id", "accessory_ids", "accessory_count", "labels", "image"),
}
"""Columns that must not contain null."""


def column_to_numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return a numeric column without nulls as a read-only array of shape (N,).

    pyarrow's own `to_numpy` imports pandas, which takes longer than reading all punks.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    numbers: NDArray[Any] = np.from_dlpack(array)
    return numbers


def validate_punks(punks: pa.Table) -> None:
    """Check the properties that readers rely on, in rows that anyone may have written.

    This checks only whether the values are valid; `punkdata verify` checks whether they are
    correct.

    Args:
        punks: Some or all columns of the schema `PUNKS`.

    Raises:
        DataError: A value is null, a name is unknown, a punk_id is negative, or a label is
            neither 0 nor 1.
    """
    for name, column in zip(punks.column_names, punks.columns, strict=True):
        values = column.combine_chunks()
        nulls = values.null_count
        if name == "image":
            values = values.field("bytes")
        elif pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            values = values.flatten()
        if name in _REQUIRED and (nulls or values.null_count):
            raise DataError(f"the column {name} contains null")
        if name in _ALLOWED_VALUES:
            unknown = set(values.unique().to_pylist()).difference(_ALLOWED_VALUES[name])
            if unknown:
                raise DataError(f"the column {name} contains the unknown value {min(unknown)!r}")
        if name in {"punk_id", "labels"} and len(values):
            limits = pc.min_max(values).as_py()
            if limits["min"] < 0 or (name == "labels" and limits["max"] > 1):
                found = f"{limits['min']} to {limits['max']}"
                raise DataError(f"the column {name} has values from {found}, which is out of range")


def extract_sprites(punks: pa.Table) -> NDArray[np.uint8]:
    """Decode the column `image` to RGBA sprites, uint8 (N, 24, 24, 4).

    Raises:
        DataError: An image is damaged, or was not written by punkdata.
    """
    pngs = punks.column("image").combine_chunks().field("bytes").to_pylist()
    return decode_sprites(pngs)


def extract_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """Return the column `labels` as 0 and 1, uint8 (N, 92), in the order of `LABELS`."""
    labels: NDArray[np.uint8] = column_to_numpy(punks.column("labels").combine_chunks().flatten())
    return labels.reshape(-1, len(LABELS))


def extract_hidden_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """Return the column `hidden_accessories` as label vectors, uint8 (N, 92), 1 where hidden."""
    rows = punks.column("hidden_accessories").to_pylist()
    hidden = np.zeros((len(rows), len(LABELS)), np.uint8)
    for row, names in enumerate(rows):
        hidden[row, [len(TYPES) + ACCESSORY_IDS[name] for name in names]] = 1
    return hidden


def count_labels_and_splits(punks: pa.Table) -> dict[str, Any]:
    """Return the manifest fields that count rows: punks, splits, labels, accessories_per_punk."""
    support = extract_labels(punks).sum(axis=0, dtype=int)
    per_punk = np.bincount(column_to_numpy(punks.column("accessory_count")))
    return {
        "punks": len(punks),
        "splits": {
            scheme: {split: punks.column(column).to_pylist().count(split) for split in SPLITS}
            for scheme, column in SPLIT_COLUMNS.items()
        },
        "labels": {name: int(n) for name, n in zip(LABELS, support, strict=True)},
        "accessories_per_punk": {str(i): int(n) for i, n in enumerate(per_punk)},
    }


def extract_samples(punks: pa.Table) -> list[Sample]:
    """Return the rows of a punks table as tar samples."""
    names = [field for field in Sample.__dataclass_fields__ if field in punks.column_names]
    rows = punks.select([*names, "image"]).to_pylist()
    return [Sample(png=row.pop("image")["bytes"], **row) for row in rows]

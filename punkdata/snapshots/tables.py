"""What stands in the rows of a punks table: sprites, label vectors, samples, counts. Pure."""

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

_NAMES = {
    "type": TYPES,
    "accessories": ACCESSORIES,
    "hidden_accessories": ACCESSORIES,
    **dict.fromkeys(SPLIT_COLUMNS.values(), SPLITS),
}
"""columns of words -> those there are"""
_WHOLE = {*_NAMES, "punk_id", "type_id", "accessory_ids", "accessory_count", "labels", "image"}
"""columns without gaps"""


def column_to_numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """(N,) of a column of numbers without gaps, read-only.

    pyarrow's own `to_numpy` brings pandas, which takes longer than to read all punks.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    found: NDArray[Any] = np.from_dlpack(whole)
    return found


def validate_punks(punks: pa.Table) -> None:
    """That a stranger's rows hold what readers rely on; whether it is true, `verify` tells.

    Args:
        punks: some or all columns, of the types in `schema.PUNKS`.

    Raises:
        DataError: a value is missing, a name unknown, a number below 0 or a label not 0 or 1.
    """
    for name, column in zip(punks.column_names, punks.columns, strict=True):
        values = column.combine_chunks()
        gaps = values.null_count
        if name == "image":
            values = values.field("bytes")
        elif pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            values = values.flatten()
        if name in _WHOLE and (gaps or values.null_count):
            raise DataError(f"the column {name} has gaps")
        if name in _NAMES:
            strange = set(values.unique().to_pylist()).difference(_NAMES[name])
            if strange:
                raise DataError(f"the column {name} has {min(strange)!r}, unknown here")
        if name in {"punk_id", "labels"} and len(values):
            span = pc.min_max(values).as_py()
            if span["min"] < 0 or (name == "labels" and span["max"] > 1):
                raise DataError(f"the column {name} has {span['min']} to {span['max']}")


def extract_sprites(punks: pa.Table) -> NDArray[np.uint8]:
    """uint8 (N, 24, 24, 4): the images of a table with the column `image`."""
    pngs = punks.column("image").combine_chunks().field("bytes").to_pylist()
    return decode_sprites(pngs)


def extract_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """uint8 (N, 92): the column `labels`, in the order of `traits.LABELS`."""
    labels: NDArray[np.uint8] = column_to_numpy(punks.column("labels").combine_chunks().flatten())
    return labels.reshape(-1, len(LABELS))


def extract_hidden_labels(punks: pa.Table) -> NDArray[np.uint8]:
    """uint8 (N, 92): 1 where a label is hidden, by the column `hidden_accessories`."""
    names = punks.column("hidden_accessories").to_pylist()
    hidden = np.zeros((len(names), len(LABELS)), np.uint8)
    for row, of_one in enumerate(names):
        hidden[row, [len(TYPES) + ACCESSORY_IDS[name] for name in of_one]] = 1
    return hidden


def count_labels_and_splits(punks: pa.Table) -> dict[str, Any]:
    """The fields of a manifest that count a table's rows: punks, splits, labels and so on."""
    carried = extract_labels(punks).sum(axis=0, dtype=int)
    per_punk = np.bincount(column_to_numpy(punks.column("accessory_count")))
    return {
        "punks": len(punks),
        "splits": {
            scheme: {part: punks.column(column).to_pylist().count(part) for part in SPLITS}
            for scheme, column in SPLIT_COLUMNS.items()
        },
        "labels": {name: int(n) for name, n in zip(LABELS, carried, strict=True)},
        "accessories_per_punk": {str(i): int(n) for i, n in enumerate(per_punk)},
    }


def extract_samples(punks: pa.Table) -> list[Sample]:
    """The rows of a punks table as tar samples."""
    names = [field for field in Sample.__dataclass_fields__ if field in punks.column_names]
    rows = punks.select([*names, "image"]).to_pylist()
    return [Sample(png=row.pop("image")["bytes"], **row) for row in rows]

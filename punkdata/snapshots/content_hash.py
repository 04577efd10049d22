"""A snapshot's name: a hash over its logical rows and its pixels.

The same facts make the same name on any machine and any day: no clock, no tool version,
no Parquet or PNG byte and no address of an image goes into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from punkdata.schema import (
    ADDED_IN_SCHEMA,
    SCHEMA_VERSION,
    VERSIONED_PUNK_COLUMNS,
    VERSIONED_SALE_COLUMNS,
)
from punkdata.traits import LABELS


def _canonical(value: Any) -> str:
    """How a value that JSON does not know enters a hash."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    raise TypeError(f"{type(value).__name__} in a versioned column")


def _hash_rows(digest: Any, table: pa.Table, columns: tuple[str, ...]) -> None:
    for row in table.select(list(columns)).to_pylist():
        line = json.dumps(list(row.values()), default=_canonical, separators=(",", ":"))
        digest.update(line.encode() + b"\n")


def compute_version(
    collection: str,
    punks: pa.Table,
    sales: pa.Table | None,
    missing: Iterable[str] = (),
    schema: int = SCHEMA_VERSION,
) -> str:
    """`s<schema>-<12 hex>` of the rows, sorted by punk_id; `sales` None is not known."""
    columns = tuple(c for c in VERSIONED_PUNK_COLUMNS if ADDED_IN_SCHEMA.get(c, 1) <= schema)
    digest = hashlib.sha256(json.dumps([schema, collection, LABELS]).encode())
    _hash_rows(digest, punks.sort_by("punk_id"), columns)
    for punk_id in sorted(missing):  # the same rows, but known to be incomplete
        digest.update(f"missing {punk_id}\n".encode())
    digest.update(b"sales not known\n" if sales is None else b"sales\n")
    if sales is not None:
        _hash_rows(digest, sales, VERSIONED_SALE_COLUMNS)
    return f"s{schema}-{digest.hexdigest()[:12]}"


def compute_labels_hash(punks: pa.Table) -> str:
    """SHA-256 (hex) over pixels, labels and splits, sorted by punk_id."""
    digest = hashlib.sha256(json.dumps(LABELS).encode())
    columns = ("punk_id", "type", "accessories", "split", "split_by_id", "pixels_sha256")
    _hash_rows(digest, punks.sort_by("punk_id"), columns)
    return digest.hexdigest()

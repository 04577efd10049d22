"""Hashes of the logical content of a snapshot: its version, and the hash of its labels.

The same content gives the same hash on any machine and at any time. The hashes do not depend on
the times of fetching and building, tool versions, Parquet and PNG bytes, or image URLs.
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


def compute_version(
    collection: str,
    punks: pa.Table,
    sales: pa.Table | None,
    missing: Iterable[str] = (),
    schema: int = SCHEMA_VERSION,
) -> str:
    """Return the version `s<schema>-<12 hex>` of a snapshot with these rows.

    Args:
        collection: Name of the collection.
        punks: Rows of the punks, in any order.
        sales: Rows of the sales, oldest first; None if the source does not provide sales.
        missing: punk_ids without a row.
        schema: Schema number; columns that were added in a later schema are left out.
    """
    columns = tuple(c for c in VERSIONED_PUNK_COLUMNS if ADDED_IN_SCHEMA.get(c, 1) <= schema)
    digest = hashlib.sha256(json.dumps([schema, collection, LABELS]).encode())
    _hash_rows(digest, punks.sort_by("punk_id"), columns)
    # The version of a partial snapshot differs from that of a complete one with the same rows.
    for punk_id in sorted(missing):
        digest.update(f"missing {punk_id}\n".encode())
    digest.update(b"sales not known\n" if sales is None else b"sales\n")
    if sales is not None:
        _hash_rows(digest, sales, VERSIONED_SALE_COLUMNS)
    return f"s{schema}-{digest.hexdigest()[:12]}"


def compute_labels_hash(punks: pa.Table) -> str:
    """Return the SHA-256 (hexadecimal) of pixels, labels and splits, independent of row order.

    Prices are not included, so the hash stays the same when only sales are added.
    """
    digest = hashlib.sha256(json.dumps(LABELS).encode())
    columns = ("punk_id", "type", "accessories", "split", "split_by_id", "pixels_sha256")
    _hash_rows(digest, punks.sort_by("punk_id"), columns)
    return digest.hexdigest()


def _hash_rows(digest: Any, table: pa.Table, columns: tuple[str, ...]) -> None:
    """Update a hashlib digest with one JSON array per row."""
    for row in table.select(list(columns)).to_pylist():
        line = json.dumps(list(row.values()), default=_to_json, separators=(",", ":"))
        digest.update(line.encode() + b"\n")


def _to_json(value: Any) -> str:
    """Return the canonical text of a value that JSON cannot represent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    raise TypeError(f"a versioned column contains a {type(value).__name__}")

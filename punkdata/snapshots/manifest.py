"""manifest.json: what a snapshot holds, with the size and hash of each of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.schema import SCHEMA_VERSION
from punkdata.traits import LABELS

MAX_MANIFEST_BYTES = 64_000_000
"""one that tells why each of 100,000 punks is missing has some 10,000,000"""
VERSION_PATTERN = r"^s[0-9]+-[0-9a-f]{12}$"


class FileEntry(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str = Field(
        max_length=200, pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
    )
    """relative to the snapshot, with forward slashes"""
    bytes: int
    sha256: str


class SalesSummary(BaseModel):
    model_config = ConfigDict(frozen=True)

    count: int
    first_sold_at: str | None
    last_sold_at: str | None


class Manifest(BaseModel):
    """The content of manifest.json. A newer minor writer may add fields; they are kept out."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    version: str = Field(pattern=VERSION_PATTERN)
    """`s<schema>-<12 hex>`, computed from the logical rows and the pixels alone"""
    labels_hash: str
    """SHA-256 over pixels, labels and splits: what trained weights depend on"""
    collection: str = Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    status: Literal["complete", "partial"]
    expected: int
    """how many punks the source says there are"""
    punks: int
    limit: int | None = None
    """how many punks were asked for, where that was not all"""
    missing: dict[str, str] = {}
    """punk_id -> why it has no row"""
    splits: dict[str, dict[str, int]]
    """scheme -> part -> number of punks"""
    labels: dict[str, int]
    """each of the 92 labels, in order -> number of punks that carry it"""
    accessories_per_punk: dict[str, int]
    """number of accessories -> number of punks"""
    sales: SalesSummary | None
    """None when the source knows no sales, which is not the same as no sales"""
    source: str
    base_url: str | None = None
    """of the API that the source is"""
    recording: str
    created_at: str
    created_by: str
    files: tuple[FileEntry, ...]

    @field_validator("labels")
    @classmethod
    def _all_labels(cls, labels: dict[str, int]) -> dict[str, int]:
        if tuple(labels) != LABELS:
            raise ValueError(f"not the {len(LABELS)} labels in their order")
        return labels

    @property
    def is_whole_collection(self) -> bool:
        """Whether the known totals of the 10,000 CryptoPunks must hold."""
        return self.status == "complete" and self.expected == 10_000


def may_become_latest(manifest: Manifest, newest: Manifest | None) -> bool:
    """Return True unless a snapshot is partial, or a `--limit` sample of a larger one.

    Args:
        manifest: the candidate.
        newest: the snapshot that `latest` names; None if there is none.
    """
    if manifest.status != "complete":
        return False
    return manifest.limit is None or newest is None or newest.expected <= manifest.expected


def check_version(manifest: Manifest, version: str, place: str) -> None:
    """Raises:
    UsageError: a snapshot's own place was given, and the version of another.
    """
    if version not in ("latest", manifest.version):
        raise UsageError(f"{place} is {manifest.version}, not {version}")


def read_manifest(file: Path) -> Manifest:
    """Read and check a manifest.json.

    Raises:
        SchemaError: a newer punkdata wrote it.
        DataError: it is damaged.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_MANIFEST_BYTES + 1)
        if len(text) > MAX_MANIFEST_BYTES:
            raise ValueError(f"it has more than {MAX_MANIFEST_BYTES:,} bytes")
        data = json.loads(text)
        schema = data["schema_version"]
        if schema > SCHEMA_VERSION:
            raise SchemaError(
                f"{file} has schema {schema}, this punkdata reads up to {SCHEMA_VERSION}",
                hint="pip install --upgrade punkdata",
            )
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{file} is damaged ({where}: {first['msg']})") from None
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DataError(f"{file} is damaged ({error})") from None

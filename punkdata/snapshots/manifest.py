"""The manifest of a snapshot: its contents, origin and counts, and the hash of every file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from punkdata.errors import DataError, SchemaError, UsageError
from punkdata.schema import SCHEMA_VERSION
from punkdata.traits import LABELS

MAX_MANIFEST_BYTES = 64_000_000
"""Size limit of manifest.json. A manifest with 100,000 missing punks has about 10 MB."""
VERSION_PATTERN = r"^s[0-9]+-[0-9a-f]{12}$"
"""Regular expression of a version, for example s2-0123456789ab."""


class FileEntry(BaseModel):
    """One file of a snapshot."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(
        max_length=200, pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
    )
    """Path relative to the snapshot folder, with forward slashes."""
    bytes: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the content, hexadecimal."""


class SalesSummary(BaseModel):
    """Number and time range of the sales in a snapshot."""

    model_config = ConfigDict(frozen=True)

    count: int
    """Number of sales of any kind."""
    first_sold_at: str | None
    """Time of the first sale, ISO 8601 in UTC; None if there are no sales."""
    last_sold_at: str | None
    """Time of the last sale, ISO 8601 in UTC; None if there are no sales."""


class Manifest(BaseModel):
    """The content of manifest.json. Unknown fields, which a newer punkdata may add, are ignored."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    """Number of the table schema: `punkdata.schema.SCHEMA_VERSION` at the time of the build."""
    version: str = Field(pattern=VERSION_PATTERN)
    """Version `s<schema>-<12 hex>`, a hash of the logical rows and the pixels."""
    labels_hash: str
    """SHA-256 of pixels, labels and splits: everything that trained weights depend on."""
    collection: str = Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the collection, as OpenSea spells it."""
    status: Literal["complete", "partial"]
    """Whether every requested punk has a row."""
    expected: int
    """Number of requested punks, whether or not they have a row."""
    punks: int
    """Number of punks with a row."""
    limit: int | None = None
    """Value of `--limit` for a sample; None for the full collection."""
    missing: dict[str, str] = {}
    """Reason why a punk has no row, by punk_id."""
    splits: dict[str, dict[str, int]]
    """Number of punks by split scheme and split."""
    labels: dict[str, int]
    """Number of punks with each of the 92 labels, in the order of `LABELS`."""
    accessories_per_punk: dict[str, int]
    """Number of punks by number of accessories."""
    sales: SalesSummary | None
    """Summary of the sales; None if the source does not provide sales."""
    source: str
    """Name of the source, for example "opensea"."""
    base_url: str | None = None
    """Base URL of the source's API; None if the source is not an API."""
    recording: str
    """Name of the recording from which the snapshot was built."""
    created_at: str
    """Time of the build, ISO 8601 in UTC."""
    created_by: str
    """Program and version that built the snapshot."""
    files: tuple[FileEntry, ...]
    """All files of the snapshot except the manifest."""

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, int]) -> dict[str, int]:
        if tuple(labels) != LABELS:
            raise ValueError(f"these are not the {len(LABELS)} labels in their fixed order")
        return labels

    @property
    def is_full_collection(self) -> bool:
        """True for all 10,000 CryptoPunks, whose totals are known and can be checked."""
        return self.status == "complete" and self.expected == 10_000


def may_become_latest(manifest: Manifest, newest: Manifest | None) -> bool:
    """Return True unless a snapshot is partial, or a `--limit` sample smaller than the latest.

    Args:
        manifest: The candidate.
        newest: The snapshot that `latest` names; None if there is none.
    """
    if manifest.status != "complete":
        return False
    return manifest.limit is None or newest is None or newest.expected <= manifest.expected


def check_version(manifest: Manifest, version: str, place: str) -> None:
    """Check that the snapshot at a given place has the requested version.

    Args:
        version: Requested version, or "latest", which matches any.
        place: Folder or URL of the snapshot, for the message.

    Raises:
        UsageError: The snapshot has another version.
    """
    if version not in ("latest", manifest.version):
        raise UsageError(f"the snapshot in '{place}' is {manifest.version}, not {version}")


def read_manifest(file: Path, *, hint: str | None = None) -> Manifest:
    """Read and validate a manifest.json.

    Args:
        hint: Hint of the error for a damaged manifest.

    Raises:
        SchemaError: The manifest was written by a newer punkdata.
        DataError: The manifest is damaged.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_MANIFEST_BYTES + 1)
        if len(text) > MAX_MANIFEST_BYTES:
            raise ValueError(f"more than {MAX_MANIFEST_BYTES:,} bytes")
        data = json.loads(text)
        schema = data["schema_version"]
        if schema > SCHEMA_VERSION:
            raise SchemaError(
                f"'{file}' has schema {schema}, but this version of punkdata reads up to "
                f"{SCHEMA_VERSION}",
                hint="upgrade with: pip install --upgrade punkdata",
            )
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"'{file}' is damaged ({where}: {first['msg']})", hint=hint) from None
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DataError(f"'{file}' is damaged ({error})", hint=hint) from None

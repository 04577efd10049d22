"""The manifest of a snapshot: its contents, origin and counts, and the hash of every file."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from punkdata.arguments import describe
from punkdata.errors import DataError, SchemaError, UsageError, plain_requirement
from punkdata.files import root_option, sha256_file, snapshots_dir
from punkdata.safe_text import make_line_safe
from punkdata.schema import SCHEMA_VERSION
from punkdata.split_names import Split
from punkdata.traits import LABELS

MAX_MANIFEST_BYTES = 64_000_000
"""Size limit of manifest.json. A manifest with 100,000 missing punks has about 10 MB."""
VERSION_PATTERN = r"^s[0-9]+-[0-9a-f]{12}$"
"""Regular expression of a version, for example s3-0123456789ab."""
_PATH_PATTERN = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$"

Count = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Symbol = Annotated[str, Field(max_length=100)]


class FileEntry(BaseModel, frozen=True):
    """One file of a snapshot; its path is relative to the folder, with forward slashes."""

    path: str = Field(max_length=200, pattern=_PATH_PATTERN)
    bytes: Count
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    def find_damage(self, file: Path) -> str | None:
        """Return how a file differs from this entry; None if size and SHA-256 are the same."""
        try:
            if (size := file.stat().st_size) != self.bytes:
                return f"{self.path} has {size} bytes instead of {self.bytes}"
            if sha256_file(file) != self.sha256:
                return f"{self.path} does not have the SHA-256 that the manifest gives"
        except OSError as error:
            return f"{self.path} cannot be read ({error.strerror})"
        return None


class SalesSummary(BaseModel, frozen=True):
    """Number and time range (ISO 8601, UTC) of the sales in a snapshot, of any kind.

    `markets` has the number of sales in each market, and `flagged` the number of sales with each
    flag, which price statistics leave out; both are empty in snapshots of older schemas.
    `usd_from` is the first day with a known price of ETH in USD, None if none is known.
    """

    count: Count
    first_sold_at: str | None
    last_sold_at: str | None
    markets: dict[str, Count] = {}
    flagged: dict[str, Count] = {}
    usd_from: str | None = None


class MarketStats(BaseModel, frozen=True):
    """Statistics of the collection at the time of the fetch, as OpenSea reports them.

    The volume and the number of sales are of all time, and the floor price is the lowest price at
    which any punk was for sale. A field is None if OpenSea does not report it.
    """

    volume: Amount | None = None
    volume_symbol: Symbol | None = None
    sales: Count | None = None
    num_owners: Count | None = None
    floor_price: Amount | None = None
    floor_price_symbol: Symbol | None = None


class Manifest(BaseModel, frozen=True):
    """The content of manifest.json. Unknown fields, which a newer punkdata may add, are ignored.

    `version` and `labels_hash` are explained in `tables.py`. A complete snapshot has a row for each
    of the `expected` punks; `missing` has the reasons why others have none. `limit` is the
    value of `--limit` for a sample. `sales` is None if the source does not provide sales, and
    `base_url` if it is not an API. `lost_sales` is the number of sales that the source lists but
    that could not be read; a snapshot that lacks any is partial. `tables` has the number of rows of
    each optional table that the snapshot has. `files` omits the manifest.
    """

    schema_version: int = SCHEMA_VERSION
    version: str = Field(pattern=VERSION_PATTERN)
    labels_hash: str
    collection: Literal["cryptopunks"] = "cryptopunks"
    status: Literal["complete", "partial"]
    expected: Count
    punks: Count
    limit: Count | None = None
    missing: dict[str, str] = {}
    splits: dict[str, dict[str, Count]]
    labels: dict[str, Count]
    accessories_per_punk: dict[str, Count]
    sales: SalesSummary | None
    lost_sales: Count = 0
    tables: dict[str, Count] = {}
    market_stats: MarketStats | None = None
    source: str
    base_url: str | None = None
    recording: str
    created_at: str
    created_by: str
    files: tuple[FileEntry, ...]

    @model_validator(mode="before")
    @classmethod
    def _count_tables(cls, data: Any) -> Any:
        """Derive `tables`, which manifests lack up to schema 2."""
        if not isinstance(data, dict) or "tables" in data:
            return data
        sales = data.get("sales")
        counts = {"sales": sales.get("count") if isinstance(sales, dict) else None}
        counts["listings"] = data.get("listings")
        return data | {"tables": {name: n for name, n in counts.items() if n is not None}}

    @field_validator("schema_version")
    @classmethod
    def _check_schema(cls, schema: int) -> int:
        # Other fields may have changed as well, so this error replaces theirs.
        if schema > SCHEMA_VERSION:
            raise SchemaError(
                f"the snapshot has schema {schema}, but this version of punkdata reads up to "
                f"{SCHEMA_VERSION}",
                hint="upgrade with: pip install --upgrade punkdata",
            )
        return schema

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, int]) -> dict[str, int]:
        if tuple(labels) != LABELS:
            raise ValueError(f"these are not the {len(LABELS)} labels in their fixed order")
        return labels

    @field_validator("files")
    @classmethod
    def _check_paths(cls, files: tuple[FileEntry, ...]) -> tuple[FileEntry, ...]:
        # Some file systems do not distinguish upper and lower case.
        seen = {"manifest.json"}
        for entry in sorted(files, key=lambda entry: entry.path.casefold()):
            path = entry.path.casefold()
            if path in seen or any(parent.as_posix() in seen for parent in Path(path).parents):
                raise ValueError(f"two files would have the path {entry.path}")
            seen.add(path)
        return files

    def __repr__(self) -> str:
        return make_line_safe(
            f"Manifest({self.version}, {self.status}, {self.punks:,} punks, "
            f"{len(self.files)} files, created {self.created_at} from {self.source})"
        )

    __str__ = __repr__

    @property
    def bytes(self) -> int:
        """Total size of the files."""
        return sum(entry.bytes for entry in self.files)

    @property
    def is_full_collection(self) -> bool:
        """True for all 10,000 CryptoPunks, whose totals are known and can be checked."""
        return self.status == "complete" and self.expected == 10_000

    def may_replace(self, latest: Manifest | None) -> bool:
        """Return False for a partial snapshot, and for a sample smaller than the latest one."""
        if self.status != "complete":
            return False
        return self.limit is None or latest is None or latest.expected <= self.expected

    def check_version(self, version: str, place: str) -> None:
        """Raise UsageError unless the snapshot at `place` has the version; "latest" matches any."""
        if version not in ("latest", self.version):
            raise UsageError(f"the snapshot in '{place}' is {self.version}, not {version}")


def read_manifest(file: Path) -> Manifest:
    """Read a local manifest.json; raises the errors of `parse_manifest`."""
    hint = suggest_rebuild(file.parent)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        if isinstance(error, PermissionError):
            hint = "ask its owner for read permission"
        raise DataError(f"'{file}' cannot be read ({error.strerror})", hint=hint) from None
    return parse_manifest(data, str(file), hint)


def parse_manifest(data: bytes, place: str, hint: str) -> Manifest:
    """Parse the content of the manifest.json at `place`, a path or URL for the messages.

    Raises SchemaError if a newer punkdata wrote it, and DataError with `hint` if it is damaged.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise DataError(f"'{place}' has more than {MAX_MANIFEST_BYTES:,} bytes", hint=hint)
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        # pydantic wraps the SchemaError of the validator above, because it is a ValueError.
        if isinstance(cause := first.get("ctx", {}).get("error"), SchemaError):
            raise cause from None
        where = ".".join(map(str, first["loc"])) or "file"
        raise DataError(
            f"'{place}' is damaged ({where}: {plain_requirement(first['msg'])})", hint=hint
        ) from None


def suggest_rebuild(folder: Path) -> str:
    """Return a hint on how to replace a damaged snapshot folder."""
    return f"move the folder away, then run: punkdata build-dataset{root_option_of(folder)}"


def root_option_of(folder: Path) -> str:
    """Return the --root option for the data root of a snapshot folder; "" if it needs none."""
    is_in_root = folder.parent.parent.name == "snapshots"
    return root_option(folder.parents[2]) if is_in_root else ""


def list_manifests(root: Path) -> list[Path]:
    """Return the manifest files of all snapshots below a root, sorted by version."""
    return sorted(snapshots_dir(root).glob("[!.]*/manifest.json"))


def parse_latest(data: bytes) -> str | None:
    """Return the version that the content of a file `latest` names, or None if it names none.

    Editors and shells, PowerShell for example, may have added a byte order mark and line ends.
    """
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data[:100].decode("utf-16" if is_utf16 else "utf-8-sig", "replace").strip()
    return text if re.fullmatch(VERSION_PATTERN, text) else None


def get_latest_version(root: Path) -> str | None:
    """Return the version that `latest` names, or None if there is no such file or it names none.

    If the folder of that version was deleted, the newest complete snapshot takes its place.
    """
    home = snapshots_dir(root)
    try:
        version = parse_latest((home / "latest").read_bytes())
    except OSError:
        return None
    return version if version is None or (home / version).exists() else find_newest(root)


def find_newest(root: Path) -> str | None:
    """Return the version of the newest complete snapshot; larger ones take precedence."""
    manifests = [read_manifest(file) for file in list_manifests(root)]
    complete = [manifest for manifest in manifests if manifest.status == "complete"]
    newest = max(complete, key=lambda m: (m.expected, m.created_at, m.version), default=None)
    return newest.version if newest else None


def check_version(version: str) -> str:
    """Return a version unchanged; raise UsageError if it cannot be one. It need not exist."""
    if not isinstance(version, str):
        raise UsageError(f'version must be a string such as "latest", not {describe(version)}')
    if version in get_args(Split):
        raise UsageError(
            f"there is no snapshot {version}: this is the name of a split",
            hint=f"pass it to PunkDataset(…, split={version!r}), or to the methods of the snapshot",
        )
    return version

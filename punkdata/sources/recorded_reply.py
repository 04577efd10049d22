"""One line of a recording's index: a reply, and the key that identifies its request.

A request is identified by its method, its canonical URL, the hash of its body, and the number
of times that the pagination it belongs to had started over.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

RECORDED_HEADERS = frozenset(
    {"content-type", "date", "etag", "last-modified", "retry-after"}
    | {f"x-ratelimit-{part}" for part in ("limit", "remaining", "reset")}
)
"""Response headers that are recorded. All others are dropped, because they may contain a key, a
cookie or an account name."""

MAX_BODY_BYTES = 64_000_000
"""Largest allowed body, uncompressed. A page of the OpenSea API has about 100,000 bytes."""

RequestKey = tuple[str, str, str | None, int]
"""Method, canonical URL, SHA-256 of the request body, and pass number."""


def canonical_url(url: str) -> str:
    """Return the URL with its query parameters sorted and its fragment removed."""
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return urlunsplit(parts._replace(query=query, fragment=""))


def strip_cursor(url: str) -> str:
    """Return a canonical URL without its pagination cursor; it is the same for all pages."""
    base, _, query = url.partition("?")
    if "next=" not in query:
        return url
    parameters = [part for part in query.split("&") if not part.startswith("next=")]
    return f"{base}?{'&'.join(parameters)}" if parameters else base


class Reply(BaseModel):
    """One line of index.jsonl."""

    model_config = ConfigDict(populate_by_name=True)

    method: str = "GET"
    url: str
    """Canonical URL of the request."""
    request_sha256: str | None = None
    """SHA-256 of the request body; None if the request has no body."""
    status: int
    headers: dict[str, str] = {}
    body: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the uncompressed body, which is also its file name; None if only the status was
    recorded."""
    body_bytes: int = Field(default=0, ge=0, le=MAX_BODY_BYTES)
    """Size of the uncompressed body in bytes."""
    time: str
    """Time of arrival in UTC, ISO 8601."""
    pass_number: int = Field(default=0, alias="pass")
    """Number of times that pagination of this query had started over before the reply. Of a
    query's pages, only those with the highest number are used."""

    @property
    def is_final(self) -> bool:
        """Whether the reply is a success or a "not found", so its body is recorded."""
        return 200 <= self.status < 300 or self.status in (404, 410)

    @property
    def request_key(self) -> RequestKey:
        """The key that identifies the request in the index."""
        return self.method, self.url, self.request_sha256, self.pass_number


def to_json_line(reply: Reply) -> str:
    """Return the reply as a line of index.jsonl, including the line break."""
    return json.dumps(reply.model_dump(by_alias=True, exclude_none=True)) + "\n"

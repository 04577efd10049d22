"""One line of a recording's index: a reply, and the name under which it is found again.

A request is named by its method, its canonical URL, the hash of its body, and the pass over
the listing that it is a page of.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

KEPT_HEADERS = frozenset(
    {"content-type", "date", "etag", "last-modified", "retry-after"}
    | {f"x-ratelimit-{part}" for part in ("limit", "remaining", "reset")}
)
"""no header with a key, a cookie or an account is ever written"""

MAX_BODY_BYTES = 64_000_000
"""of one reply, unpacked: a page of OpenSea's has some 100,000"""

Key = tuple[str, str, str | None, int]
"""method, canonical URL, SHA-256 of the request's body, pass"""


def canonical_url(url: str) -> str:
    """The URL with its query sorted, without a fragment: one name for one request."""
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return urlunsplit(parts._replace(query=query, fragment=""))


def listing_of(url: str) -> str:
    """A canonical URL without its cursor: what all pages of one listing share."""
    head, _, query = url.partition("?")
    if "next=" not in query:
        return url
    kept = [part for part in query.split("&") if not part.startswith("next=")]
    return f"{head}?{'&'.join(kept)}" if kept else head


class Reply(BaseModel):
    """One line of index.jsonl."""

    model_config = ConfigDict(populate_by_name=True)

    method: str = "GET"
    url: str
    request_sha256: str | None = None
    status: int
    headers: dict[str, str] = {}
    body: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the body, which is the name of its file; None where only the status counts"""
    body_bytes: int = Field(default=0, ge=0, le=MAX_BODY_BYTES)
    """unpacked"""
    time: str
    pass_number: int = Field(default=0, alias="pass")
    """how often this listing had been begun anew; the newest pass counts"""

    @property
    def is_answer(self) -> bool:
        """Whether the same request need not be sent again."""
        return 200 <= self.status < 300 or self.status in (404, 410)

    @property
    def key(self) -> Key:
        return self.method, self.url, self.request_sha256, self.pass_number


def to_line(reply: Reply) -> str:
    """As it stands in index.jsonl, with the end of the line."""
    return json.dumps(reply.model_dump(by_alias=True, exclude_none=True)) + "\n"

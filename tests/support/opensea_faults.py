"""Faults of the fake OpenSea server, and the error replies that it sends."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass

Reply = tuple[int, bytes, dict[str, str]]
"""Status, body and headers."""


@dataclass
class Faults:
    """How the server misbehaves. Rates are fractions of all requests, chosen with a fixed seed."""

    rate_limited: float = 0.0
    """Rate of status 429, with Retry-After in seconds or as a date, and of status 599, in turn."""
    unavailable: float = 0.0
    """Rate of status 503, with a body of HTML, text, {"errors": …} and {"detail": …} in turn."""
    drop: float = 0.0
    """Rate of connections that are closed without a reply."""
    truncate: float = 0.0
    """Rate of bodies that are cut in half, with and without a Content-Length in turn."""
    html_with_200: float = 0.0
    """Rate of status 200 with an HTML page instead of the reply."""
    error_with_200: float = 0.0
    """Rate of status 200 with an error instead of the reply, in both forms in turn."""
    reply_delay_s: float = 0.0
    """Duration of every reply in seconds. Half of it passes in the middle of the body."""
    header_delay_s: float = 0.0
    """Time in seconds that passes after each header line."""
    retry_after_s: int = 0
    cursor_loops: int = 0
    """Number of times that the cursor of the third page leads back to the second page."""
    endless_pages: bool = False
    """Whether every page has a next cursor, including the empty pages after the last one."""
    empty_pages: int = 0
    """Number of empty pages before each page, all with a next cursor."""
    last_cursor_repeats: bool = False
    """Whether an empty last page has the cursor that led to it."""
    page_cycle: int = 0
    """Number of pages that are sent again and again, under ever new cursors; 0 for no cycle."""
    rejected_cursors: int = 0
    """Number of times that the cursor of the second page is rejected with status 400."""
    seed: int = 1

    def choose(self, chance: float) -> str | None:
        """Return the fault of a request, or None, given a random number between 0 and 1."""
        for name in (
            *("rate_limited", "unavailable", "drop", "truncate"),
            *("html_with_200", "error_with_200"),
        ):
            rate: float = getattr(self, name)
            if chance < rate:
                return name
            chance -= rate
        return None


HTML_PAGE: Reply = (200, b"<html>Please wait</html>", {"content-type": "text/html"})
"""The page that a proxy sends instead of a reply."""


def rate_limited_reply(number: int, retry_after_s: int) -> Reply:
    """Return one of the three forms of a rate limit error, chosen by `number`."""
    date = email.utils.formatdate(time.time() + retry_after_s, usegmt=True)
    forms = [(429, {"Retry-After": str(retry_after_s)}), (429, {"Retry-After": date}), (599, {})]
    status, headers = forms[number % 3]
    return status, b'{"errors": ["Too many requests"]}', headers


def error_with_200_reply(number: int) -> Reply:
    """Return status 200 with one of two forms of an error, chosen by `number`."""
    bodies = (
        b'{"errors": ["Aggregation timed out"]}',
        b'{"error": {"message": "Aggregation timed out", "status": 503, "code": "timeout"}}',
    )
    return 200, bodies[number % 2], {"content-type": "application/json"}


def unavailable_reply(number: int) -> Reply:
    """Return status 503 with one of four forms of the body, chosen by `number`."""
    bodies = [
        (b"<html><h1>503 Service Unavailable</h1></html>", "text/html"),
        (b"upstream is overloaded", "text/plain"),
        (b'{"errors": ["Service unavailable"]}', "application/json"),
        (b'{"detail": "Service unavailable"}', "application/json"),
    ]
    body, content_type = bodies[number % 4]
    return 503, body, {"content-type": content_type}

"""Messages in the API's error replies, and detection of web pages sent by proxies and filters.

This is a separate module because the client, the retries and the schemas need it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from punkdata.errors import ForbiddenError, NetworkError, RefusedError
from punkdata.sources.opensea.http.rate_limit import RETRY_HINT

MAX_PARSED_BYTES = 100_000
"""Largest error body that is parsed. Real ones have a few hundred bytes."""
WEB_PAGE = (
    "a web page instead of an API reply, probably from a proxy, the login page of a network, or "
    "a bot filter"
)

_TEXT_FIELDS = ("errors", "error", "detail", "message", "msg", "title")
_ERROR_FIELD = re.compile(rb'"(?:errors?|detail|message)"\s*:')


def describe_error_body(body: bytes, *, may_have_key: bool = False) -> str:
    """Return ": " and what an error body says, or "" if it says nothing.

    The body is JSON such as {"errors": ["…"]}, {"error": {"message": "…"}} or {"detail": "…"}, or
    plain text, or a web page. The text is shortened, without control characters. If it may contain
    a new key, which nobody can redact by its value, everything that looks like a key is redacted.
    """
    if is_web_page(body):
        return f": {WEB_PAGE}"
    texts = [text for text in _find_texts(_parse_json(body)) if text.strip()]
    text = "; ".join(texts) or body[:500].decode("utf-8", "replace")
    text = to_one_line(text, 500)
    if may_have_key:
        text = re.sub(r"(?=\S*\d)[A-Za-z0-9._~-]{16,}", "***", text)
    text = text[:120].rstrip(" .")  # A hint may follow.
    return f": {text}" if text else ""


def is_web_page(body: bytes) -> bool:
    """Return whether a body is HTML or XML, which the API never sends."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def check_no_error(
    endpoint: str, body: bytes, expected: set[str], *, may_have_key: bool = False
) -> None:
    """Raise NetworkError if the body of a reply with a 2xx status is an error after all.

    That is a web page, or a JSON object that has a field such as "errors", but none of the
    `expected` fields, or only empty ones. A later request may succeed in both cases.
    """
    if is_web_page(body):
        raise NetworkError(f"{endpoint} returned {WEB_PAGE}", hint=RETRY_HINT)
    if not _ERROR_FIELD.search(body):  # Hardly any reply is parsed twice.
        return
    data = _parse_json(body)
    if not isinstance(data, dict) or any(data.get(name) for name in expected):
        return
    if any(data.get(name) for name in _TEXT_FIELDS):
        reason = describe_error_body(body, may_have_key=may_have_key)
        raise NetworkError(f"{endpoint} returned an error{reason}", hint=RETRY_HINT)


def make_refusal(host: str, endpoint: str, status: int, body: bytes, reason: str) -> RefusedError:
    """Return the error for status 401 or 403. It has a hint if the key is not the reason."""
    kind = ForbiddenError if status == 403 else RefusedError
    if is_web_page(body):
        return kind(
            f"{endpoint} returned status {status} and {WEB_PAGE}",
            hint="the API key is not the cause; try another network, or check your proxy settings",
        )
    return kind(f"{host} refused {endpoint} with status {status}{reason}")


def to_one_line(text: str, max_length: int) -> str:
    """Return a text from a server on one line, shortened and without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:max_length]


def _parse_json(body: bytes) -> Any:
    """Return the content of a JSON body, or None if it is not JSON or too large."""
    try:
        return json.loads(body) if len(body) <= MAX_PARSED_BYTES else None
    except (ValueError, RecursionError):
        return None


def _find_texts(data: Any, max_depth: int = 4) -> Iterator[str]:
    """Yield the texts of an error document."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and max_depth:
        for item in data[:5]:
            yield from _find_texts(item, max_depth - 1)
    elif isinstance(data, dict) and max_depth:
        found = next((data[name] for name in _TEXT_FIELDS if data.get(name)), None)
        yield from _find_texts(found, max_depth - 1)

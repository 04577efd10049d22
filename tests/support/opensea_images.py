"""Replies of the fake OpenSea server for images, with the validators that caches use."""

from __future__ import annotations

import hashlib
from typing import Any

from support.opensea_faults import Reply

CONDITIONS = {"etag": "if-none-match", "last-modified": "if-modified-since"}
"""Request header that quotes each validator."""


def image_reply(image: Any, content_type: str) -> Reply:
    """Return the reply for bytes, a status, a URL to redirect to, or None if there is no image."""
    if isinstance(image, bytes):
        return 200, image, {"content-type": content_type}
    if isinstance(image, int):
        return image, b"<html>no</html>", {"content-type": "text/html"}
    if isinstance(image, str):
        return 302, b"", {"location": image}
    return 404, b"not found", {"content-type": "text/plain"}


def add_validators(reply: Reply, kinds: tuple[str, ...], conditions: dict[str, str]) -> Reply:
    """Return a reply with validators, or status 304 if the request quotes the first of them.

    The `kinds` are "etag", "weak etag" and "last-modified", and "ignored" if the server sends the
    image whatever the request quotes.
    """
    status, body, headers = reply
    if status != 200 or not kinds:
        return reply
    digest = hashlib.sha256(body).hexdigest()
    day = 1 + int(digest, 16) % 28
    values = {
        "etag": f'"{digest[:16]}"',
        "weak etag": f'W/"{digest[:16]}"',
        "last-modified": f"Tue, {day:02d} Apr 2025 12:00:00 GMT",
    }
    validators = {k.removeprefix("weak "): values[k] for k in kinds if k in values}
    first = next(iter(validators))
    if "ignored" not in kinds and conditions.get(CONDITIONS[first]) == validators[first]:
        return 304, b"", validators
    return status, body, headers | validators

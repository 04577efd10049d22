"""Cursor pagination, with protection against cursors that expire, repeat or never end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from punkdata.errors import DataError
from punkdata.sources.opensea.schemas import Page, parse_body
from punkdata.sources.opensea.session import ApiSession, expect_success

MAX_RESTARTS = 3
"""Number of times that pagination starts over before it fails."""
MAX_REPEATED_PAGES = 20
"""Number of identical consecutive pages after which pagination is considered broken."""
NOT_OFFERED_STATUSES = frozenset({400, 404, 410, 501})
"""Statuses with which a server answers requests to an endpoint that it does not offer."""

_REJECTED_CURSOR_STATUSES = frozenset({400, 404, 410, 422})

_P = TypeVar("_P", bound=Page)


class _CursorError(Exception):
    """Raised when a cursor is rejected or repeats, so that pagination must start over."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def iter_pages(
    session: ApiSession, model: type[_P], path: str, params: Mapping[str, str], **extensions: bool
) -> Iterator[_P | None]:
    """Yield all pages of a paginated endpoint.

    If a cursor is rejected or repeats, pagination starts over: this yields None, and the caller
    must discard the earlier pages.

    Args:
        params: Query parameters, without the cursor.
        extensions: See `RecordingTransport`. With `not_found_is_final`, a status from
            `NOT_OFFERED_STATUSES`, such as 404, on the first page means that there are no pages.

    Raises:
        DataError: Pagination still fails after `MAX_RESTARTS` restarts.
    """
    for restarts in range(1 + MAX_RESTARTS):
        try:
            yield from _iter_one_pass(session, model, path, params, restarts > 0, extensions)
            return
        except _CursorError as error:
            reason = error.reason
            yield None
    raise DataError(
        f"pagination of GET {path} failed {1 + MAX_RESTARTS} times: {reason}",
        hint="the server does not return all pages at the moment; try again later",
    )


def _iter_one_pass(
    session: ApiSession,
    model: type[_P],
    path: str,
    params: Mapping[str, str],
    is_restart: bool,
    extensions: Mapping[str, bool],
) -> Iterator[_P]:
    """Yield the pages of one pass. Raises _CursorError if pagination must start over."""
    cursor: str | None = None
    seen_cursors: set[str] = set()
    previous_content, num_repeated = b"", 0
    while True:
        response = session.send(
            "GET",
            path,
            model,
            params={**params, **({"next": cursor} if cursor else {})},
            # After a restart, no reply of an earlier recording is reused, and a recorded 404 is
            # requested again.
            extensions={"restart": cursor is None} if is_restart else extensions,
        )
        status = response.status_code
        may_be_missing = cursor is None and extensions.get("not_found_is_final")
        if may_be_missing and status in NOT_OFFERED_STATUSES:
            return
        if cursor and status in _REJECTED_CURSOR_STATUSES:
            raise _CursorError(f"the server rejects its own cursor (status {status})")
        expect_success(response, path)
        page = parse_body(model, response.content, f"GET {path}")
        yield page
        cursor = page.next
        if cursor is None:
            return
        if cursor in seen_cursors:
            raise _CursorError("the server repeats a cursor")
        seen_cursors.add(cursor)
        # A server may send the same page again and again, each time with a new cursor.
        content = response.content.replace(cursor.encode(), b"")
        num_repeated = num_repeated + 1 if content == previous_content else 0
        if num_repeated >= MAX_REPEATED_PAGES:
            raise _CursorError("the server repeats the same page")
        previous_content = content

"""Detection of the end of a paginated list, and of lists that never end."""

import hashlib
from typing import Any

from punkdata.sources.opensea.api.rows import Page

MAX_EMPTY_PAGES = 5
"""Number of consecutive empty pages after which a listing is considered complete."""
MAX_REPEATED_PAGES = 20
"""Number of consecutive pages with the rows of earlier pages after which pagination is broken."""


class CursorError(Exception):
    """Raised when a cursor is rejected or repeats, so that pagination must start over."""


class PaginationGuard:
    """The pages of one listing so far, of which only hashes are kept."""

    def __init__(self) -> None:
        self._cursors: set[bytes] = set()
        self._newest_cursor = b""
        self._pages: set[bytes] = set()
        self._num_empty = 0
        self._num_repeated = 0

    def is_last(self, page: Page[Any]) -> bool:
        """Return whether the listing ends with this page, which is the next one.

        It ends without a cursor, and, because some servers always send one, after an empty page
        with the cursor that led to it and after several empty pages. One may stand in the middle.

        Raises CursorError if any other page has a cursor that was seen before, because rows behind
        it would be lost, or if the server sends the same pages again and again under new cursors.
        A few equal pages are tolerated: if a row is inserted while the listing is read, the rows
        behind it move to later pages.
        """
        if page.next is None:
            return True
        cursor = _hash(page.next)
        is_empty = not page.rows and not page.unreadable
        if is_empty and cursor == self._newest_cursor:
            return True
        if cursor in self._cursors:
            raise CursorError("the server repeats a cursor")
        self._cursors.add(cursor)
        self._newest_cursor = cursor
        self._num_empty = self._num_empty + 1 if is_empty else 0
        if is_empty:
            return self._num_empty >= MAX_EMPTY_PAGES
        rows = _hash(repr((page.rows, page.unreadable)))
        self._num_repeated = self._num_repeated + 1 if rows in self._pages else 0
        self._pages.add(rows)
        if self._num_repeated >= MAX_REPEATED_PAGES:
            raise CursorError("the server repeats the same pages")
        return False


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()

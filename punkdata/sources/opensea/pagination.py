"""Decision whether a listing goes on after a page, and detection of listings that never end."""

import hashlib
from typing import Any

from punkdata.sources.opensea.rows import Page

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
        self._pages: set[bytes] = set()
        self._num_empty = 0
        self._num_repeated = 0

    def is_last(self, page: Page[Any]) -> bool:
        """Return whether the listing ends with this page, which is the next one.

        It ends without a cursor, and, because some servers always send one, after an empty page
        whose cursor repeats and after several empty pages. One empty page may stand in the middle.

        Raises CursorError if a page with rows has a cursor that was seen before, or if the server
        sends the same pages again and again under new cursors. A few equal pages are tolerated:
        if a row is inserted while the listing is read, the rows behind it move to later pages.
        """
        if page.next is None:
            return True
        cursor = _hash(page.next)
        is_known_cursor = cursor in self._cursors
        self._cursors.add(cursor)
        if not page.rows and not page.unreadable:
            self._num_empty += 1
            return is_known_cursor or self._num_empty >= MAX_EMPTY_PAGES
        self._num_empty = 0
        if is_known_cursor:
            raise CursorError("the server repeats a cursor")
        rows = _hash(repr((page.rows, page.unreadable)))
        self._num_repeated = self._num_repeated + 1 if rows in self._pages else 0
        self._pages.add(rows)
        if self._num_repeated >= MAX_REPEATED_PAGES:
            raise CursorError("the server repeats the same pages")
        return False


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()

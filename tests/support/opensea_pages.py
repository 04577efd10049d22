"""Pages and cursors of the fake OpenSea server."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from support.opensea_faults import Faults


@dataclass(frozen=True)
class Cursor:
    """A place in a list: the number of the next row, and of empty pages that came before it."""

    offset: int = 0
    empty_pages: int = 0

    def encode(self) -> str:
        # The text is padded so that the cursor contains "=", which must be encoded in a URL.
        text = f"offset={self.offset}:{self.empty_pages}"
        while len(text) % 3 == 0:
            text = text.replace("=", "=0")
        return base64.b64encode(text.encode()).decode()

    @classmethod
    def decode(cls, text: str | None) -> Cursor:
        if text is None:
            return cls()
        offset, empty_pages = base64.b64decode(text).decode().removeprefix("offset=").split(":")
        return cls(int(offset), int(empty_pages))


def cut_page(
    rows: list[Any], cursor: Cursor, size: int, faults: Faults, *, is_overlapping: bool
) -> tuple[list[Any], Cursor | None]:
    """Return the rows of the page at a cursor, and the cursor of the next page, if any."""
    start, stop = cursor.offset, cursor.offset + size
    if cursor.empty_pages < faults.empty_pages:
        return [], Cursor(start, cursor.empty_pages + 1)
    if faults.page_cycle:
        first = start % (faults.page_cycle * size)
        return rows[first : first + size], Cursor(stop)
    page = rows[max(start - 1, 0) if is_overlapping else start : stop]
    if faults.last_cursor_repeats and start >= len(rows):
        return [], cursor
    is_last = stop >= len(rows) and not (faults.endless_pages or faults.last_cursor_repeats)
    return page, None if is_last else Cursor(stop)

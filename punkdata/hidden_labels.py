"""The shipped list of hidden accessories: those that change no pixel of their punk.

`punkdata audit --json` derives the same list. Punks are identified by their pixels rather than
their number, so the list does not apply to an edited image.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

HIDDEN_ACCESSORIES_FILE = Path(__file__).parent / "data" / "hidden_accessories.json"


@cache
def load_hidden_accessories(file: Path = HIDDEN_ACCESSORIES_FILE) -> dict[str, tuple[str, ...]]:
    """Return the names of the hidden accessories by the SHA-256 (hexadecimal) of a punk's pixels.

    Punks without hidden accessories are left out.
    """
    rows = json.loads(file.read_text("utf-8"))["punks"]
    return {sha256: tuple(names) for _, sha256, *names in rows}

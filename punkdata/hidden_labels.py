"""The shipped list of hidden accessories: those that change no pixel of their punk.

`punkdata audit --write` creates the list. Punks are identified by their pixels rather than their
number, so the list does not apply to an edited image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from punkdata.files import write_atomic

HIDDEN_ACCESSORIES_FILE = Path(__file__).parent / "data" / "hidden_accessories.json"


@cache
def load_hidden_accessories(file: Path = HIDDEN_ACCESSORIES_FILE) -> dict[str, tuple[str, ...]]:
    """Return the names of the hidden accessories by the SHA-256 (hexadecimal) of a punk's pixels.

    Punks without hidden accessories are left out.
    """
    rows = json.loads(file.read_text("utf-8"))["punks"]
    return {sha256: tuple(names) for _, sha256, *names in rows}


def write_hidden_accessories(
    file: Path, labels_hash: str, punks: Iterable[tuple[int, str, tuple[str, ...]]]
) -> None:
    """Write a list of hidden accessories.

    Args:
        file: Path of the JSON file.
        labels_hash: `labels_hash` of the snapshot from which the list was derived.
        punks: punk_id, SHA-256 of the pixels and names of the hidden accessories, for each punk
            that has any.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    rows = ",\n".join(json.dumps([punk_id, sha256, *names]) for punk_id, sha256, names in punks)
    about = json.dumps("accessories that change no pixel: punk_id, SHA-256 of its pixels, names")
    text = f'{{"about": {about},\n"labels_hash": "{labels_hash}",\n"punks": [\n{rows}\n]}}\n'
    write_atomic(file, text.encode())

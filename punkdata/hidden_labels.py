"""Which accessories of the CryptoPunks no pixel shows: the list that ships with punkdata.

`punkdata audit --write` makes it (see layers.py). A punk is known by its pixels, so that
nothing is claimed of a picture that was edited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from punkdata.files import write_atomic

FILE = Path(__file__).parent / "data" / "hidden_accessories.json"


@cache
def load_hidden_accessories() -> dict[str, tuple[str, ...]]:
    """SHA-256 (hex) of a punk's pixels -> those of its accessories that change none of them."""
    rows = json.loads(FILE.read_text("utf-8"))["punks"]
    return {sha256: tuple(names) for _, sha256, *names in rows}


def write_hidden_accessories(
    path: Path, labels_hash: str, punks: Iterable[tuple[int, str, tuple[str, ...]]]
) -> None:
    """Write such a list.

    Args:
        labels_hash: of the snapshot that it was made from.
        punks: the id, the SHA-256 of the pixels, and the hidden accessories, of those only
            that have any.

    Raises:
        StorageError: the disk is full or refuses.
    """
    rows = ",\n".join(json.dumps([punk_id, sha256, *names]) for punk_id, sha256, names in punks)
    about = json.dumps("accessories that change no pixel: punk_id, SHA-256 of its pixels, names")
    text = f'{{"about": {about},\n"labels_hash": "{labels_hash}",\n"punks": [\n{rows}\n]}}\n'
    write_atomic(path, text.encode())

"""Paths of the repository, and iteration over files."""

from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
REPOSITORY = TESTS.parent


def iter_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the relative path and the content of every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()

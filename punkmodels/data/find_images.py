"""Image files in folders. Commands look for them before they load PyTorch."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.markup import escape

from punkdata.files import is_hidden
from punkdata.progress import write_stderr

SPRITE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".svg")
"""File name extensions of what `punkdata.decode_image` reads."""
RASTER_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
"""File name extensions of what `punkmodels.data.image_files.open_raster` reads."""
_METADATA_SUFFIXES = (".csv", ".json", ".jsonl", ".md", ".txt")


def find_images(
    paths: Sequence[Path], suffixes: Sequence[str] = SPRITE_SUFFIXES, *, recursive: bool = False
) -> list[Path]:
    """Return files as given, and the image files in folders, sorted by name.

    Hidden files and folders, such as those that macOS and Jupyter create, are skipped. A line on
    stderr says how many they are, and what else is skipped, except files that describe images.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        files, skipped = _list_folder(path, suffixes, recursive=recursive)
        found += files
        if skipped and not int(os.environ.get("RANK", "0")):  # torchrun sets it.
            counts = [
                f"{count:,} {kind.replace('(s)', 's' if count > 1 else '')}"
                for kind, count in skipped.items()
            ]
            write_stderr(escape(f"skipped in '{path}': {', '.join(counts)}"))
    return found


def _list_folder(
    folder: Path, suffixes: Sequence[str], *, recursive: bool
) -> tuple[list[Path], Counter[str]]:
    """Return the image files in a folder, and how many entries of which kind are skipped."""
    files: list[Path] = []
    skipped: Counter[str] = Counter()
    for parent, folders, names in os.walk(folder, onerror=_raise):
        skipped["hidden file(s) or folder(s)"] += sum(map(is_hidden, [*folders, *names]))
        folders[:] = [name for name in folders if not is_hidden(name)]
        if not recursive:
            skipped["subfolder(s)"] += len(folders)
            folders.clear()
        skipped["link(s) to folders"] += sum(Path(parent, name).is_symlink() for name in folders)
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if suffix in suffixes and not is_hidden(name):
                files.append(Path(parent, name))
            elif suffix not in _METADATA_SUFFIXES and not is_hidden(name):
                skipped[f"{suffix} file(s)" if suffix else "file(s) without an extension"] += 1
    return sorted(files), +skipped


def _raise(error: OSError) -> NoReturn:
    raise error

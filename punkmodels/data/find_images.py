"""Image files in folders. Commands look for them before they load PyTorch."""

from collections.abc import Sequence
from pathlib import Path

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".svg"}
"""File name extensions that are read from folders."""


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Return files as given, and the image files in folders, sorted by name."""
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file == path or file.suffix.lower() in IMAGE_SUFFIXES
    ]

"""Export of a snapshot as a folder of PNG files, for tools that do not read Parquet or tar."""

from __future__ import annotations

import csv
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from punkdata.errors import UsageError
from punkdata.files import translate_os_errors
from punkdata.images.image_grid import compose_grid
from punkdata.progress import Progress
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.splits import SPLIT_COLUMNS, SPLITS

COLUMNS = ("punk_id", "type", "accessories", "hidden_accessories", "pixels_sha256")
"""Columns of metadata.csv after file_name. Lists are joined with |."""


def export_imagefolder(
    snapshot: Snapshot,
    out: Path,
    progress: Progress = lambda done, total: None,
    *,
    split_scheme: str = "default",
    scale: int = 1,
    background: str | None = None,
) -> Path:
    """Write `out`/{train,val,test}/<type>/<punk_id>.png, and a metadata.csv for each split.

    torchvision's ImageFolder and Keras use the folder names as classes. Hugging Face's
    imagefolder also reads the other columns from metadata.csv. All files are written to a
    temporary folder, which is then renamed, so `out` is never incomplete.

    `scale` is the factor of nearest-neighbor upscaling. `background` is #rrggbb or a color name
    that Pillow knows, to write RGB images; None writes RGBA images with a transparent background.
    Raises UsageError if `out` exists and is not empty, is the current folder or a URL, or if the
    color is invalid. Returns `out`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"'{out}' exists and is not empty", hint="choose another folder")
    if out.exists() and out.samefile(Path.cwd()):
        raise UsageError(
            "cannot export to the current folder", hint="name a new folder inside it instead"
        )
    try:
        ImageColor.getrgb("white" if background is None else background)
    except ValueError:
        raise UsageError(
            f"{background!r} is not a color", hint="write it as #638596 or as a CSS color name"
        ) from None
    table = snapshot.punks()
    rows = table.select([name for name in COLUMNS if name in table.column_names]).to_pylist()
    splits = table.column(SPLIT_COLUMNS[split_scheme]).to_pylist()
    sprites = extract_sprites(table)
    temporary = out.parent / f".exporting-{uuid.uuid4().hex}"
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            for i, (split, row) in enumerate(zip(splits, rows, strict=True)):
                name = f"{row['type']}/{row['punk_id']:04d}.png"
                path = temporary / split / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _render(sprites[i], scale, background).save(path)
                rows[i] = {"file_name": name} | row
                if i % 100 == 0:
                    progress(i, len(rows))
            for split in SPLITS:
                lines = [row for row, name in zip(rows, splits, strict=True) if name == split]
                if lines:
                    _write_csv(temporary / split / "metadata.csv", lines)
            if out.exists():
                out.rmdir()
            temporary.rename(out)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return out


def _render(sprite: NDArray[np.uint8], scale: int, background: str | None) -> Image.Image:
    """Return an upscaled sprite, transparent or on a background."""
    if background is not None:
        return compose_grid(sprite[None], 1, scale, background)
    size = (sprite.shape[1] * scale, sprite.shape[0] * scale)
    return Image.fromarray(sprite).resize(size, Image.Resampling.NEAREST)


def _write_csv(file: Path, lines: list[dict[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        for line in lines:
            writer.writerow({k: "|".join(v) if isinstance(v, list) else v for k, v in line.items()})

"""Export of a snapshot as a folder of PNG files, for tools that do not read Parquet or tar."""

from __future__ import annotations

import csv
import io
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from punkdata.errors import UsageError
from punkdata.files import translate_os_errors
from punkdata.progress import Progress
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.splits import SPLIT_COLUMNS, SPLITS

COLUMNS = ("file_name", "punk_id", "type", "accessories", "hidden_accessories", "pixels_sha256")
"""Columns of metadata.csv. Lists are joined with |."""
PROGRESS_INTERVAL = 100
"""Number of images between two calls of the progress callback."""


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

    Args:
        snapshot: Snapshot to export.
        out: Folder to create; it must not exist, or be empty.
        progress: Called with the number of images written so far and in total.
        split_scheme: "default" or "by_id".
        scale: Factor of the nearest-neighbor upscaling.
        background: #rrggbb or a color name that PIL knows, to write RGB images; None writes RGBA
            images with a transparent background.

    Returns:
        `out`.

    Raises:
        UsageError: `out` exists and is not empty, is the current folder or a URL, or the color
            is invalid.
        DataError: The snapshot is damaged.
        StorageError: The disk is full or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"'{out}' exists and is not empty", hint="choose another folder")
    if out.exists() and out.samefile(Path.cwd()):
        raise UsageError(
            "cannot export to the current folder", hint="name a new folder inside it instead"
        )
    color = None if background is None else _parse_color(background)
    table = snapshot.punks()
    names = [name for name in COLUMNS if name in table.column_names]
    splits = table.column(SPLIT_COLUMNS[split_scheme]).to_pylist()
    rows = table.select([*names, "image"]).to_pylist()
    # Decode all images before writing any: this checks that their bytes are PNG files.
    sprites = extract_sprites(table)
    temporary = out.parent / f".exporting-{uuid.uuid4().hex}"
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            metadata: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
            for done, (split, row, sprite) in enumerate(zip(splits, rows, sprites, strict=True)):
                png = row.pop("image")["bytes"]
                name = f"{row['type']}/{row['punk_id']:04d}.png"
                path = temporary / split / name
                path.parent.mkdir(parents=True, exist_ok=True)
                is_unchanged = scale == 1 and color is None
                path.write_bytes(png if is_unchanged else _render(sprite, scale, color))
                metadata[split].append({"file_name": name} | row)
                if done % PROGRESS_INTERVAL == 0:
                    progress(done, len(rows))
            for split, lines in metadata.items():
                if lines:
                    file = temporary / split / "metadata.csv"
                    file.write_text(_to_csv(lines), "utf-8", newline="")
            if out.exists():
                out.rmdir()
            temporary.rename(out)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return out


def _render(sprite: NDArray[np.uint8], scale: int, color: tuple[int, ...] | None) -> bytes:
    """Return the PNG file of an upscaled sprite, on a background unless `color` is None."""
    image = Image.fromarray(sprite)
    if color is not None:
        canvas = Image.new("RGBA", image.size, color)
        canvas.alpha_composite(image)
        image = canvas.convert("RGB")
    file = io.BytesIO()
    size = (image.width * scale, image.height * scale)
    image.resize(size, Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def _parse_color(text: str) -> tuple[int, ...]:
    try:
        return ImageColor.getcolor(text, "RGB")  # type: ignore[return-value]  # a tuple for RGB
    except ValueError:
        raise UsageError(
            f"{text!r} is not a color", hint="write it as #638596 or as a CSS color name"
        ) from None


def _to_csv(lines: list[dict[str, Any]]) -> str:
    """Return the lines as CSV text with a header."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [name for name in COLUMNS if name in lines[0]])
    writer.writeheader()
    for line in lines:
        writer.writerow({k: "|".join(v) if isinstance(v, list) else v for k, v in line.items()})
    return file.getvalue()

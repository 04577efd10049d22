"""Export of a snapshot as a folder of PNG files, for tools that do not read Parquet or tar."""

import csv
import io
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from punkdata.arguments import check_positive
from punkdata.errors import UsageError
from punkdata.files import translate_os_errors
from punkdata.images.image_grid import Color, compose_grid, parse_color
from punkdata.progress import Progress
from punkdata.snapshots.arrays import list_splits
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.splits import SPLIT_COLUMNS, SPLITS, check_split_scheme
from punkdata.traits import TYPES

_COLUMNS = [
    *("punk_id", "type", "accessories", "hidden_accessories", "pixels_sha256"),
    *("rarity_score", "rarity_rank"),
]
"""Columns of metadata.csv after file_name. Lists are joined with |."""


def export_imagefolder(
    snapshot: Snapshot,
    out: Path,
    progress: Progress = lambda done, total: None,
    *,
    split_scheme: str = "default",
    scale: int = 1,
    background: Color | None = None,
) -> Path:
    """Write `out`/{train,val,test}/<type>/<punk_id>.png, and a metadata.csv for each split.

    torchvision's ImageFolder and Keras use the folder names as classes, and number them in their
    order. Each split therefore has a folder for each type; `find_empty_classes` lists those without
    a punk. Hugging Face's imagefolder also reads the other columns from metadata.csv. All files
    are written to a temporary folder, which is then renamed, so `out` is never incomplete.

    `scale` is the factor of nearest-neighbor upscaling. `background` is a color that Pillow knows,
    for RGB images; None writes RGBA images with a transparent background. Raises UsageError if
    `out` exists and is not empty, is the current folder or a URL, or if the color is invalid.
    Returns `out`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"'{out}' exists and is not empty", hint="choose another folder")
    if out.exists() and out.samefile(Path.cwd()):
        raise UsageError(
            "cannot export to the current folder", hint="name a new folder inside it instead"
        )
    check_split_scheme(split_scheme)
    check_positive(scale=scale)
    if background is not None:
        parse_color(background)
    extra = ["image", "labels", *SPLIT_COLUMNS.values()]
    table = snapshot.punks(columns=[*_COLUMNS, *extra])
    sprites, splits = extract_sprites(table), list_splits(table, split_scheme)
    rows = table.drop_columns(extra).to_pylist()
    metadata: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    temporary = out.parent / f".exporting-{uuid.uuid4().hex}"
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            _make_class_folders(temporary)
            for i, (split, row, sprite) in enumerate(zip(splits, rows, sprites, strict=True)):
                name = f"{row['type']}/{row['punk_id']:04d}.png"
                metadata[split].append({"file_name": name, **row})
                path = temporary / split / name
                if background is None:
                    image = ImageOps.scale(Image.fromarray(sprite), scale, Image.Resampling.NEAREST)
                else:
                    image = compose_grid(sprite[None], 1, scale, background)
                image.save(path)
                progress(i, len(splits))
            for split, lines in metadata.items():
                if lines:
                    (temporary / split / "metadata.csv").write_bytes(_format_csv(lines).encode())
            if out.exists():
                out.rmdir()
            temporary.rename(out)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return out


def find_empty_classes(out: Path) -> dict[str, list[str]]:
    """Return the splits of an export that have no image of some types, with these types."""
    empty = {
        split: [name for name in TYPES if not any((out / split / name).glob("*.png"))]
        for split in SPLITS
    }
    return {split: names for split, names in empty.items() if names}


def _make_class_folders(folder: Path) -> None:
    """Create a folder for each type in each split, so that class indices agree.

    Each has a hidden file, because git and object stores do not keep empty folders.
    """
    for split in SPLITS:
        for name in TYPES:
            (folder / split / name).mkdir(parents=True)
            (folder / split / name / ".gitkeep").touch()


def _format_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV with a header; lists are joined with |."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "|".join(v) if isinstance(v, list) else v for k, v in row.items()})
    return text.getvalue()

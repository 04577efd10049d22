"""A snapshot as a folder of pictures, for tools that read nothing else."""

from __future__ import annotations

import csv
import io
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from punkdata.errors import UsageError
from punkdata.files import translate_os_errors
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites
from punkdata.splits import SPLIT_COLUMNS, SPLITS

COLUMNS = ("file_name", "punk_id", "type", "accessories", "hidden_accessories", "pixels_sha256")
"""of metadata.csv; names in lists are separated by |"""


def export_imagefolder(
    snapshot: Snapshot,
    out: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    split_scheme: str = "default",
    scale: int = 1,
    background: str | None = None,
) -> Path:
    """Write `out`/{train,val,test}/<type>/<punk_id>.png and a metadata.csv in each part.

    torchvision's ImageFolder and Keras take the folders as classes; Hugging Face's imagefolder
    takes the rest from metadata.csv. All is written beside and renamed, so `out` is whole or not
    there.

    Args:
        out: must not exist, or be empty.
        split_scheme: default or by_id.
        scale: picture pixels for each sprite pixel, by repeating them.
        background: any color that PIL understands; then pictures are RGB instead of RGBA.

    Raises:
        UsageError: there is something at `out`, it is the present folder, or no such color.
        DataError: the snapshot is damaged.
        StorageError: the disk is full.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already", hint="choose another folder")
    if out.exists() and out.samefile(Path.cwd()):
        raise UsageError("the present folder cannot be replaced", hint="name one to make in it")
    behind = None if background is None else _color(background)
    wanted = ["punk_id", "type", "accessories", "hidden_accessories", "pixels_sha256"]
    table = snapshot.punks()
    names = [name for name in wanted if name in table.column_names]
    parts = table.column(SPLIT_COLUMNS[split_scheme]).to_pylist()
    rows = table.select([*names, "image"]).to_pylist()
    sprites = extract_sprites(table)  # so what is written are pictures indeed
    beside = out.parent / f".exporting-{uuid.uuid4().hex}"
    with translate_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            told: dict[str, list[dict[str, Any]]] = {part: [] for part in SPLITS}
            for done, (part, row, sprite) in enumerate(zip(parts, rows, sprites, strict=True)):
                png = row.pop("image")["bytes"]
                name = f"{row['type']}/{row['punk_id']:04d}.png"
                path = beside / part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                is_plain = scale == 1 and behind is None
                path.write_bytes(png if is_plain else _drawn(sprite, scale, behind))
                told[part].append({"file_name": name} | row)
                if done % 100 == 0:
                    report(done, len(rows))
            for part, lines in told.items():
                if lines:
                    (beside / part / "metadata.csv").write_text(_csv(lines), "utf-8", newline="")
            if out.exists():
                out.rmdir()
            beside.rename(out)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return out


def _drawn(pixels: NDArray[np.uint8], scale: int, behind: tuple[int, ...] | None) -> bytes:
    sprite = Image.fromarray(pixels)
    if behind is not None:
        below = Image.new("RGBA", sprite.size, behind)
        below.alpha_composite(sprite)
        sprite = below.convert("RGB")
    file = io.BytesIO()
    size = (sprite.width * scale, sprite.height * scale)
    sprite.resize(size, Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def _color(text: str) -> tuple[int, ...]:
    from PIL import ImageColor

    try:
        return ImageColor.getcolor(text, "RGB")  # type: ignore[return-value]  # of RGB a tuple
    except ValueError:
        raise UsageError(
            f"{text!r} is no color", hint="write it as #638596, or by its name in CSS"
        ) from None


def _csv(lines: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, [name for name in COLUMNS if name in lines[0]])
    writer.writeheader()
    for line in lines:
        writer.writerow({k: "|".join(v) if isinstance(v, list) else v for k, v in line.items()})
    return file.getvalue()

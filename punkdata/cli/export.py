"""The commands `punkdata export imagefolder` and `punkdata export npz`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from punkdata import split_names
from punkdata.cli import console
from punkdata.cli.options import ROOT, Root, SnapshotOption, open_snapshot_argument
from punkdata.progress import progress_bar

SplitScheme = Annotated[split_names.SplitScheme, typer.Option(help=split_names.SPLIT_SCHEME_HELP)]
Scale = Annotated[
    int, typer.Option(min=1, max=100, help="Integer factor of nearest-neighbor upscaling.")
]
Background = Annotated[
    str | None,
    typer.Option(
        help="Color, for example #638596; the images are then RGB instead of RGBA. "
        "(default: transparent)"
    ),
]

app: typer.Typer = console.make_app(
    "Write a snapshot as image files or as NumPy arrays.",
    "Example: punkdata export imagefolder images\n\nIn one file: punkdata export npz punks.npz",
)


@app.callback()
def export() -> None:
    """Write a snapshot as image files or as NumPy arrays."""


@app.command(
    "imagefolder",
    epilog="Example: punkdata export imagefolder images\n\n"
    "Opaque and enlarged: punkdata export imagefolder images --scale 2 --background white",
)
def imagefolder(
    out: Annotated[Path, typer.Argument(help="Folder to create; it must not exist yet.")],
    version: SnapshotOption = "latest",
    root: Root = ROOT,
    split_scheme: SplitScheme = "default",
    scale: Scale = 1,
    background: Background = None,
) -> None:
    """Write OUT/<split>/<type>/<punk_id>.png, and a metadata.csv for each split.

    torchvision's ImageFolder, Keras and Hugging Face's imagefolder loader read this layout. Each
    split has a folder for each type, even if it is empty, so that class indices agree.
    """
    from punkdata.snapshots.imagefolder import export_imagefolder, find_empty_classes

    snapshot = open_snapshot_argument(root, version)
    console.check_output(out, is_folder=True)
    with progress_bar("writing", "images") as progress:
        export_imagefolder(
            *(snapshot, out, progress),
            split_scheme=split_scheme,
            scale=scale,
            background=background,
        )
    console.emit(str(out))
    console.say(f"wrote {snapshot.manifest.punks:,} images of {snapshot.version}")
    if empty := find_empty_classes(out):
        splits = "; ".join(f"{split} has no {', '.join(names)}" for split, names in empty.items())
        console.warn(
            f"{splits}; keep these empty folders, so that a type has the same class index in every "
            "split, and pass allow_empty=True to torchvision's ImageFolder"
        )


@app.command(
    "npz",
    epilog="Example: punkdata export npz punks.npz\n\n"
    "Opaque and enlarged: punkdata export npz punks.npz --scale 2 --background white",
)
def npz(
    file: Annotated[Path, typer.Argument(help="File to write; an existing one is replaced.")],
    version: SnapshotOption = "latest",
    root: Root = ROOT,
    split_scheme: SplitScheme = "default",
    visible_only: Annotated[
        bool, typer.Option("--visible-only", help="Set the labels of occluded accessories to 0.")
    ] = False,
    masks: Annotated[
        bool, typer.Option("--masks", help="Add which label paints each pixel, 255 for none.")
    ] = False,
    scale: Scale = 1,
    background: Background = None,
) -> None:
    """Write all splits to one file of NumPy arrays, in the layout of MedMNIST.

    The arrays are train_images, uint8 (N, 24, 24, 4), train_labels, uint8 (N, 92),
    train_punk_ids, and with --masks train_masks, uint8 (N, 24, 24); the same for val and test; and
    label_names and version.
    """
    from punkdata.analysis.part_masks import read_masks
    from punkdata.snapshots.npz import export_npz

    snapshot = open_snapshot_argument(root, version)
    console.check_output(file)
    with progress_bar("writing", "images") as progress:
        export_npz(
            *(snapshot, file, progress),
            split_scheme=split_scheme,
            visible_only=visible_only,
            scale=scale,
            background=background,
            make_masks=partial(read_masks, snapshot) if masks else None,
        )
    console.emit(str(file))
    size = file.stat().st_size
    console.say(
        f"wrote {snapshot.manifest.punks:,} images of {snapshot.version}, {size / 1e6:.1f} MB"
    )

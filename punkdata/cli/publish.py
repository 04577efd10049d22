"""Commands that give a snapshot away: publish to an object store, export as pictures."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.snapshot_argument import open_snapshot_argument
from punkdata.errors import DataError, UsageError
from punkdata.files import parse_root_url, redact_url, shell_quote


class Scheme(StrEnum):
    """Of the two splits."""

    DEFAULT = "default"
    BY_ID = "by_id"


EXAMPLES = (
    "Example: punkdata publish s3://bucket/punks\n\n"
    'Then, anywhere: PunkDataset("s3://bucket/punks"), or: punkdata info s3://bucket/punks'
)


def publish(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="As s3://bucket/punks, gs://…, file:///…")
    ],
    version: Annotated[
        str, typer.Option("--version", help='A snapshot\'s name or folder, or "latest".')
    ] = "latest",
    force: Annotated[
        bool, typer.Option("--force", help="Send it even if it is there, because that is damaged.")
    ] = False,
    root: console.Root = console.ROOT,
    as_json: console.Json = False,
) -> None:
    """Send a snapshot to an object store, or anywhere else that fsspec reaches."""
    from punkdata.snapshots.publish import publish_snapshot
    from punkdata.snapshots.reader import find_damaged_files

    target_url = parse_root_url(url)
    if not target_url:
        raise UsageError(
            f"{redact_url(url)} is no URL",
            hint="for a folder: "
            + shell_quote(f"file://{Path(redact_url(url)).absolute().as_posix()}"),
        )
    snapshot = open_snapshot_argument(root, version)
    if damage := find_damaged_files(snapshot):
        raise DataError(
            f"{snapshot.path} is damaged ({damage[0]})",
            hint=f"see: punkdata verify {shell_quote(snapshot.path)}",
        )
    with console.progress("sending", "bytes") as report:
        target, created, latest = publish_snapshot(
            snapshot.path, snapshot.manifest, target_url, report, force=force
        )
    if as_json:
        facts = {"url": redact_url(target), "version": snapshot.version}
        console.emit_json({**facts, "created": created, "latest": latest == snapshot.version})
        return
    console.emit(redact_url(target))
    size = sum(entry.bytes for entry in snapshot.manifest.files)
    done = f"sent {size / 1e6:.1f} MB" if created else "it is there already: nothing sent"
    is_latest, latest = latest == snapshot.version, latest or "unset"
    console.say(f"{done}{'' if is_latest else f'; latest there is {latest}'}")
    console.say(
        f"next: punkdata info {shell_quote(redact_url(target_url if is_latest else target))}"
    )


export_app = console.make_app("Write a snapshot for tools that read neither Parquet nor tar.")


@export_app.callback()
def export() -> None:
    """Write a snapshot for tools that read neither Parquet nor tar."""


@export_app.command(
    "imagefolder",
    epilog="Example: punkdata export imagefolder pictures\n\n"
    "As the tutorials have them: punkdata export imagefolder pictures --scale 2 --background white",
)
def imagefolder(
    out: Annotated[Path, typer.Argument(help="The folder to make; it must not be there yet.")],
    version: Annotated[
        str, typer.Option("--version", help='A snapshot\'s name, folder or URL, or "latest".')
    ] = "latest",
    root: console.Root = console.ROOT,
    split_scheme: Annotated[
        Scheme, typer.Option(help="default: stratified. by_id: as earlier work.")
    ] = Scheme.DEFAULT,
    scale: Annotated[
        int, typer.Option(min=1, max=100, help="Picture pixels for each of a sprite.")
    ] = 1,
    background: Annotated[
        str | None, typer.Option(help="A color, as #638596; without one it stays transparent.")
    ] = None,
) -> None:
    """Write OUT/train/<type>/<number>.png and so on, and a metadata.csv for each part.

    torchvision's ImageFolder, Keras and Hugging Face's imagefolder read that.
    """
    from punkdata.snapshots.imagefolder import export_imagefolder

    snapshot = open_snapshot_argument(root, version)
    with console.progress("writing", "pictures") as report:
        export_imagefolder(
            snapshot,
            out,
            report,
            split_scheme=split_scheme.value,
            scale=scale,
            background=background,
        )
    console.emit(str(out))
    console.say(f"{snapshot.manifest.punks:,} pictures of {snapshot.version}")

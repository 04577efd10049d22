"""punkdata publish: a snapshot to an object store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata import terminal
from punkdata.disk import shown, url_of
from punkdata.errors import DataError, UsageError

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
    root: terminal.Root = terminal.ROOT,
    as_json: terminal.Json = False,
) -> None:
    """Send a snapshot to an object store, or anywhere else that fsspec reaches."""
    from punkdata import publish as publishing
    from punkdata.snapshot import damaged_files, open_either

    target_url = url_of(url)
    if not target_url:
        raise UsageError(
            f"{shown(url)} is no URL",
            try_next=f"for a folder: file://{Path(shown(url)).absolute().as_posix()}",
        )
    snapshot = open_either(root, version)
    if damage := damaged_files(snapshot):
        raise DataError(
            f"{snapshot.path} is damaged ({damage[0]})",
            try_next=f"see: punkdata verify {snapshot.path}",
        )
    with terminal.progress("sending", "bytes") as report:
        target, created, is_latest = publishing.publish(
            snapshot.path, snapshot.manifest, target_url, report, force=force
        )
    if as_json:
        facts = {"url": shown(target), "version": snapshot.version}
        terminal.emit_json({**facts, "created": created, "latest": is_latest})
        return
    terminal.emit(shown(target))
    size = sum(entry.bytes for entry in snapshot.manifest.files)
    done = f"sent {size / 1e6:.1f} MB" if created else "it is there already: nothing sent"
    terminal.say(f"{done}{'' if is_latest else '; latest there is another'}")
    terminal.say(f"next: punkdata info {shown(target_url)}")

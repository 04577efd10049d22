"""The command `punkdata publish`."""

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, SnapshotOption, open_snapshot_argument
from punkdata.errors import DataError, UsageError
from punkdata.files import parse_root_url, shell_quote
from punkdata.progress import progress_bar
from punkdata.safe_text import redact_url

EXAMPLES = (
    "Example: punkdata publish s3://bucket/punks\n\n"
    'Then, on any machine: PunkDataset("s3://bucket/punks")\n\n'
    "On the Hugging Face Hub: punkdata publish hf://datasets/you/punks"
)


def publish(
    url: Annotated[
        str,
        typer.Argument(
            help="For example s3://bucket/punks, hf://datasets/you/punks, gs://…, file:///…"
        ),
    ],
    version: SnapshotOption = "latest",
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace existing files at the URL: a damaged or incomplete upload."
        ),
    ] = False,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Upload a snapshot to an object store, the Hugging Face Hub, or any other fsspec URL."""
    from punkdata.snapshots.reader import find_damaged_files
    from punkdata.snapshots.stores.publish import publish_snapshot

    target_url = parse_root_url(url)
    if not target_url:
        path = Path(redact_url(url)).absolute()
        raise UsageError(
            f"{redact_url(url)} is not a URL", hint=f"for a folder: {shell_quote(path.as_uri())}"
        )
    snapshot = open_snapshot_argument(root, version)
    if damage := find_damaged_files(snapshot):
        raise DataError(
            f"'{snapshot.path}' is damaged ({damage[0]})",
            hint=f"see: punkdata verify {shell_quote(snapshot.path)}",
        )
    with progress_bar("uploading", "bytes") as progress:
        target, created, latest = publish_snapshot(
            snapshot.path, snapshot.manifest, target_url, progress, force=force
        )
    is_latest = latest == snapshot.version
    if as_json:
        facts = {"url": redact_url(target), "version": snapshot.version, "created": created}
        console.emit_json(facts | {"latest": is_latest})
        return
    console.emit(redact_url(target))
    size = snapshot.manifest.bytes
    console.say(f"uploaded {size / 1e6:.1f} MB" if created else "nothing new to upload")
    if not is_latest:
        console.say(f"the latest version there is {latest or 'unset'}")
    readable_url = target_url if is_latest else target
    console.say(f"next: punkdata info {shell_quote(redact_url(readable_url))}")

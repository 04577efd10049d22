"""The commands `punkdata info`, `list` and `diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, LocalRoot, Root, VersionArgument
from punkdata.cli.snapshot_argument import open_snapshot_argument, suggest_first_snapshot
from punkdata.errors import DifferenceError
from punkdata.files import redact_url

if TYPE_CHECKING:
    from punkdata.snapshots.reader import Snapshot

INFO_EXAMPLES = "Example: punkdata info --json"
LIST_EXAMPLES = "Example: punkdata list --json"
DIFF_EXAMPLES = (
    "Example: punkdata diff s2-0123456789ab latest\n\n"
    "In a script: punkdata diff A B --exit-code || echo changed"
)


def info(
    version: VersionArgument = "latest",
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Show a summary of a snapshot."""
    snapshot = open_snapshot_argument(root, version)
    if as_json:
        size = sum(entry.bytes for entry in snapshot.manifest.files)
        facts = {"path": str(snapshot.path), "bytes": size}
        console.emit_json(facts | snapshot.manifest.model_dump(mode="json"))
        return
    for name, text in _summary(snapshot).items():
        console.emit(f"{name:15}{text}")


def _summary(snapshot: Snapshot) -> dict[str, str]:
    from punkdata.traits import TYPES

    manifest = snapshot.manifest
    size = sum(entry.bytes for entry in manifest.files)
    accessories = [(n, name) for name, n in manifest.labels.items() if name not in TYPES and n]
    accessories.sort()
    sales = "unknown; this source has no sales"
    if manifest.sales is not None:
        first, last = manifest.sales.first_sold_at or "", manifest.sales.last_sold_at or ""
        sales = f"{manifest.sales.count:,}" + (f", {first[:10]} to {last[:10]}" if first else "")
    address = f" at {manifest.base_url}" if manifest.base_url else ""
    limit = f", a sample (--limit {manifest.limit})" if manifest.limit else ""
    lines = {
        "snapshot": manifest.version,
        **({"url": redact_url(snapshot.remote.url)} if snapshot.remote else {}),
        "path": str(snapshot.path),
        "created": f"{manifest.created_at} by {manifest.created_by} from {manifest.source}"
        f"{address}",
        "status": f"{manifest.status}, {manifest.punks:,} of {manifest.expected:,} punks{limit}",
        "types": ", ".join(f"{name} {manifest.labels[name]:,}" for name in TYPES),
        "accessories": f"{len(accessories)}; rarest: {_format_counts(accessories[:3])}; most "
        f"common: {_format_counts(accessories[:-4:-1])}",
        "per punk": ", ".join(f"{k}: {n:,}" for k, n in manifest.accessories_per_punk.items()),
        "sales": sales,
        "size": f"{size / 1e6:.1f} MB in {len(manifest.files)} files",
    }
    for scheme, counts in manifest.splits.items():
        lines[f"split {scheme}"] = ", ".join(f"{split} {n:,}" for split, n in counts.items())
    return lines


def _format_counts(pairs: list[tuple[int, str]]) -> str:
    return ", ".join(f"{name} {n:,}" for n, name in pairs)


def list_snapshots(root: LocalRoot = ROOT, as_json: Json = False) -> None:
    """List the snapshots of a data root, oldest first."""
    from punkdata.snapshots import reader
    from punkdata.snapshots.versions import get_latest_version, no_snapshot_error

    latest = get_latest_version(root)
    snapshots = reader.list_snapshots(root)
    if as_json:
        console.emit_json([_facts(snapshot, latest) for snapshot in snapshots])
        return
    if not snapshots:
        console.warn(f"{no_snapshot_error(root).message}; {suggest_first_snapshot(root)}")
    for snapshot in snapshots:
        manifest = snapshot.manifest
        state = manifest.status if manifest.limit is None else "sample"
        sales = "no prices" if manifest.sales is None else f"{manifest.sales.count:,} sales"
        mark = "latest" if snapshot.version == latest else ""
        console.emit(
            f"{snapshot.version}  {manifest.created_at}  {manifest.source:10}  "
            f"{manifest.punks:>6,} punks  {sales:>13}  {state:9} {mark}".rstrip()
        )


def _facts(snapshot: Snapshot, latest: str | None) -> dict[str, object]:
    manifest = snapshot.manifest
    return {
        "version": snapshot.version,
        "latest": snapshot.version == latest,
        "status": manifest.status,
        "punks": manifest.punks,
        "limit": manifest.limit,
        "sales": manifest.sales and manifest.sales.count,
        "source": manifest.source,
        "created_at": manifest.created_at,
        "path": str(snapshot.path),
    }


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="Older snapshot: name, folder or URL.")
    ],
    after: Annotated[
        str, typer.Argument(metavar="B", help='Newer snapshot: name, folder, URL or "latest".')
    ] = "latest",
    root: Root = ROOT,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with code 7 if anything differs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two snapshots: punks, labels, pixels, prices, sales and schema."""
    from punkdata.snapshots.diff import compare_snapshots

    old, new = open_snapshot_argument(root, before), open_snapshot_argument(root, after)
    found = compare_snapshots(old, new)
    if as_json:
        console.emit_json({"a": old.version, "b": new.version, "differ": bool(found)} | vars(found))
    else:
        added, removed = _format_ids(found.added), _format_ids(found.removed)
        console.emit(f"{'punks':20}{added} added, {removed} removed")
        console.emit(f"{'sales':20}{found.sales_added:,} added, {found.sales_removed:,} removed")
        for name, rows in found.changed.items():
            console.emit(f"{name:20}{_format_ids(list(rows))} changed")
            for punk_id, (was, now) in list(rows.items())[:3]:
                console.emit(f"{'':20}  {punk_id}: {_shorten(was)} -> {_shorten(now)}")
        for text in found.schema:
            console.emit(f"{'schema':20}{text}")
        if not (found and exit_code):
            console.say("the snapshots differ" if found else "no differences")
    if found and exit_code:
        raise DifferenceError(f"{old.version} and {new.version} differ")


def _format_ids(ids: list[int]) -> str:
    """Return the number of ids, and the first five in parentheses."""
    if not ids:
        return "0"
    more = ", …" if len(ids) > 5 else ""
    return f"{len(ids):,} ({', '.join(map(str, ids[:5]))}{more})"


def _shorten(value: object) -> str:
    text = "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

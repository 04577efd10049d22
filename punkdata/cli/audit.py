"""The command `punkdata audit`: which labels can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.errors import DataError
from punkdata.files import storage_errors

if TYPE_CHECKING:
    from punkdata.analysis.occlusion import OcclusionReport

EXAMPLES = (
    "Example: punkdata audit\n\n"
    "With pictures of hidden accessories and of the layers: punkdata audit --out audit/\n\n"
    "For scripts: punkdata audit --json"
)


def audit(
    version: console.VersionArgument = "latest",
    root: console.Root = console.ROOT,
    out: Annotated[
        Path | None, typer.Option(help="A folder for hidden.png and layers.png.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the list of hidden accessories that build-dataset reads."),
    ] = None,
    as_json: console.Json = False,
) -> None:
    """Tell which accessories no pixel shows, by taking the punks apart into layers."""
    from punkdata.analysis.occlusion import analyze_occlusion, render_layers, render_occluded_labels
    from punkdata.snapshots.reader import open_either

    snapshot = open_either(root, version)
    with console.progress("taking apart", "pixels") as report:
        found = analyze_occlusion(snapshot, report)
    whole = snapshot.manifest.is_whole_collection
    if not whole:
        told = f"only {len(found.punk_ids):,} punks: what no two of them tell apart is guessed"
        console.warn(told)
    if write:
        _write(write, found, snapshot.manifest.labels_hash, whole=whole)
    if out:
        with storage_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            render_occluded_labels(found).save(out / "hidden.png")
            render_layers(found).save(out / "layers.png")
        console.say(f"pictures: {out / 'hidden.png'}, {out / 'layers.png'}")
    names = ("label", "punks", "hidden", "undecided")
    if as_json:
        console.emit_json(
            {
                "version": snapshot.version,
                "punks": len(found.punk_ids),
                "inexact": found.mismatched_ids,
                "labels": [dict(zip(names, row, strict=True)) for row in found.counts()],
                "hidden": {str(punk_id): which for punk_id, which in found.hidden.items()},
            }
        )
        return
    _print(found)


def _print(found: OcclusionReport) -> None:
    total = len(found.punk_ids)
    men, women = (len(order) for order in found.layers.z_orders)
    bases = sum(len(pixels[0].bases) for pixels in found.layers.pixels if pixels)
    console.emit(
        f"drawn anew from {bases} bases and {men} + {women} accessories of men and women: "
        f"{total - len(found.mismatched_ids):,} of {total:,} images the same"
    )
    console.emit(f"\n{'accessory':24}{'punks':>8}{'hidden':>8}{'share':>8}")
    for name, worn, hidden, undecidable in found.counts():
        more = f"   and {undecidable} of which no pixel tells" if undecidable else ""
        console.emit(f"{name:24}{worn:8,}{hidden:8,}{hidden / worn:8.1%}{more}")
    cells = sum(len(names) for names in found.hidden.values())
    console.emit(f"{'all':24}{int(found.worn.sum()):8,}{cells:8,}   on {len(found.hidden):,} punks")


def _write(path: Path, found: OcclusionReport, labels_hash: str, *, whole: bool) -> None:
    from punkdata.hidden_labels import write_hidden

    if found.mismatched_ids or not whole:
        raise DataError(
            f"{path} is not written: that needs the whole collection, with every image the same",
            hint="see what differs with: punkdata audit --json",
        )
    rows = {
        int(punk_id): sha for punk_id, sha in zip(found.punk_ids, found.pixels_sha256, strict=True)
    }
    write_hidden(path, labels_hash, [(i, rows[i], names) for i, names in found.hidden.items()])
    console.say(f"{path}: {len(found.hidden):,} punks")

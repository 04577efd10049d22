"""The commands `punkdata audit` and `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import (
    ROOT,
    Json,
    Root,
    SnapshotArgument,
    SnapshotOption,
    open_snapshot_argument,
)
from punkdata.errors import UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.progress import progress_bar
from punkdata.report import Report, Row

if TYPE_CHECKING:
    from punkdata.analysis.occlusion import OcclusionReport

AUDIT_EXAMPLES = (
    "Example: punkdata audit\n\n"
    "With images of the occluded accessories and of the layers: punkdata audit --out audit/\n\n"
    "For scripts: punkdata audit --json"
)
PLOT_EXAMPLES = (
    "Example: punkdata plot\n\n"
    "Selected charts: punkdata plot first-100 price-over-time --out charts"
)
PLOT_NAMES = (
    *("first-100", "price-by-type", "price-over-time", "price-by-trait"),
    *("accessory-counts", "co-occurrence", "label-visibility"),
)
"""Names of all charts, repeated from `punkdata.analysis.plots`, which `--help` must not load."""


def audit(
    version: SnapshotArgument = "latest",
    root: Root = ROOT,
    out: Annotated[
        Path | None, typer.Option(help="Folder for occluded.png and layers.png. (default: none)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find occluded accessories, which change no pixel, by decomposing the punks into layers."""
    from punkdata.analysis import occlusion

    snapshot = open_snapshot_argument(root, version)
    if out:
        console.check_output(out, is_folder=True)
    with progress_bar("decomposing", "pixels") as progress:
        analysis = occlusion.analyze_occlusion(snapshot, progress)
    if not snapshot.manifest.is_full_collection:
        console.warn(
            f"this snapshot has only {len(analysis.punk_ids):,} punks, too few to determine all "
            "layers; the result is an estimate"
        )
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            occlusion.render_occluded_labels(analysis).save(out / "occluded.png")
            occlusion.render_layers(analysis).save(out / "layers.png")
        console.say(f"images: {out / 'occluded.png'}, {out / 'layers.png'}")
    console.emit_report(_report_occlusion(snapshot.version, analysis), as_json=as_json)


def _report_occlusion(version: str, analysis: OcclusionReport) -> Report:
    """Return a row for each accessory that is occluded or undecidable, and the totals."""
    counts, hidden, layers = analysis.label_counts(), analysis.occluded_accessories, analysis.layers
    mismatched = analysis.punk_ids[~layers.is_exact].tolist()
    total = len(analysis.punk_ids)
    rows = []
    for label, punks, occluded, undecidable in counts:
        note = f"and {undecidable} undecidable" if undecidable else ""
        rows.append(Row(label, (punks, occluded, f"{occluded / punks:.1%}"), note))
    sums = int(analysis.has_accessory.sum()), int(layers.occluded.sum())
    rows.append(Row("total", (*sums, ""), f"on {len(hidden):,} punks"))
    male, female = layers.male, layers.female
    summary = (
        f"reconstructed from {len(male.bases) + len(female.bases)} bases and {len(male.z_order)} "
        f"male + {len(female.z_order)} female accessory layers: {total - len(mismatched):,} of "
        f"{total:,} images are identical"
    )
    keys = ("label", "punks", "hidden", "undecidable")
    data = {
        "version": version,
        "punks": total,
        "mismatched": mismatched,  # Punks that the layers do not reconstruct exactly.
        "labels": [dict(zip(keys, count, strict=True)) for count in counts],
        "hidden": hidden,
    }
    return Report(rows, ("accessory", "punks", "occluded", "share"), [summary], data)


def plot(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PLOT", help=f"{', '.join(PLOT_NAMES)}. (default: all)"),
    ] = None,
    version: SnapshotOption = "latest",
    root: Root = ROOT,
    out: Annotated[Path, typer.Option(help="Folder in which to save the charts.")] = Path("plots"),
) -> None:
    """Write standard charts as PNG files: sprites, prices, accessory counts, co-occurrence."""
    if unknown := sorted(set(names or ()) - set(PLOT_NAMES)):
        raise UsageError(
            f"unknown chart {unknown[0]!r}", hint=f"choose from: {', '.join(PLOT_NAMES)}"
        )
    from punkdata.analysis.plots import PRICE_PLOTS, plot_png

    snapshot = open_snapshot_argument(root, version)
    console.check_output(out, is_folder=True)
    selected = [name for name in PLOT_NAMES if name in (names or PLOT_NAMES)]
    if not names and snapshot.manifest.sales is None:
        selected = [name for name in selected if name not in PRICE_PLOTS]
        console.warn(f"skipped the charts of prices: {snapshot.manifest.source} has no prices")
    with progress_bar("plotting", "charts") as progress:
        for done, name in enumerate(selected):
            progress(done, len(selected), name)
            path = out / f"{name}.png"
            write_atomic(path, plot_png(name, snapshot))
            console.emit(str(path))
        progress(len(selected), len(selected))

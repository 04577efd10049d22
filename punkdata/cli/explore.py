"""The commands `punkdata gallery` and `punkdata plot`, which show a snapshot."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Root, VersionArgument
from punkdata.cli.progress import progress_bar
from punkdata.cli.snapshot_argument import open_snapshot_argument
from punkdata.errors import UsageError
from punkdata.files import write_atomic

GALLERY_EXAMPLES = (
    "Example: punkdata gallery --open\n\n"
    "An older snapshot: punkdata gallery s2-0123456789ab --out old.html"
)
PLOT_EXAMPLES = (
    "Example: punkdata plot\n\n"
    "Selected charts: punkdata plot first-100 price-over-time --out charts"
)
PLOT_NAMES = (
    *("first-100", "price-by-type", "price-over-time"),
    *("accessory-counts", "co-occurrence", "label-visibility"),
)
"""Keys of `punkdata.analysis.plots.PLOTS`, repeated here so that `--help` does not load pandas."""


def gallery(
    version: VersionArgument = "latest",
    root: Root = ROOT,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("gallery.html"),
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the file in the default browser.")
    ] = False,
) -> None:
    """Write all punks to one HTML file that works offline.

    It has filters, prices, charts and the nearest neighbors of each punk.
    """
    from punkdata.analysis.gallery.html import render_gallery

    if out.is_dir():
        raise UsageError(f"{out} is a folder", hint="pass the name of an HTML file to --out")
    snapshot = open_snapshot_argument(root, version)
    page = render_gallery(snapshot).encode()
    write_atomic(out, page)
    console.emit(str(out))
    count, size_mb = snapshot.manifest.punks, len(page) / 1e6
    console.say(f"{count:,} punks of {snapshot.version}, {size_mb:.1f} MB")
    if not open_browser:
        console.say("open the file in a browser, or repeat the command with --open")
    elif not webbrowser.open(out.resolve().as_uri()):
        console.warn(f"no browser found; open this address in one: {out.resolve().as_uri()}")


def plot(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PLOT", help=f"Charts to write, from: {', '.join(PLOT_NAMES)}. (default: all)"
        ),
    ] = None,
    version: Annotated[
        str,
        typer.Option("--version", help='Name, folder or URL of a snapshot, or "latest".'),
    ] = "latest",
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
    selected = [name for name in PLOT_NAMES if name in (names or PLOT_NAMES)]
    if not names and snapshot.manifest.sales is None:
        selected = [name for name in selected if name not in PRICE_PLOTS]
        console.warn(
            f"skipped {' and '.join(PRICE_PLOTS)}: "
            f"the source {snapshot.manifest.source} has no prices"
        )
    with progress_bar("plotting", "charts") as report:
        for done, name in enumerate(selected):
            report(done, len(selected), name)
            path = out / f"{name}.png"
            write_atomic(path, plot_png(name, snapshot))
            console.emit(str(path))

"""The commands to look at a snapshot: gallery and plot."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli import console
from punkdata.cli.snapshot_argument import open_snapshot_argument
from punkdata.errors import UsageError
from punkdata.files import write_atomic

GALLERY_EXAMPLES = (
    "Example: punkdata gallery --open\n\n"
    "Of another snapshot: punkdata gallery s2-0123456789ab --out old.html"
)
PLOT_EXAMPLES = (
    "Example: punkdata plot\n\nOnly some: punkdata plot first-100 price-over-time --out pictures"
)
NAMES = (
    *("first-100", "price-by-type", "price-over-time"),
    *("accessory-counts", "co-occurrence", "label-visibility"),
)
"""of the pictures; they stand here, too, because help is not to load what draws them"""


def gallery(
    version: console.VersionArgument = "latest",
    root: console.Root = console.ROOT,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("gallery.html"),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write all punks as one HTML file: filters, prices, charts, nearest punks; no network."""
    from punkdata.analysis.gallery.html import render_gallery

    snapshot = open_snapshot_argument(root, version)
    page = render_gallery(snapshot).encode()
    write_atomic(out, page)
    console.emit(str(out))
    count, size = snapshot.manifest.punks, len(page) / 1e6
    console.say(f"{count:,} punks of {snapshot.version}, {size:.1f} MB")
    if not open_it:
        console.say("open it in a browser, or add --open to the same command")
    elif not webbrowser.open(out.resolve().as_uri()):
        console.warn(f"no browser was found; open {out.resolve().as_uri()}")


def plot(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PICTURE", help=f"All, or some of: {', '.join(NAMES)}."),
    ] = None,
    version: Annotated[
        str, typer.Option("--version", help='A snapshot\'s name, folder or URL, or "latest".')
    ] = "latest",
    root: console.Root = console.ROOT,
    out: Annotated[Path, typer.Option(help="The folder for them.")] = Path("plots"),
) -> None:
    """Draw what articles show as PNG files: the first hundred, prices, counts, co-occurrence."""
    if unknown := sorted(set(names or ()) - set(NAMES)):
        raise UsageError(f"{unknown[0]!r} is no picture", hint=f"they are: {', '.join(NAMES)}")
    from punkdata.analysis.plots import PLOTS, PRICE_PLOTS

    snapshot = open_snapshot_argument(root, version)
    chosen = [name for name in NAMES if name in (names or NAMES)]
    if not names and snapshot.manifest.sales is None:
        chosen = [name for name in chosen if name not in PRICE_PLOTS]
        source = snapshot.manifest.source
        console.warn(f"{source} knows no prices, so there is no {' and no '.join(PRICE_PLOTS)}")
    with console.progress("drawing", "pictures") as report:
        for done, name in enumerate(chosen):
            report(done, len(chosen), name)
            path = out / f"{name}.png"
            write_atomic(path, PLOTS[name](snapshot))
            console.emit(str(path))

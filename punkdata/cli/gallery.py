"""The command `punkdata gallery`, and writing its page, which `punkmodels page` does, too."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Root, SnapshotArgument, open_snapshot_argument
from punkdata.errors import UsageError
from punkdata.files import write_atomic
from punkdata.progress import progress_bar

if TYPE_CHECKING:
    from punkdata.analysis.gallery.page_predictions import ModelPredictions
    from punkdata.snapshots.reader import Snapshot

EXAMPLES = (
    "Example: punkdata gallery --open\n\n"
    "An older snapshot: punkdata gallery s3-0123456789ab --out old.html\n\n"
    "A website for any static host: punkdata gallery --out site/ --site-url https://example.org/"
)
Out = Annotated[
    Path,
    typer.Option(
        help="HTML file to write, or a folder such as site/ for a page to put on the web."
    ),
]
SiteUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address at which the folder will be published; many messengers need it to show "
        "the picture of a link preview. (default: none)",
    ),
]
OpenBrowser = Annotated[bool, typer.Option("--open", help="Open the file in the default browser.")]
Generator = Annotated[
    bool,
    typer.Option(
        "--generator/--no-generator",
        help="Include the renderer, which draws punks with any traits; it adds 50 kB.",
    ),
]
Transactions = Annotated[
    bool,
    typer.Option(
        "--transactions",
        help="Link each sale to its transaction; the hashes add 1.2 MB for 25,000 sales. "
        "(default: only a link to all transactions of a punk)",
    ),
]


def gallery(
    version: SnapshotArgument = "latest",
    root: Root = ROOT,
    out: Out = Path("gallery.html"),
    site_url: SiteUrl = None,
    open_browser: OpenBrowser = False,
    generator: Generator = True,
    transactions: Transactions = False,
) -> None:
    """Write all punks to one HTML file that works offline, with a search, filters, maps and charts.

    The page needs no server and no network. It also exports the selected punks as CSV, JSON or a
    picture, compares up to six of them, draws new ones, and finds the punk in a picture. Its
    address holds what is shown, so that a link or a bookmark restores it.
    """
    check_target(out, site_url)
    write_gallery(
        open_snapshot_argument(root, version),
        out,
        site_url,
        open_browser=open_browser,
        generator=generator,
        transactions=transactions,
    )


def check_target(out: Path, site_url: str | None) -> None:
    """Raise UsageError if a page cannot be written there, before it is made."""
    if site_url and not _is_site(out):
        raise UsageError(
            "--site-url needs a folder to publish", hint="add an option such as: --out site/"
        )
    console.check_output(out, is_folder=_is_site(out))


def _is_site(out: Path) -> bool:
    return out.is_dir() or (not out.exists() and not out.suffix)


def write_gallery(
    snapshot: Snapshot,
    out: Path,
    site_url: str | None,
    *,
    open_browser: bool,
    generator: bool,
    transactions: bool,
    predictions: ModelPredictions | None = None,
) -> None:
    """Write the page of a snapshot to a file or into a folder, print its path, and open it."""
    from punkdata.analysis.gallery.html import render_gallery
    from punkdata.analysis.gallery.site import CARD_NAME, describe_preview, draw_card

    head = describe_preview(snapshot, site_url) if _is_site(out) else ""
    with progress_bar("finding layers", "pixels") as progress:
        page = render_gallery(
            snapshot,
            generator=generator,
            with_transactions=transactions,
            predictions=predictions,
            head=head,
            progress=progress,
        ).encode()
    if _is_site(out):
        write_atomic(out / CARD_NAME, draw_card(snapshot))
        out /= "index.html"
    write_atomic(out, page)
    console.emit(str(out))
    console.say(f"{snapshot.manifest.punks:,} punks of {snapshot.version}")
    address = out.resolve().as_uri()
    os.environ.pop("OPENSEA_API_KEY", None)  # The browser must not inherit it.
    if open_browser and not webbrowser.open(address):
        console.warn(f"no browser found; open this address in one: {address}")

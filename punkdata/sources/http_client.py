"""The HTTP client that all sources send their requests with."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

import httpx

from punkdata._version import __version__
from punkdata.errors import SetupError, StoppedError

MAX_CONNECTIONS = 16
"""Number of threads that download at the same time, each over a connection of its own."""
SLICE_S = 0.2
"""Longest time in seconds until a stop is noticed."""

T = TypeVar("T")


def make_http_client() -> httpx.Client:
    """Return a client that honors the usual environment variables for proxies and certificates."""
    # No limit of connections, because an abandoned exchange may keep one for a while.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=MAX_CONNECTIONS)
    try:
        return httpx.Client(
            limits=limits,
            headers={"user-agent": f"punkdata/{__version__} (data set builder)"},
            timeout=httpx.Timeout(30.0, connect=10.0),
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # The library's message is not shown, because the URL of a proxy may contain a password.
        raise SetupError(
            "cannot use the proxies or certificates that environment variables name "
            f"({type(error).__name__})",
            hint="correct or unset HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and "
            "SSL_CERT_DIR; a SOCKS proxy needs: pip install socksio",
        ) from None


def run_exchange(exchange: Callable[[], T], stop: threading.Event, deadline_s: float) -> T:
    """Return the result of a function that sends a request and reads its whole reply.

    The timeouts of httpx limit each wait, so a server that sends a byte now and then never times
    out, and nothing can interrupt the resolver of the operating system. Therefore the function runs
    in a thread of its own, which is abandoned if it takes too long: it then ends at its next
    timeout, with its connection, or with the program.

    Raises httpx.ReadTimeout after `deadline_s` seconds, StoppedError once `stop` is set, and
    whatever the function raises.
    """
    job: Future[T] = Future()

    def run() -> None:
        try:
            job.set_result(exchange())
        except BaseException as error:  # noqa: BLE001  # it is raised again by `job.result`
            job.set_exception(error)

    threading.Thread(target=run, name="exchange", daemon=True).start()
    end_s = time.monotonic() + deadline_s
    while not job.done():
        if stop.is_set():
            raise StoppedError("stopped")
        remaining_s = end_s - time.monotonic()
        if remaining_s <= 0:
            raise httpx.ReadTimeout(f"no whole reply within {deadline_s:g} s")
        wait([job], min(remaining_s, SLICE_S))
    return job.result()

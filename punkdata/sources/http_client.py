"""The HTTP client that all sources send their requests with."""

import importlib
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from punkdata._version import __version__
from punkdata.errors import SetupError
from punkdata.sources.network_backend import DeadlineBackend

MAX_CONNECTIONS = 16
"""Number of threads that download at the same time, each over a connection of its own."""


def make_http_client(
    stop: threading.Event | None = None, *, deadline_s: float = 600.0
) -> httpx.Client:
    """Return a client that honors the usual environment variables for proxies and certificates.

    Every exchange ends `deadline_s` seconds after its start, redirects not included, even if data
    keeps arriving. Setting `stop` ends all exchanges with StoppedError.
    """
    try:
        return httpx.Client(
            transport=_DeadlineTransport(DeadlineBackend(stop or threading.Event(), deadline_s)),
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


class _DeadlineTransport(httpx.BaseTransport):
    """Sends requests over httpcore like `httpx.HTTPTransport`, which accepts no backend."""

    def __init__(self, backend: DeadlineBackend) -> None:
        self._backend = backend
        # No limit of connections, so that no thread waits for the connection of another one.
        self._options: dict[str, Any] = {
            "ssl_context": httpx.create_ssl_context(),
            "max_connections": None,
            "keepalive_expiry": 5.0,
            "network_backend": backend,
        }
        self._direct = httpcore.ConnectionPool(**self._options)
        proxies = urllib.request.getproxies()
        self._proxied = {
            scheme: self._make_proxy_pool(proxy)
            for scheme in ("http", "https")
            if (proxy := proxies.get(scheme) or proxies.get("all"))
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        pool = self._proxied.get(url.scheme)
        if pool is None or urllib.request.proxy_bypass(url.host):
            pool = self._direct
        self._backend.start_exchange()
        with _translate_errors():
            response = pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        for pool in (self._direct, *self._proxied.values()):
            pool.close()

    def _make_proxy_pool(self, url: str) -> httpcore.ConnectionPool:
        proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
        options = self._options | {
            "proxy_url": httpcore.URL(
                scheme=proxy.url.raw_scheme,
                host=proxy.url.raw_host,
                port=proxy.url.port,
                target=proxy.url.raw_path,
            ),
            "proxy_auth": proxy.raw_auth,
        }
        if proxy.url.scheme.startswith("socks"):
            importlib.import_module("socksio")  # httpcore would complain of its absence later.
            return httpcore.SOCKSProxy(**options)
        if proxy.url.scheme == "https":
            options["proxy_ssl_context"] = options["ssl_context"]
        return httpcore.HTTPProxy(**options)


class _Body(httpx.SyncByteStream):
    """The body of a response, as it arrives."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _translate_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise the exception of httpx that has the same name as one of httpcore."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProxyError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind: type[httpx.RequestError] = getattr(httpx, type(error).__name__)
        raise kind(str(error)) from error

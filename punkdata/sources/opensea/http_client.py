"""The HTTP client that the network transport sends its requests with."""

from __future__ import annotations

import os

import httpx

from punkdata._version import __version__
from punkdata.errors import SetupError

MAX_CONNECTIONS = 16
"""Number of simultaneous connections, and of threads that download images."""

_HTTP_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


def make_http_client() -> httpx.Client:
    """Return the HTTP client for `NetworkTransport`. It honors the usual proxy variables.

    Raises:
        SetupError: An environment variable for proxies or certificates has an invalid value.
    """
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
    )
    headers = {"user-agent": f"punkdata/{__version__} (data set builder)"}
    try:
        return httpx.Client(limits=limits, headers=headers, follow_redirects=False)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # The library's message is not shown, because the URL of a proxy may contain a password.
        names = [name for name in _HTTP_VARIABLES if os.environ.get(name)]
        names += [name.lower() for name in _HTTP_VARIABLES if os.environ.get(name.lower())]
        raise SetupError(
            f"cannot connect with the current values of {', '.join(names)} "
            f"({type(error).__name__})",
            hint="install socksio to use a SOCKS proxy (pip install socksio); otherwise correct "
            "or unset these environment variables",
        ) from None

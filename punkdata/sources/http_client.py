"""The HTTP client that all sources send their requests with."""

import httpx

from punkdata._version import __version__
from punkdata.errors import SetupError

MAX_CONNECTIONS = 16


def make_http_client() -> httpx.Client:
    """Return a client that honors the usual environment variables for proxies and certificates."""
    try:
        return httpx.Client(
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
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

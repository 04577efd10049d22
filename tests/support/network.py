"""The product's own network transport, pointed at the tests' OpenSea server."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr
from support.opensea_server import OpenSeaServer

from punkdata.fetch import OpenSeaResult
from punkdata.sources.opensea.http_client import make_http_client
from punkdata.sources.opensea.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.transport import NetworkTransport

Fetch = Callable[..., OpenSeaResult]


class InstantSleep(InterruptibleSleep):
    """A pause that takes no time, for tests that do not wait."""

    def __call__(self, seconds: float) -> None:
        super().__call__(min(seconds, 0.001))


OPEN_NETWORKS: list[NetworkTransport] = []


def open_network(
    server: OpenSeaServer, key: str | None = None, *, max_wait_s: float = 900.0
) -> NetworkTransport:
    """The network as `punkdata fetch` has it, with waits cut short; closed with the server."""
    secret = SecretStr(key or server.key or "any")
    network = NetworkTransport(make_http_client(), server.base_url, secret, max_wait_s=max_wait_s)
    network.sleep = InstantSleep()
    OPEN_NETWORKS.append(network)
    return network

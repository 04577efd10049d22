"""Punkdata's network transport, connected to the fake OpenSea server, without waiting times."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr
from support.opensea_server import OpenSeaServer

from punkdata.fetch import OpenSeaResult
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep
from punkdata.sources.opensea.http.retry import RetryTransport
from punkdata.sources.opensea.http.transport import NetworkTransport
from punkdata.sources.opensea.tokens import CollectedPunks, collect_punks

Fetch = Callable[..., OpenSeaResult]
"""Type of the `fetch` fixture."""


class InstantSleep(InterruptibleSleep):
    """A sleep of at most one millisecond, for tests that do not wait."""

    def __call__(self, seconds: float) -> None:
        super().__call__(min(seconds, 0.001))


OPEN_NETWORKS: list[NetworkTransport] = []
"""Transports that the `server` fixture closes at the end of a test."""


def open_network(
    server: OpenSeaServer,
    key: str | None = None,
    *,
    max_wait_s: float = 900.0,
    sleep: InterruptibleSleep | None = None,
) -> NetworkTransport:
    """Return a transport like that of `punkdata fetch`, by default without waiting times."""
    network = NetworkTransport(
        server.base_url,
        SecretStr(key or server.key or "any"),
        max_wait_s=max_wait_s,
        sleep=sleep or InstantSleep(),
    )
    OPEN_NETWORKS.append(network)
    return network


def make_client(server: OpenSeaServer) -> OpenSeaClient:
    """Return a client with retries but without waiting times."""
    network = open_network(server)
    return OpenSeaClient(RetryTransport(network, network.sleep), server.base_url)


def collect(server: OpenSeaServer, limit: int | None = None) -> CollectedPunks:
    """Return the tokens of a server."""
    return collect_punks(make_client(server), limit)


def expected_labels(server: OpenSeaServer) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return the labels of all punks of a server, by punk_id."""
    return {p.punk_id: (p.type, tuple(p.accessories)) for p in server.punks}

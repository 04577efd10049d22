"""The requests that a fetch of all 10,000 punks costs, and its refresh after a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.network import OPEN_NETWORKS, open_network
from support.opensea_market import WRAPPERS, make_rates, wrapped_sale
from support.opensea_server import OpenSeaServer, Request
from support.sales_events import ZERO, listing, make_sales, paid, sale_event
from support.sprites import make_punks, png_bytes

from punkdata.estimate import REQUESTS_PER_HOUR, estimate_opensea
from punkdata.fetch import OpenSeaResult, fetch_opensea
from punkdata.files import utc_now

NUM_PUNKS = 10_000
MAX_REFRESH_REQUESTS = 70
WEEK_S = 7 * 24 * 3600
NEWEST_S = 1_640_000_000
"""Time of the newest sales before the refresh."""


@pytest.fixture(scope="module")
def server() -> Iterator[OpenSeaServer]:
    """A fake OpenSea with all punks, which share five images, and prices of ETH until today."""
    punks = make_punks(NUM_PUNKS)
    sales = make_sales(punks, 1_000)
    images = {i: png_bytes(punks[i].sprite) for i in range(5)}
    with OpenSeaServer(punks, sales, [listing(3, "70")], images=images) as server:
        server.image_fields = lambda i: {"image_url": f"{server.base_url}/images/{i % 5}.png"}
        server.limit = REQUESTS_PER_HOUR
        server.lists_owners = True
        tokens = server.list_tokens({})  # It would take half a second for each page.
        server.list_tokens = lambda query: tokens  # type: ignore[method-assign]
        server.market.rates = {ZERO: make_rates(last=(utc_now() + timedelta(days=9)).date())}
        for slug in WRAPPERS:
            events = [wrapped_sale(i, NEWEST_S - i, paid("2"), slug) for i in range(300)]
            server.market.wrapped[slug] = events
        yield server
        while OPEN_NETWORKS:
            OPEN_NETWORKS.pop().close()


def run(server: OpenSeaServer, root: Path) -> tuple[OpenSeaResult, list[Request]]:
    """Fetch, and return the result and the requests to the API."""
    num_before = len(server.requests_to())
    result = fetch_opensea(root, open_network(server, max_wait_s=0), server.base_url)
    assert (result.punks, result.owners) == (NUM_PUNKS, NUM_PUNKS)
    assert result.recording.info.status == "complete"
    return result, server.requests_to()[num_before:]


def count(requests: list[Request]) -> Counter[str]:
    """Return the number of requests by the last part of their path."""
    return Counter(request.path.rpartition("/")[2] for request in requests)


@pytest.mark.slow
def test_first_fetch_needs_one_window_and_a_refresh_few_requests(
    server: OpenSeaServer, tmp_path: Path
) -> None:
    first, requests = run(server, tmp_path)
    year = first.recording.info.market_year or 0
    assert count(requests) == {
        "nfts": 50,
        "cryptopunks": 2 + 5,  # The collection, the trait counts, and the pages of sales.
        "best": 1,
        "price_history": year - 2016,
        "floor_prices": 1,
        "stats": 1,
        "floors": 1,
        WRAPPERS[0]: 2,
        WRAPPERS[1]: 2,
    }
    assert {request.status for request in requests} == {200}
    # A week later, there are new sales in all markets.
    plan = estimate_opensea(tmp_path, server.base_url)
    for i in range(150):
        time = NEWEST_S + WEEK_S - 60 * i
        server.sales.append(sale_event(i, time, paid("3")))
        for slug in WRAPPERS:
            server.market.wrapped[slug].append(wrapped_sale(i, time, paid("3"), slug))
    refreshed, requests = run(server, tmp_path)
    assert refreshed.recording.info.parent == first.recording.name
    expected = dict.fromkeys(count(requests), 1) | {"nfts": 50, "cryptopunks": 3}
    # Every list of new sales also has those of the week before the newest known one.
    expected |= {WRAPPERS[0]: 3, WRAPPERS[1]: 3}
    assert count(requests) == expected
    assert len(requests) == 50 + 2 + 1 + 1 + 1 + 3 + 6 <= MAX_REFRESH_REQUESTS
    assert plan.api_requests == 50 + 2 + 1 + 1 + 1 + 3 + 2 <= MAX_REFRESH_REQUESTS
    assert refreshed.sales == first.sales + 150
    assert refreshed.wrapped_sales == {"wrapped": 450, "cryptopunks-721": 450}

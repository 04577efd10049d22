"""A fixture of sales of wrapped punks."""

from __future__ import annotations

from typing import Any

import pytest
from support.market_recordings import START
from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_server import OpenSeaServer
from support.sales_events import paid


@pytest.fixture
def wrapped(server: OpenSeaServer) -> dict[str, list[Any]]:
    """Nine sales in one collection of wrapped punks and four in the other."""
    server.market.wrapped = {
        slug: [wrapped_sale(i, START + i, paid("2"), slug) for i in range(number)]
        for slug, number in zip(WRAPPERS, (9, 4), strict=True)
    }
    return server.market.wrapped

"""Sales of wrapped punks."""

from __future__ import annotations

from typing import Any

import pytest
from support.network import make_client
from support.opensea_documents import not_found_reply
from support.opensea_faults import Reply
from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer
from support.sales_events import USDC, Json, paid

from punkdata.errors import UsageError
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.opensea.wrapped_sales import WrappedSales, check_slugs, collect_wrapped_sales

START = 1_600_000_000
PUNKS = CollectedPunks(missing=dict.fromkeys(range(60), "not needed"))


def collect(server: OpenSeaServer, *slugs: str) -> WrappedSales:
    queries: dict[str, list[int]] = {slug: [] for slug in slugs or WRAPPERS}
    return collect_wrapped_sales(make_client(server), PUNKS, queries)


def change_nft(**fields: Any) -> Json:
    event = wrapped_sale(7, START + 50, paid("1"))
    return event | {"nft": event["nft"] | fields}


def test_each_collection_is_a_market_of_its_own(server: OpenSeaServer) -> None:
    server.max_page_size = 4
    first, second = WRAPPERS
    server.market.wrapped = {
        first: [wrapped_sale(i, START + i, paid("2")) for i in range(9)],
        second: [wrapped_sale(3, START, paid("9000", "USDC", USDC, 6), second)],
    }
    found = collect(server)
    assert found.warnings == []
    assert found.count(range(60)) == {"wrapped": 9, "cryptopunks-721": 1}
    assert found.count([3, 4]) == {"wrapped": 2, "cryptopunks-721": 1}
    assert [(s.punk_id, s.market, s.price_wei) for s in found.of([3])] == [
        (3, "wrapped", 2 * 10**18),
        (3, "cryptopunks-721", None),
    ]


def test_any_contract_and_a_missing_collection_are_accepted(server: OpenSeaServer) -> None:
    rows = [change_nft(contract="0xany"), change_nft(contract=None), change_nft(collection="")]
    server.market.wrapped[WRAPPERS[0]] = [
        row | {"event_timestamp": START + i} for i, row in enumerate(rows)
    ]
    found = collect(server)
    assert (found.count(range(60))["wrapped"], found.warnings) == (3, [])


def test_odd_rows_cost_a_warning_that_names_the_collection(server: OpenSeaServer) -> None:
    good = wrapped_sale(7, START, paid("1"))
    server.market.wrapped[WRAPPERS[0]] = [
        *(good, None, "x", good | {"event_timestamp": None}, good | {"payment": 5}),
        *(change_nft(collection="cryptopunks"), change_nft(identifier="10000")),
        *(change_nft(identifier="7.5"), good | {"chain": "polygon"}),
    ]
    found = collect(server)
    assert found.count(range(60)) == {"wrapped": 1, "cryptopunks-721": 0}
    assert {line.partition(" (")[0] for line in found.warnings} == {
        f"{WRAPPERS[0]}: left out 1 sale without a readable amount",
        f"{WRAPPERS[0]}: left out 1 sale without a readable time",
        f"{WRAPPERS[0]}: left out 1 sale without a readable token identifier",
        f"{WRAPPERS[0]}: left out 1 sale of a token beyond 9999",
        f"{WRAPPERS[0]}: left out 2 sales on another contract or chain, or in another collection",
        f"{WRAPPERS[0]}: left out 2 sales that cannot be read",
    }


@pytest.mark.parametrize("reply", [not_found_reply(), REFUSED, BROKEN, WEB_PAGE, NOT_JSON])
def test_collection_that_cannot_be_read_is_unknown(server: OpenSeaServer, reply: Reply) -> None:
    server.market.wrapped = {slug: [wrapped_sale(1, START, paid("1"), slug)] for slug in WRAPPERS}
    server.oddities.replies = {f"/events/collection/{WRAPPERS[0]}": reply}
    found = collect(server)
    assert found.count(range(60)) == {"wrapped": None, "cryptopunks-721": 1}
    (warning,) = found.warnings
    assert warning.startswith("sales of the collection wrapped-cryptopunks are missing, because")
    assert len(found.of(range(60))) == 1


@pytest.mark.parametrize(
    "slug", ["", "../x", "a b", "Wrapped", "x" * 65, "-x", "a/b", "cryptopunks", "wrapped"]
)
def test_other_names_are_no_collections_of_wrapped_punks(slug: str) -> None:
    with pytest.raises(UsageError, match="is not "):
        check_slugs([slug])
    check_slugs([*WRAPPERS, "v1-punks"])

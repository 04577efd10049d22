from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.network import make_client
from support.opensea_server import OpenSeaServer
from support.sales_events import (
    ABSENT,
    CHAIN,
    CONTRACT,
    USDC,
    WETH,
    WRAPPER,
    ZERO,
    Json,
    flat_listing,
    listing,
    order_item,
    private_listing,
)

from punkdata.records import ListingRecord
from punkdata.sources.opensea import notes
from punkdata.sources.opensea.api.price_schemas import ListingsPage
from punkdata.sources.opensea.api.schemas import parse_body
from punkdata.sources.opensea.listings import are_outdated, collect_listings
from punkdata.sources.opensea.notes import summarize_notes
from punkdata.sources.opensea.prices import parse_listing
from punkdata.sources.opensea.tokens import CollectedPunks
from punkdata.sources.recording_format import Reply

URL = "https://api.test/api/v2/listings?limit=200"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


FAKE = "0x" + "11" * 20


def read_listing(document: Json) -> tuple[ListingRecord | None, list[str]]:
    """Parse a listing as a fetch does, and return the kinds of the notes on it."""
    body = json.dumps({"listings": [document]}).encode()
    (row,) = parse_body(ListingsPage, "GET /listings", body).rows
    record, found = parse_listing(row, CONTRACT, CHAIN)
    return record, [note.kind for note in found]


def collect(server: OpenSeaServer) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Return (punk_id, amount, symbol) of the listings of punks 0 to 9, and the summary."""
    punks = CollectedPunks(CONTRACT, missing=dict.fromkeys(range(10), "not needed"))
    found, noted = collect_listings(make_client(server), punks)
    return [(x.punk_id, x.payment_base_units, x.symbol) for x in found], summarize_notes(noted)


def test_lowest_listing_of_each_punk_and_currency_is_kept(server: OpenSeaServer) -> None:
    usdc = {"decimals": 6, "paid_in": [order_item(1, USDC)]}
    server.listings = [
        listing(5, "80"),
        listing(3, "70"),
        listing(3, "65.5"),
        listing(3, "66"),
        listing(3, "64", "WETH"),
        listing(4, "90000", "USDC", **usdc),
        listing(4, "80000", "usdc", **usdc),
        listing(40, "1"),
    ]
    assert collect(server) == (
        [
            (3, 655 * 10**17, "ETH"),
            (3, 64 * 10**18, "WETH"),
            (4, 80_000 * 10**6, "usdc"),
            (5, 80 * 10**18, "ETH"),
        ],
        [],
    )
    server.listings = []
    assert collect(server) == ([], [])


def test_listings_that_are_left_out_are_counted_by_kind(server: OpenSeaServer) -> None:
    server.overlapping_pages = True
    server.max_page_size = 2
    server.listings = [
        *(private_listing(i, "1") for i in range(3)),
        *(listing(i, "0") for i in range(4)),
        listing(7, "5", status="CANCELLED"),
        private_listing(40, "1"),
    ]
    assert collect(server) == (
        [],
        [
            "left out 3 listings that only one address may accept (for example punk 0)",
            "left out 4 listings that cannot be read "
            "(for example punk 0, whose price is missing, 0 or unreadable)",
            "left out 1 listing without an active order (punk 7)",
        ],
    )


@pytest.mark.parametrize(
    ("ages_h", "passes", "expected"),
    [
        ([], [], False),
        ([23, 23], [0, 0], False),
        ([25, 1], [0, 0], True),
        ([25, 1], [0, 1], False),
        ([25, 1, 25], [0, 0, 1], True),
        ([-25], [0], True),  # The clock was set back.
    ],
)
def test_listings_are_outdated_if_any_page_of_the_last_pass_is_old(
    ages_h: list[int], passes: list[int], *, expected: bool
) -> None:
    replies = [
        Reply(
            url=f"{URL}&next={number}" if number else URL,
            status=200,
            body="0" * 64,
            time=(NOW - timedelta(hours=age_h)).isoformat(),
            pass_number=pass_number,
        )
        for number, (age_h, pass_number) in enumerate(zip(ages_h, passes, strict=True))
    ]
    other = Reply(
        url="https://api.test/api/v2/nfts?limit=200", status=200, time="2020-01-01T00:00Z"
    )
    assert are_outdated([*replies, other], URL, NOW) is expected


# -- Single listings


def in_eth(punk_id: int, eth: int, symbol: str = "ETH", address: Any = None) -> ListingRecord:
    wei = eth * 10**18
    return ListingRecord(punk_id, wei, 18, symbol, address, wei)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (listing(7, "65"), in_eth(7, 65)),
        (listing(7, "65", "WETH"), in_eth(7, 65, "WETH")),
        (flat_listing(7, "65"), in_eth(7, 65)),
        (flat_listing(7, "65", status=ABSENT, remaining_quantity=ABSENT), in_eth(7, 65)),
        (listing(7, "65", remaining_quantity="x"), in_eth(7, 65)),
        (
            listing(7, "65", protocol_data=None, asset={"identifier": "9", "contract": ""}),
            in_eth(9, 65),
        ),
        (listing(7, "65", price={"current": 0, "currency": "ETH", "value": 65e18}), in_eth(7, 65)),
        (listing(7, "65", taker=ZERO, is_private_listing=False), in_eth(7, 65)),
        (listing(7, "65", paid_in=[order_item(0, ZERO)] * 2), in_eth(7, 65, address=ZERO)),
        (listing(7, "65", "WETH", paid_in=[order_item(1, WETH)]), in_eth(7, 65, "WETH", WETH)),
        (
            listing(7, "90", "USDC", 6, paid_in=[order_item(1, USDC)]),
            ListingRecord(7, 90 * 10**6, 6, "USDC", USDC, None),
        ),
    ],
)
def test_offer_to_everybody_is_read_in_any_form(document: Json, expected: ListingRecord) -> None:
    assert read_listing(document) == (expected, [])


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (listing(7, "0"), notes.UNREADABLE_LISTING),
        (listing(7, "65", price=ABSENT), notes.UNREADABLE_LISTING),
        (listing(7, "65", price={"current": {"value": "much"}}), notes.UNREADABLE_LISTING),
        (listing(7, "65", protocol_data=""), notes.UNREADABLE_LISTING),
        (listing(7, "65", status="EXPIRED"), notes.INACTIVE_LISTING),
        (listing(7, "65", remaining_quantity=0), notes.INACTIVE_LISTING),
        (listing(7, "65", remaining_quantity="0"), notes.INACTIVE_LISTING),
        (listing(7, "65", chain="matic"), notes.LISTING_ELSEWHERE),
        (listing(7, "65", asset={"identifier": "7", "contract": WRAPPER}), notes.LISTING_ELSEWHERE),
        (listing(7, "65", offered=[order_item(2, WRAPPER, "7")]), notes.LISTING_ELSEWHERE),
        (listing(7, "65", offered=[order_item(2, CONTRACT, i) for i in "78"]), notes.BUNDLE),
        (private_listing(7, "1"), notes.PRIVATE_LISTING),
        (listing(7, "65", paid_in=[order_item(4, "0xany")]), notes.PRIVATE_LISTING),
        (listing(7, "65", taker="0xB1"), notes.PRIVATE_LISTING),
        (listing(7, "65", taker={"address": "0xB1"}), notes.PRIVATE_LISTING),
        (listing(7, "65", is_private_listing=True), notes.PRIVATE_LISTING),
    ],
)
def test_listing_that_is_no_offer_to_everybody_is_left_out(document: Json, kind: str) -> None:
    assert read_listing(document) == (None, [kind])


@pytest.mark.parametrize(
    "document",
    [
        listing(7, "1", paid_in=[order_item(1, FAKE)]),
        listing(7, "1", paid_in=[order_item(0, ZERO), order_item(1, FAKE)]),
        listing(7, "1", "WETH", paid_in=[order_item(0, ZERO)]),
        listing(7, "1", "ETH", 6, paid_in=[order_item(0, ZERO)]),
    ],
)
def test_listing_in_a_token_called_eth_has_no_price_in_eth(document: Json) -> None:
    record, kinds = read_listing(document)
    assert record is not None
    assert (record.price_wei, kinds) == (None, [notes.LISTING_NOT_IN_ETH])

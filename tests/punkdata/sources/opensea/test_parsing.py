from __future__ import annotations

import re
from typing import Any

import pytest
from support.sales_events import ABSENT, BETH, CONTRACT, USDC, WETH, ZERO, listing, paid, sale_event

from punkdata.errors import DataError
from punkdata.sources.opensea.parsing import (
    parse_image_urls,
    parse_listing,
    parse_price_wei,
    parse_punk_id,
    parse_sale,
)
from punkdata.sources.opensea.schemas import Listing, Nft, SaleEvent

INVALID_TOKEN = "the token identifier is missing or invalid"
OTHER_CONTRACT = "the token is on another contract or chain"


def nft(**fields: Any) -> Nft:
    return Nft.model_validate({"identifier": "7"} | fields)


# -- Tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["-1", "007", "1.0", " 7", "", "0x7", "٣", "1" * 40])
def test_parse_punk_id_accepts_canonical_decimal_numbers_only(text: str) -> None:
    assert parse_punk_id(text) is None
    assert parse_punk_id("0") == 0
    assert parse_punk_id("9999") == 9999


def test_original_image_urls_come_before_resized_ones() -> None:
    token = nft(
        image_url="https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        display_image_url="https://lh3.googleusercontent.com/abc=s250",
        original_image_url="https://other.test/p.svg?w=1",
    )
    assert parse_image_urls(token) == (
        "https://i2c.seadn.io/a/b.png?v=2",
        "https://lh3.googleusercontent.com/abc=s0",
        "https://other.test/p.svg?w=1",
        "https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        "https://lh3.googleusercontent.com/abc=s250",
    )
    assert parse_image_urls(nft(image_url="", display_image_url=None)) == ()
    assert parse_image_urls(nft(image_url="https://[broken")) == ("https://[broken",)


# -- Sales ---------------------------------------------------------------------------------


def sale(payment: Any = ABSENT, **fields: Any) -> Any:
    event = SaleEvent.model_validate(sale_event(7, 1_500_000_000, payment, **fields))
    return parse_sale(event, CONTRACT, "ethereum")


@pytest.mark.parametrize(
    ("payment", "price_wei"),
    [
        (paid("0.1"), 10**17),
        (paid("123456789.123456789123456789"), 123456789123456789123456789),
        (paid("2", "WETH", WETH), 2 * 10**18),
        (paid("2", "weth", WETH), 2 * 10**18),
        (paid("2", "BETH", BETH), 2 * 10**18),
        (paid("2", ""), 2 * 10**18),
        (paid("2", "", BETH.upper().replace("X", "x")), 2 * 10**18),
        (paid("0"), None),
        (paid("25000", "USDC", USDC, 6), None),
        (paid("5", "", USDC, 6), None),
        (paid("5") | {"decimals": None}, 5 * 10**18),
        (paid("5") | {"decimals": ""}, 5 * 10**18),
        (paid("5") | {"quantity": ""}, None),
        (paid("5") | {"quantity": 5 * 10**18}, 5 * 10**18),
        (paid("5") | {"quantity": "5E+18"}, 5 * 10**18),
        ({}, None),
        (None, None),
        (ABSENT, None),
    ],
)
def test_prices_are_exact_and_in_eth_only(payment: Any, price_wei: int | None) -> None:
    assert sale(payment).price_wei == price_wei


def test_other_currencies_keep_symbol_and_amount() -> None:
    parsed = sale(paid("25000.5", "USDC", USDC, 6))
    assert (parsed.amount, parsed.decimals, parsed.symbol) == (25_000_500_000, 6, "USDC")
    assert (parsed.token_address, parsed.price_wei) == (USDC, None)


@pytest.mark.parametrize("quantity", [1.5, 1e18, True, "1.5", "many", "1e999999999", "NaN", [1]])
def test_non_integer_amounts_are_rejected(quantity: Any) -> None:
    with pytest.raises(ValueError, match="quantity"):
        sale(paid("1") | {"quantity": quantity})


@pytest.mark.parametrize(
    ("payment", "time"),
    [
        (paid("1") | {"quantity": "1" + "0" * 38}, 1),
        (paid("1") | {"quantity": "-1"}, 1),
        (paid("1") | {"decimals": 99}, 1),
        (paid("1"), 0),
        (paid("1"), 2**50),
    ],
)
def test_sale_out_of_range_is_rejected_with_its_punk(payment: Any, time: int) -> None:
    with pytest.raises(DataError, match="of punk 7 is out of range"):
        sale(payment, event_timestamp=time)


@pytest.mark.parametrize(
    ("buyer", "is_zero"), [(ZERO, True), ("0xAB", False), ("", None), (ABSENT, None)]
)
def test_zero_buyer_is_flagged_and_keeps_its_price(buyer: Any, is_zero: bool | None) -> None:
    parsed = sale(paid("1"), buyer=buyer)
    assert (parsed.buyer_is_zero, parsed.price_wei) == (is_zero, 10**18)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"nft": None}, INVALID_TOKEN),
        ({"nft": ABSENT}, INVALID_TOKEN),
        ({"nft": {"identifier": ""}}, INVALID_TOKEN),
        ({"nft": {"identifier": "x"}}, INVALID_TOKEN),
        (
            {"nft": {"identifier": "7", "contract": "0xother"}},
            "the token is on another contract or chain",
        ),
        ({"event_type": "transfer"}, "the event type is 'transfer', not 'sale'"),
        ({"event_type": "x" * 999}, f"the event type is '{'x' * 39}, not 'sale'"),
        ({"chain": "matic"}, OTHER_CONTRACT),
    ],
)
def test_event_that_is_not_a_sale_is_rejected(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(reason)}$"):
        sale(paid("1"), **fields)


def test_event_type_and_chain_ignore_case() -> None:
    assert sale(paid("1"), event_type="SALE", chain="Ethereum") == sale(paid("1"))


# -- Listings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (listing(7, "65.5"), (7, 655 * 10**17)),
        (listing(7, "65", "WETH"), (7, 65 * 10**18)),
        (
            listing(7, "65", protocol_data=None, asset={"identifier": "9", "contract": ""}),
            (9, 65 * 10**18),
        ),
        (listing(7, "65", "USDC"), None),
        (listing(7, "0"), None),
        (listing(7, "65", status="EXPIRED"), None),
        (listing(7, "65", remaining_quantity=0), None),
        (listing(7, "65", price=ABSENT), None),
        (listing(7, "65", asset={"identifier": "7", "contract": "0xwrapped"}), None),
        (listing(7, "65", protocol_data=""), None),
    ],
)
def test_listing_is_parsed_to_punk_and_price_in_wei(document: Any, expected: Any) -> None:
    assert parse_listing(Listing.model_validate(document), CONTRACT) == expected


@pytest.mark.parametrize("decimals", [-1, -(10**9), 19, 10**9])
def test_price_with_unsupported_decimals_is_none(decimals: int) -> None:
    assert parse_price_wei(7, decimals, "ETH", None) is None

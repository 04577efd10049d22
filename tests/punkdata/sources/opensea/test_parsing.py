from __future__ import annotations

import re
from typing import Any

import pytest
from support.sales_events import ABSENT, BETH, CONTRACT, USDC, WETH, ZERO, listing, paid, sale_event

from punkdata.errors import DataError
from punkdata.sources.opensea.parsing import (
    parse_image_urls,
    parse_labels,
    parse_listing,
    parse_price_wei,
    parse_punk_id,
    parse_sale,
)
from punkdata.sources.opensea.schemas import Listing, Nft, SaleEvent


def nft(*traits: tuple[str, Any], **fields: Any) -> Nft:
    pairs = [{"trait_type": kind, "value": value} for kind, value in traits]
    return Nft.model_validate({"identifier": "7", "traits": pairs} | fields)


# -- tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["-1", "007", "1.0", " 7", "", "0x7", "٣", "1" * 40])
def test_only_a_canonical_decimal_number_is_an_id(text: str) -> None:
    assert parse_punk_id(text) is None
    assert parse_punk_id("0") == 0
    assert parse_punk_id("9999") == 9999


def test_traits_become_labels_whatever_their_case_and_order() -> None:
    token = nft(("Accessory", "vr"), ("TYPE", "zombie"), ("accessory", "3d glasses"))
    assert parse_labels(token) == ("Zombie", ("3D Glasses", "VR"))


def test_attribute_counts_are_no_accessories_but_are_held_against_them() -> None:
    token = nft(("type", "Ape"), ("accessory", "2 attributes"), ("accessory", "Cap"))
    with pytest.raises(DataError, match="says 2 attributes but lists 1"):
        parse_labels(token)
    token = nft(("type", "Ape"), ("accessory", "1 Attributes"), ("accessory", "Cap"))
    assert parse_labels(token) == ("Ape", ("Cap",))


def test_traits_of_other_kinds_and_numbers_are_passed_over() -> None:
    token = nft(("type", "Ape"), ("level", 3), ("rank", None), ("", "x"))
    assert parse_labels(token) == ("Ape", ())


@pytest.mark.parametrize(
    ("traits", "reason"),
    [
        ((), "has no type"),
        ((("type", "Ape"), ("type", "Alien")), "has 2 types"),
        ((("type", "Robot"),), "has the unknown type 'Robot'"),
        ((("type", "Ape"), ("accessory", "Sword")), "has the unknown accessory 'Sword'"),
        ((("type", "Cap"),), "has the unknown type 'Cap'"),
        ((("type", "Ape"), ("accessory", "Male")), "has the unknown accessory 'Male'"),
    ],
)
def test_traits_that_are_not_one_punk_s_are_refused(traits: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse_labels(nft(*traits))


def test_the_original_image_comes_before_resized_ones() -> None:
    token = nft(
        image_url="https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        display_image_url="https://lh3.googleusercontent.com/abc=s250",
        original_image_url="https://elsewhere.test/p.svg?w=1",
    )
    assert parse_image_urls(token) == (
        "https://i2c.seadn.io/a/b.png?v=2",
        "https://lh3.googleusercontent.com/abc=s0",
        "https://elsewhere.test/p.svg?w=1",
        "https://i2c.seadn.io/a/b.png?w=500&auto=format&v=2",
        "https://lh3.googleusercontent.com/abc=s250",
    )
    assert parse_image_urls(nft(image_url="", display_image_url=None)) == ()
    assert parse_image_urls(nft(image_url="https://[broken")) == ("https://[broken",)


# -- sales ---------------------------------------------------------------------------------


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
def test_prices_are_exact_and_only_of_ether(payment: Any, price_wei: int | None) -> None:
    assert sale(payment).price_wei == price_wei


def test_another_currency_keeps_its_symbol_and_amount() -> None:
    parsed = sale(paid("25000.5", "USDC", USDC, 6))
    assert (parsed.amount, parsed.decimals, parsed.symbol) == (25_000_500_000, 6, "USDC")
    assert (parsed.token_address, parsed.price_wei) == (USDC, None)


@pytest.mark.parametrize("quantity", [1.5, 1e18, True, "1.5", "many", "1e999999999", "NaN", [1]])
def test_an_amount_that_is_no_whole_number_is_an_error(quantity: Any) -> None:
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
def test_a_sale_that_cannot_be_stored_is_refused_by_its_punk(payment: Any, time: int) -> None:
    with pytest.raises(DataError, match="punk 7"):
        sale(payment, event_timestamp=time)


@pytest.mark.parametrize(
    ("buyer", "is_zero"), [(ZERO, True), ("0xAB", False), ("", None), (ABSENT, None)]
)
def test_a_zero_buyer_is_flagged_and_keeps_its_price(buyer: Any, is_zero: bool | None) -> None:
    parsed = sale(paid("1"), buyer=buyer)
    assert (parsed.buyer_is_zero, parsed.price_wei) == (is_zero, 10**18)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"nft": None}, "no punk is named"),
        ({"nft": ABSENT}, "no punk is named"),
        ({"nft": {"identifier": ""}}, "no punk is named"),
        ({"nft": {"identifier": "x"}}, "no punk is named"),
        ({"nft": {"identifier": "7", "contract": "0xother"}}, "of another contract or chain"),
        ({"event_type": "transfer"}, "of the type 'transfer', which is no sale"),
        ({"event_type": "x" * 999}, f"of the type '{'x' * 39}, which is no sale"),
        ({"chain": "matic"}, "of another contract or chain"),
    ],
)
def test_an_event_that_is_no_sale_of_a_punk_says_why(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(reason)}$"):
        sale(paid("1"), **fields)


def test_capitals_in_an_event_mean_the_same() -> None:
    assert sale(paid("1"), event_type="SALE", chain="Ethereum") == sale(paid("1"))


# -- listings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "parsed"),
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
def test_a_listing_is_a_punk_and_a_price_in_ether(made: Any, parsed: Any) -> None:
    assert parse_listing(Listing.model_validate(made), CONTRACT) == parsed


@pytest.mark.parametrize("decimals", [-1, -(10**9), 19, 10**9])
def test_a_currency_of_absurd_decimals_has_no_price_and_takes_no_time(decimals: int) -> None:
    assert parse_price_wei(7, decimals, "ETH", None) is None

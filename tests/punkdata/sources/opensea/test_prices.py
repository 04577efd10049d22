from __future__ import annotations

import json
from typing import Any

import pytest
from support.sales_events import (
    ABSENT,
    BETH,
    CHAIN,
    CONTRACT,
    USDC,
    WETH,
    WRAPPER,
    ZERO,
    Json,
    paid,
    sale_event,
)

from punkdata.currencies import parse_price_wei
from punkdata.records import SaleRecord
from punkdata.sources.opensea import notes
from punkdata.sources.opensea.api.price_schemas import EventsPage
from punkdata.sources.opensea.api.schemas import parse_body
from punkdata.sources.opensea.notes import Note
from punkdata.sources.opensea.prices import Market, parse_sale, parse_time

FAKE = "0x" + "11" * 20


def read_sale(event: Json | str) -> tuple[SaleRecord | None, list[Note]]:
    """Parse an event, or JSON text, as a fetch does."""
    text = event if isinstance(event, str) else json.dumps(event)
    body = f'{{"asset_events": [{text}]}}'.encode()
    (row,) = parse_body(EventsPage, "GET /events", body).rows
    return parse_sale(row, Market("cryptopunks", "cryptopunks", CONTRACT, CHAIN))


def sale(payment: Any = ABSENT, **fields: Any) -> SaleRecord:
    found, _ = read_sale(sale_event(7, 1_500_000_000, payment, **fields))
    assert found is not None
    return found


def lost_note(event: Json | str) -> Note:
    """Return the note on an event that is no sale."""
    found, (note,) = read_sale(event)
    assert found is None
    return note


# -- Amounts ---------------------------------------------------------------------------------


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
        (paid("2") | {"token_address": ""}, 2 * 10**18),
        (paid("0"), None),
        (paid("25000", "USDC", USDC, 6), None),
        (paid("5", "", USDC, 6), None),
        (paid("5") | {"decimals": None}, 5 * 10**18),
        (paid("5") | {"decimals": ""}, 5 * 10**18),
        (paid("5") | {"decimals": "18"}, 5 * 10**18),
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


@pytest.mark.parametrize(
    ("number", "amount"),
    [
        ("5.93e18", 5_930_000_000_000_000_000),
        ("5930000000000000001.0", 5_930_000_000_000_000_001),
        ("59300000000000000010e-1", 5_930_000_000_000_000_001),
        ("1E2", 100),
        ('"1e2"', 100),
        ("-0", 0),
    ],
)
def test_json_numbers_are_read_exactly(number: str, amount: int) -> None:
    event = json.dumps(sale_event(7, 1_500_000_000, paid("1"))).replace(f'"{10**18}"', number)
    assert number in event
    found, _ = read_sale(event)
    assert found is not None
    assert found.payment_base_units == amount


@pytest.mark.parametrize(
    "number",
    [
        *("1.5", '"1.5"', '"many"', '"1e999999999"', "1e999999999", "NaN", "-Infinity", "true"),
        *("[1]", "-1", "1" + "0" * 38, "1" * 5000, '"٣x"', '"\\ud800"'),
    ],
)
def test_amount_that_cannot_be_read_loses_the_price_of_its_sale(number: str) -> None:
    event = json.dumps(sale_event(7, 1_500_000_000, paid("1"))).replace(f'"{10**18}"', number)
    note = lost_note(event)
    assert (note.kind, note.is_lost, note.punk_id) == (notes.NO_AMOUNT, True, 7)


@pytest.mark.parametrize("payment", ["5 ETH", [paid("1")], 5, True])
def test_payment_that_is_no_object_loses_its_price(payment: Any) -> None:
    assert lost_note(sale_event(7, 1_500_000_000, payment)).kind == notes.NO_AMOUNT


@pytest.mark.parametrize("payment", [ABSENT, None, "", {}, {"symbol": "ETH"}])
def test_sale_without_a_payment_is_kept_with_a_note(payment: Any) -> None:
    found, (note,) = read_sale(sale_event(7, 1_500_000_000, payment))
    assert found is not None
    assert (found.payment_base_units, found.price_wei) == (None, None)
    assert (note.kind, note.is_lost) == (notes.NO_PAYMENT, False)


@pytest.mark.parametrize("decimals", [-1, 99, "many", 1.5, [18]])
def test_decimals_that_cannot_be_read_lose_the_price_of_their_sale(decimals: Any) -> None:
    event = sale_event(7, 1_500_000_000, paid("1") | {"decimals": decimals})
    assert lost_note(event).kind == notes.NO_AMOUNT


@pytest.mark.parametrize(
    "payment",
    [
        paid("1000", "ETH", FAKE),
        paid("1000", "eth", FAKE),
        paid("1000", "WETH", FAKE),
        paid("1000", "WETH", ZERO),
        paid("1000", "BETH", WETH),
        paid("1000", "ETH", ZERO, 6),
        paid("1000", "WETH", WETH, 0),
        paid("1000") | {"token_address": {"no": "address"}},
    ],
)
def test_symbol_of_eth_counts_only_at_its_own_address(payment: Json) -> None:
    found, (note,) = read_sale(sale_event(7, 1_500_000_000, payment))
    assert found is not None
    assert (found.payment_base_units, found.price_wei) == (int(payment["quantity"]), None)
    assert (note.kind, note.is_lost) == (notes.SALE_NOT_IN_ETH, False)


@pytest.mark.parametrize("decimals", [-1, -(10**9), 17, 19, 10**9])
def test_price_with_other_decimals_is_not_in_eth(decimals: int) -> None:
    assert parse_price_wei(7, decimals, "ETH", None) is None


def test_other_currencies_keep_symbol_and_amount() -> None:
    parsed = sale(paid("25000.5", "USDC", USDC, 6))
    assert (parsed.payment_base_units, parsed.decimals, parsed.symbol) == (
        25_000_500_000,
        6,
        "USDC",
    )
    assert (parsed.token_address, parsed.price_wei) == (USDC, None)


# -- Sales -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1_500_000_000, (1_500_000_000, 1)),
        ("1500000000", (1_500_000_000, 1)),
        ("1500000000.9", (1_500_000_000, 1)),
        (1, (1, 1)),
        (2**32 - 1, (2**32 - 1, 1)),
        (1_500_000_000_999, (1_500_000_000, 1_000)),
        ("1500000000999", (1_500_000_000, 1_000)),
        (1_500_000_000_999_999, (1_500_000_000, 1_000_000)),
        (2**32, None),  # In milliseconds, this is 1970.
        (2**40, None),  # In milliseconds, this is 2004.
        (2**32 * 1_000, None),
        (2**32 * 1_000_000, None),
        (0, None),
        (-5, None),
        (1.5e9, None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ([1_500_000_000], None),
        (True, None),
    ],
)
def test_times_are_in_seconds_or_smaller_units_of_known_years(time: Any, expected: Any) -> None:
    assert parse_time(time) == expected


def test_sale_in_milliseconds_is_kept_with_a_note() -> None:
    found, (note,) = read_sale(sale_event(7, 1_500_000_000_999, paid("1")))
    assert found == sale(paid("1"), transaction=f"0x{7 * 2**64 + 1_500_000_000_999:064x}")
    assert (note.kind, note.is_lost, note.punk_id) == (notes.OTHER_UNIT, False, 7)


@pytest.mark.parametrize("time", [ABSENT, None, "", "soon", 0, 2**50, 2**70])
def test_sale_without_a_readable_time_is_lost(time: Any) -> None:
    event = sale_event(7, 5, paid("1"), event_timestamp=time, closing_date=1_500_000_000)
    note = lost_note(event)
    assert (note.kind, note.is_lost, note.punk_id) == (notes.NO_TIME, True, 7)
    assert note.example == f"punk 7, transaction 0x{7 * 2**64 + 5:064x}"


@pytest.mark.parametrize(
    "token", [None, ABSENT, {"identifier": ""}, {"identifier": "x"}, {"identifier": "007"}, "7", []]
)
def test_sale_of_an_unknown_token_is_lost(token: Any) -> None:
    note = lost_note(sale_event(7, 1_500_000_000, paid("1"), nft=token))
    assert (note.kind, note.is_lost, note.punk_id) == (notes.NO_IDENTIFIER, True, None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"nft": {"identifier": "7", "contract": WRAPPER}}, notes.SALE_ELSEWHERE),
        ({"nft": {"identifier": "7", "contract": 5}}, notes.SALE_ELSEWHERE),
        ({"nft": {"identifier": "7", "collection": "other-punks"}}, notes.SALE_ELSEWHERE),
        ({"nft": {"contract": WRAPPER}, "event_timestamp": None}, notes.SALE_ELSEWHERE),
        ({"chain": "matic"}, notes.SALE_ELSEWHERE),
        ({"event_type": "transfer", "nft": None}, notes.NO_SALE),
        ({"nft": {"identifier": "9" * 30}}, notes.NO_IDENTIFIER),
    ],
)
def test_rows_that_are_no_sales_of_the_collection_are_not_lost(
    fields: dict[str, Any], kind: str
) -> None:
    note = lost_note(sale_event(7, 1_500_000_000, paid("1"), **fields))
    assert (note.kind, note.is_lost) == (kind, False)


def test_identifiers_and_names_are_read_in_any_spelling() -> None:
    token = {"identifier": 7, "contract": CONTRACT.upper(), "collection": "CryptoPunks"}
    assert sale(paid("1"), event_type="SALE", chain="Ethereum", nft=token) == sale(paid("1"))


@pytest.mark.parametrize(
    ("buyer", "is_zero"), [(ZERO, True), ("0xAB", False), ("", None), (ABSENT, None)]
)
def test_zero_buyer_is_flagged_and_keeps_its_price(buyer: Any, is_zero: bool | None) -> None:
    parsed = sale(paid("1"), buyer=buyer)
    assert (parsed.buyer_is_zero_address, parsed.price_wei) == (is_zero, 10**18)


def test_example_of_a_note_has_no_control_characters() -> None:
    token = {"identifier": "\x1b[2J", "contract": "0x\u202e\n" + "x" * 999}
    note = lost_note(sale_event(7, 1_500_000_000, paid("1"), nft=token, transaction="\r\ny"))
    assert note.example == f"an unknown punk, transaction y, in 0x {'x' * 57}"

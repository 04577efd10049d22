from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from support.sale_rows import HOUR, TYPES, Flag, flags_of, sale
from support.sales_events import BETH, USDC, WETH, ZERO

from punkdata.snapshots.sale_flags import find_flags

# -- Amounts and currencies -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "expected"), [(0, True), (1, False), (10**19, False), (None, None)]
)
def test_zero_amount(amount: int | None, expected: Flag) -> None:
    assert flags_of("is_zero_amount", sale(payment_base_units=amount)) == [expected]


def test_zero_amount_of_another_currency_has_both_flags() -> None:
    row = sale(eth="0", symbol="USDC", token_address=USDC, decimals=6)
    (flags,) = find_flags([row], TYPES)
    assert flags["is_zero_amount"]
    assert flags["is_other_currency"]


@pytest.mark.parametrize(
    ("symbol", "address", "decimals", "expected"),
    [
        ("ETH", ZERO, 18, False),
        ("eth", None, None, False),
        ("WETH", WETH, 18, False),
        ("BETH", BETH, 18, False),
        (None, WETH, 18, False),
        ("USDC", USDC, 6, True),
        (None, USDC, None, True),
        ("DAI", None, 18, True),
        ("ETH", USDC, 18, True),  # a token that calls itself ETH
        ("ETH", ZERO, 6, True),
        (None, None, 6, True),
        (None, None, 18, None),
        (None, None, None, None),
    ],
)
def test_other_currency(
    symbol: str | None, address: str | None, decimals: int | None, expected: Flag
) -> None:
    row = sale(symbol=symbol, token_address=address, decimals=decimals)
    assert flags_of("is_other_currency", row) == [expected]
    assert (row["price_wei"] is not None) == (expected is False)


# -- Bundles --------------------------------------------------------------------------------


def test_bundle_is_a_transaction_with_several_punks() -> None:
    rows = [
        sale(1, transaction_hash="0xa"),
        sale(1, HOUR, transaction_hash="0xb"),  # one punk twice: bought and sold on
        sale(1, HOUR, transaction_hash="0xb"),
        sale(2, HOUR, transaction_hash="0xa", market="wrapped"),
        sale(3, HOUR, transaction_hash=None),
        sale(4, HOUR, transaction_hash=None),
    ]
    assert flags_of("is_bundle", *rows) == [True, False, False, True, None, None]


# -- Self-trades ----------------------------------------------------------------------------


def test_sale_to_oneself_is_a_self_trade() -> None:
    assert flags_of("is_self_trade", sale(seller="A", buyer="A"), sale(2)) == [True, False]


@pytest.mark.parametrize(
    ("seller", "buyer"), [("A", None), (None, "A"), (None, None), ("A", "zero"), ("zero", "zero")]
)
def test_self_trade_is_unknown_without_both_addresses(
    seller: str | None, buyer: str | None
) -> None:
    assert flags_of("is_self_trade", sale(seller=seller, buyer=buyer)) == [None]


@pytest.mark.parametrize(("hours", "expected"), [(0, True), (1, True), (24, True), (24.001, False)])
def test_round_trip_ends_within_a_day(hours: float, expected: bool) -> None:
    rows = [sale(), sale(after=timedelta(hours=hours), seller="B", buyer="A")]
    assert flags_of("is_self_trade", *rows) == [expected] * 2


def test_round_trip_contains_the_sales_of_the_punk_in_between() -> None:
    rows = [
        sale(seller="E", buyer="A"),
        sale(after=1 * HOUR, seller="A", buyer="zero"),
        sale(2, after=2 * HOUR, seller="B", buyer="C"),  # of another punk
        sale(after=3 * HOUR, seller="B", buyer=None),
        sale(after=4 * HOUR, seller="C", buyer="A", market="wrapped"),
        sale(after=5 * HOUR, seller="A", buyer="D"),
    ]
    assert flags_of("is_self_trade", *rows) == [False, True, False, True, True, False]


def test_a_long_chain_of_round_trips_is_flagged_as_a_whole() -> None:
    rows = [sale(after=n * 20 * HOUR, seller="AB"[n % 2], buyer="BA"[n % 2]) for n in range(10)]
    assert flags_of("is_self_trade", *rows) == [True] * 10


def test_buying_back_another_punk_is_no_round_trip() -> None:
    rows = [sale(1), sale(2, HOUR, seller="B", buyer="A")]
    assert flags_of("is_self_trade", *rows) == [False, False]


def test_buying_before_selling_is_no_round_trip() -> None:
    rows = [sale(seller="A", buyer="B"), sale(after=HOUR, seller="B", buyer="C")]
    assert flags_of("is_self_trade", *rows) == [False, False]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_buying_and_selling_on_at_the_same_time_is_no_round_trip(order: Sequence[int]) -> None:
    rows = [
        sale(seller="A", buyer="B"),
        sale(seller="B", buyer="C", market="wrapped"),
        sale(seller="C", buyer="D"),
    ]
    assert flags_of("is_self_trade", *(rows[i] for i in order)) == [False] * 3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_round_trip_at_the_same_time_is_found_in_any_order(order: Sequence[int]) -> None:
    rows = [sale(seller="A", buyer="B"), sale(seller="B", buyer="C"), sale(seller="C", buyer="A")]
    assert flags_of("is_self_trade", *(rows[i] for i in order)) == [True] * 3


def test_zero_addresses_never_match() -> None:
    rows = [sale(seller="zero", buyer="B"), sale(after=HOUR, seller="B", buyer="zero")]
    assert flags_of("is_self_trade", *rows) == [None, None]

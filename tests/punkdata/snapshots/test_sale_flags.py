from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from support.sales_events import BETH, USDC, WETH, ZERO

from punkdata.currencies import parse_price_wei
from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.sale_flags import find_flags, is_priced

START = datetime(2021, 10, 1, tzinfo=UTC)
TYPES = {1: "Male", 2: "Male", 3: "Male", 4: "Female", 5: "Ape"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_ADDRESSES = {"zero": ZERO} | {name: f"0x{ord(name):040x}" for name in "ABCDE"}

Flag = bool | None


def sale(
    punk_id: int = 1,
    after: timedelta = timedelta(0),
    eth: str | None = "10",
    seller: str | None = "A",
    buyer: str | None = "B",
    **fields: Any,
) -> dict[str, Any]:
    """Return a row of the sales table, with addresses by letter, sold some time after START."""
    amount = None if eth is None else int(Decimal(eth) * 10**18)
    row = {
        "punk_id": punk_id,
        "sold_at": START + after,
        "market": "cryptopunks",
        "payment_base_units": amount,
        "decimals": 18,
        "symbol": "ETH",
        "token_address": ZERO,
        "seller": None if seller is None else _ADDRESSES[seller],
        "buyer": None if buyer is None else _ADDRESSES[buyer],
        "transaction_hash": f"0x{punk_id}-{after}-{seller}-{buyer}",
    } | fields
    row["price_wei"] = parse_price_wei(
        row["payment_base_units"], row["decimals"], row["symbol"], row["token_address"]
    )
    return row


def flags_of(name: str, *sales: dict[str, Any]) -> list[Flag]:
    """Return a flag of each sale."""
    return [flags[name] for flags in find_flags(sales, TYPES)]


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


# -- Outliers -------------------------------------------------------------------------------


def outlier_flag(rows: Sequence[dict[str, Any]], last: dict[str, Any]) -> Flag:
    """Return whether the last sale is an outlier."""
    return flags_of("is_outlier", *rows, last)[-1]


MEDIAN_10 = [sale(n, n * HOUR, eth) for n, eth in [(1, "1"), (2, "8"), (3, "12"), (1, "900")]]
"""Four sales of males, whose median is 10 ETH."""


@pytest.mark.parametrize(
    ("eth", "expected"), [("0.1", False), ("200", False), ("200.000000000000000001", True)]
)
def test_outlier_is_more_than_twenty_times_the_median(eth: str, expected: bool) -> None:
    assert outlier_flag(MEDIAN_10, sale(2, DAY, eth)) is expected


def test_outlier_needs_three_sales_before_it() -> None:
    assert outlier_flag(MEDIAN_10[:2], sale(2, DAY, "999")) is None
    assert outlier_flag(MEDIAN_10[:3], sale(2, DAY, "999")) is True
    assert outlier_flag([*MEDIAN_10[:2], sale(2, DAY)], sale(2, DAY, "999")) is None


@pytest.mark.parametrize(("after", "expected"), [(30 * DAY, True), (30 * DAY + HOUR, None)])
def test_outlier_compares_with_the_thirty_days_before_it(after: timedelta, expected: Flag) -> None:
    rows = [sale(n) for n in (1, 2, 3)]
    assert outlier_flag(rows, sale(1, after, "999")) is expected


def test_outlier_compares_with_the_same_type_in_all_markets() -> None:
    rows = [row | {"market": "wrapped"} for row in MEDIAN_10]
    assert outlier_flag(rows, sale(1, DAY, "999")) is True
    assert outlier_flag(rows, sale(4, DAY, "999")) is None


def test_outlier_is_unknown_without_a_price_or_a_type() -> None:
    assert outlier_flag(MEDIAN_10, sale(1, DAY, "0")) is None
    assert outlier_flag(MEDIAN_10, sale(1, DAY, None)) is None
    assert outlier_flag(MEDIAN_10, sale(77, DAY, "999")) is None
    usdc = sale(1, DAY, symbol="USDC", token_address=USDC, payment_base_units=10**30)
    assert outlier_flag(MEDIAN_10, usdc) is None


@pytest.mark.parametrize(
    "excluded",
    [
        {"eth": "0"},
        {"eth": None},
        {"symbol": "USDC", "token_address": USDC},
        {"transaction_hash": "0xbundle"},
        {"buyer": "A"},
    ],
)
def test_outlier_does_not_compare_with_flagged_sales(excluded: dict[str, Any]) -> None:
    rows = [sale(1), sale(2), sale(3, **excluded), sale(4, transaction_hash="0xbundle")]
    assert outlier_flag(rows, sale(1, DAY, "999")) is None


def test_outlier_compares_with_earlier_outliers() -> None:
    rows = [*MEDIAN_10, *(sale(n, DAY, "999") for n in (1, 2, 3))]
    assert flags_of("is_outlier", *rows)[-3:] == [True] * 3
    assert outlier_flag(rows, sale(1, 2 * DAY, "999")) is False  # 900 ETH is the median now.


def test_later_sales_never_change_whether_a_sale_is_an_outlier() -> None:
    rows = [row | {"transaction_hash": None} for row in random_sales(300, seed=5)]
    expected = flags_of("is_outlier", *rows)
    for end in (50, 100, 299):
        day_before = rows[end - 1]["sold_at"] - DAY  # Round trips may still be completed.
        known = [row for row in rows[:end] if row["sold_at"] < day_before]
        assert flags_of("is_outlier", *rows[:end])[: len(known)] == expected[: len(known)]


# -- All flags ------------------------------------------------------------------------------


def random_sales(n: int, seed: int) -> list[dict[str, Any]]:
    """Return n sales with all kinds of oddities, oldest first, many of them at the same time."""
    rng = random.Random(seed)
    names = [*"ABCDE", None, "zero"]
    rows = []
    for hours in sorted(rng.randrange(12 * n) for _ in range(n)):
        price = f"{10 * rng.lognormvariate(0, 2):.3f}"
        row = sale(
            rng.choice([*TYPES, 77]),
            hours * HOUR,
            rng.choice([price] * 8 + ["0", None]),
            rng.choice(names),
            rng.choice(names),
            symbol=rng.choice(["ETH"] * 9 + ["DAI"]),
            transaction_hash=rng.choice([None, *(f"0x{k}" for k in range(n))]),
        )
        rows.append(row)
    return rows


def flags_by_definition(
    rows: Sequence[dict[str, Any]], position: int, is_reference: Sequence[bool] = ()
) -> dict[str, Flag]:
    """Return the flags of one sale of `random_sales`, each computed from all sales.

    `is_reference` says which sales have no flag but that of outliers.
    """
    row = rows[position]

    def known(address: str | None) -> str | None:
        return None if address == ZERO else address

    others = [
        (other_position, other)
        for other_position, other in enumerate(rows)
        if other["punk_id"] == row["punk_id"]
    ]
    is_round_trip = any(
        known(first["seller"]) and first["seller"] == last["buyer"]
        for start, first in others
        for end, last in others
        if start <= position <= end and start < end and last["sold_at"] - first["sold_at"] <= DAY
    )
    addresses = known(row["seller"]), known(row["buyer"])
    is_self_trade = None if None in addresses else addresses[0] == addresses[1]
    shared = {r["punk_id"] for r in rows if r["transaction_hash"] == row["transaction_hash"]}
    reference = [
        Fraction(other["price_wei"])
        for other_position, other in enumerate(rows)
        if is_reference
        and is_reference[other_position]
        and timedelta(0) < row["sold_at"] - other["sold_at"] <= 30 * DAY
        and TYPES.get(other["punk_id"]) == TYPES.get(row["punk_id"])
    ]
    is_unknown = row["price_wei"] is None or row["punk_id"] not in TYPES or len(reference) < 3
    amount = row["payment_base_units"]
    return {
        "is_zero_amount": None if amount is None else amount == 0,
        "is_other_currency": row["symbol"] != "ETH",
        "is_bundle": None if row["transaction_hash"] is None else len(shared) > 1,
        "is_self_trade": True if is_round_trip else is_self_trade,
        "is_outlier": None if is_unknown else row["price_wei"] > 20 * statistics.median(reference),
    }


@pytest.mark.parametrize("seed", range(5))
def test_flags_equal_their_definitions_for_random_sales(seed: int) -> None:
    rows = random_sales(150, seed)
    # The definition does not say in which order sales of the same second took place.
    rows = [row | {"sold_at": row["sold_at"] + timedelta(seconds=n)} for n, row in enumerate(rows)]
    first = [flags_by_definition(rows, position) for position in range(len(rows))]
    is_reference = [
        row["price_wei"] is not None and not any(flags[name] for name in SALE_FLAGS)
        for row, flags in zip(rows, first, strict=True)
    ]
    expected = [flags_by_definition(rows, n, is_reference) for n in range(len(rows))]
    found = find_flags(rows, TYPES)
    assert found == expected
    assert {flags[name] for flags in found for name in SALE_FLAGS} == {True, False, None}
    assert all(sum(flags[name] is True for flags in found) for name in SALE_FLAGS)


def test_flags_are_those_of_amounts_as_decimals() -> None:
    rows = random_sales(200, seed=7)
    decimals = [
        row
        | {
            name: None if row[name] is None else Decimal(row[name])
            for name in ("price_wei", "payment_base_units")
        }
        for row in rows
    ]
    assert find_flags(decimals, TYPES) == find_flags(rows, TYPES)


def test_no_sales_have_no_flags() -> None:
    assert find_flags([], TYPES) == []


def test_priced_sales_have_a_price_and_no_flag() -> None:
    rows = random_sales(200, seed=9)
    for row, flags in zip(rows, find_flags(rows, TYPES), strict=True):
        expected = row["price_wei"] is not None and True not in flags.values()
        assert is_priced(row | flags) is expected
    assert is_priced(sale() | dict.fromkeys(SALE_FLAGS))
    assert not is_priced(sale(eth=None) | dict.fromkeys(SALE_FLAGS))

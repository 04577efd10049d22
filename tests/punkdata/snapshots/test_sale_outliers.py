from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from support.sale_rows import DAY, HOUR, TYPES, Flag, flags_of, sale
from support.sales_events import USDC, ZERO

from punkdata.schema import SALE_FLAGS
from punkdata.snapshots.sale_flags import find_flags, is_priced

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

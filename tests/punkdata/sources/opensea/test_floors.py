"""Floor prices and statistics of the collection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.opensea_market import make_floor_prices, make_stats, trait_floor
from support.row_damage import dump_json, raw_json

from punkdata.records import FloorPriceRecord, MarketStats, TraitFloorRecord
from punkdata.sources.opensea.api.market_schemas import CollectionStats, FloorHistory, TraitFloors
from punkdata.sources.opensea.api.schemas import parse_body
from punkdata.sources.opensea.floors import read_floor_prices, read_stats, read_trait_floors


def read_floors(*rows: Any) -> tuple[list[FloorPriceRecord], list[str]]:
    body = dump_json({"floor_prices": list(rows)})
    return read_floor_prices(parse_body(FloorHistory, "GET /floor_prices", body))


def read_traits(*rows: Any) -> tuple[list[TraitFloorRecord], list[str]]:
    body = dump_json({"chain": "ethereum", "floors": list(rows)})
    return read_trait_floors(parse_body(TraitFloors, "GET /floors", body))


def stats(**fields: Any) -> MarketStats | None:
    document = make_stats()
    document["total"] |= fields
    return read_stats(parse_body(CollectionStats, "GET /stats", dump_json(document)))


# -- Floor prices ----------------------------------------------------------------------------


@pytest.mark.parametrize("units_per_s", [1, 1000])
def test_floor_prices_are_sorted_and_exact(units_per_s: int) -> None:
    rows = make_floor_prices(3, units_per_s)
    floors, warnings = read_floors(*reversed(rows))
    assert warnings == []
    assert floors == [
        FloorPriceRecord(datetime(2021, 1, 1 + i, tzinfo=UTC), 20.25 + i, 20_000.5 + i)
        for i in range(3)
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"symbol": "weth"}, (20.25, 20_000.5)),
        ({"symbol": "USDC"}, (None, 20_000.5)),
        ({"symbol": None}, (None, 20_000.5)),
        ({"usd_price": ""}, (20.25, None)),
        ({"usd_price": "0"}, (20.25, None)),
        ({"token_unit": "20.5"}, (20.5, 20_000.5)),
        ({"token_unit": raw_json("1e-400")}, (None, 20_000.5)),
        ({"token_unit": None}, (None, 20_000.5)),
    ],
)
def test_floor_price_is_null_where_it_is_not_known(
    fields: dict[str, Any], expected: tuple[float | None, float | None]
) -> None:
    (floor,), warnings = read_floors(make_floor_prices(1)[0] | fields)
    assert ((floor.price_eth, floor.price_usd), warnings) == (expected, [])


def test_unusable_floor_prices_are_counted() -> None:
    good = make_floor_prices(1)[0]
    odd = [good | {"time": time} for time in (None, "x", 0, -1, 5, raw_json("1e999"), [])]
    odd += [good | {"usd_price": None, "token_unit": 0}, None, [], 7, "x"]
    floors, warnings = read_floors(*odd, good)
    assert len(floors) == 1
    assert warnings == ["left out 12 floor prices without a readable time or price"]


def test_last_floor_price_of_a_second_counts() -> None:
    good = make_floor_prices(1)[0]
    floors, _ = read_floors(good, good | {"token_unit": 5, "time": good["time"] + 0.5})
    assert [floor.price_eth for floor in floors] == [5]


# -- Floor prices of traits ------------------------------------------------------------------


def test_trait_values_are_recognized_as_those_of_tokens() -> None:
    floors, warnings = read_traits(
        trait_floor("ALIEN", 4000, kind="Type"),
        trait_floor("Male 2", 43.5, kind="Type"),
        trait_floor("male 1", "42.25", kind="Type"),
        trait_floor(" 3d glasses ", 50, kind="anything"),
        trait_floor("3D Glasses", 49, "WETH"),
        trait_floor("3D Glasses", 150_000, "USDC"),
        trait_floor("3 attributes", 41),
    )
    assert warnings == []
    assert floors == [
        TraitFloorRecord("3D Glasses", "ETH", 50, 50),
        TraitFloorRecord("3D Glasses", "USDC", 150_000, None),
        TraitFloorRecord("3D Glasses", "WETH", 49, 49),
        TraitFloorRecord("Alien", "ETH", 4000, 4000),
        TraitFloorRecord("Male", "ETH", 42.25, 42.25),
    ]


def test_odd_trait_floors_are_counted() -> None:
    unknown = [trait_floor(value, 5) for value in ("Blue", "Red", None, 7, "x" * 99)]
    odd = [trait_floor("Pipe", price) for price in (0, -1, None, "", "free", raw_json("NaN"))]
    floors, warnings = read_traits(*unknown, *odd, None, 3, trait_floor("Pipe", 7, ""))
    assert floors == [TraitFloorRecord("Pipe", None, 7, None)]
    assert warnings == [
        "left out 8 floor prices of traits without a readable price",
        "left out floor prices of unknown traits: 5, for example 'Blue'",
    ]


# -- Statistics ------------------------------------------------------------------------------


def test_stats_are_read() -> None:
    assert stats() == MarketStats(
        volume=1_234_567.25,
        volume_symbol="ETH",
        sales=24_000,
        num_owners=3_900,
        floor_price=41.5,
        floor_price_symbol="ETH",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("volume", 0, 0.0),
        ("volume", -1, None),
        ("volume", "12.5", 12.5),
        ("volume_symbol", "", None),
        ("volume_symbol", "x" * 99 + "\n", "x" * 20),
        ("sales", 0, 0),
        ("sales", 1.5, None),
        ("sales", raw_json("1e3"), 1000),
        ("sales", 10**13, None),
        ("num_owners", "many", None),
        ("floor_price", 0, None),  # No punk is listed.
        ("floor_price_symbol", None, None),
    ],
)
def test_odd_number_is_unknown(name: str, value: Any, expected: Any) -> None:
    found = stats(**{name: value})
    assert found
    assert getattr(found, name) == expected


def test_reply_without_statistics_is_unknown() -> None:
    for document in ({}, {"total": None}, {"total": []}, {"total": {"volume_symbol": "ETH"}}):
        body = dump_json(document)
        assert read_stats(parse_body(CollectionStats, "GET /stats", body)) is None

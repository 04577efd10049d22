"""Prices of ETH in US dollars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from support.network import make_client
from support.opensea_documents import json_reply, not_found_reply
from support.opensea_faults import Reply
from support.opensea_market import make_rates
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer
from support.sales_events import WETH, ZERO

from punkdata.records import RateRecord
from punkdata.sources.opensea.rates import collect_rates

MIDNIGHT_S = 1_577_836_800
"""Unix time with which 2020 begins."""
DAY_S = 24 * 3600


def collect(server: OpenSeaServer, year: int = 2021) -> tuple[list[RateRecord], list[str]]:
    rates, warnings = collect_rates(make_client(server), year)
    return rates or [], warnings


def point(time: Any, price: Any = "100") -> dict[str, Any]:
    return {"time": time, "usd_price": price}


def requested(server: OpenSeaServer) -> list[tuple[str, str]]:
    """Return the addresses and years of the requests so far."""
    requests = server.requests_to("/price_history")
    return [(r.path.split("/")[-2], r.query["start_time"][:4]) for r in requests]


def test_each_day_has_a_rate_from_one_request_per_year(server: OpenSeaServer) -> None:
    rates, warnings = collect(server)
    assert warnings == []
    first = datetime(2017, 6, 1, tzinfo=UTC)
    assert [rate.day for rate in rates] == [first + timedelta(days=i) for i in range(len(rates))]
    assert rates[-1] == RateRecord(datetime(2021, 12, 31, tzinfo=UTC), 1874.1234567890124)
    assert [r.query for r in server.requests_to("/price_history")][-2:] == [
        {
            "start_time": "2018-01-01T00:00:00Z",
            "end_time": "2018-12-31T23:59:59Z",
            "bucket_size": "1d",
        },
        {
            "start_time": "2017-06-01T00:00:00Z",
            "end_time": "2017-12-31T23:59:59Z",
            "bucket_size": "1d",
        },
    ]
    newest = server.requests_to("/price_history")[0].query
    assert newest == {"start_time": "2021-01-01T00:00:00Z", "bucket_size": "1d"}
    assert requested(server) == [(ZERO, str(year)) for year in range(2021, 2016, -1)]


@pytest.mark.parametrize("change", ["seconds", "milliseconds", "text", "text in milliseconds"])
def test_times_are_read_in_every_unit(server: OpenSeaServer, change: str) -> None:
    expected = collect(server)
    points = make_rates(units_per_s=1000 if "milli" in change else 1)
    if "text" in change:
        points = [p | {"time": str(p["time"])} for p in points]
    server.market.rates = {ZERO: points}
    # The server of the tests ignores the limits of a time that is a text, too.
    assert collect(server) == expected


def test_last_price_of_a_day_counts(server: OpenSeaServer) -> None:
    noon = MIDNIGHT_S + DAY_S // 2
    points = [point(noon + 5, "3.5"), point(noon, "1"), point(MIDNIGHT_S, 2)]
    server.market.rates = {ZERO: [*points, point(MIDNIGHT_S + DAY_S - 1, "4.25")]}
    rates, warnings = collect(server, 2020)
    assert rates == [RateRecord(datetime(2020, 1, 1, tzinfo=UTC), 4.25)]
    assert warnings == []
    server.market.rates = {ZERO: points}
    assert collect(server, 2020)[0][0].usd_per_eth == 3.5


ODD_POINTS = [
    *(point(None), point("soon"), point(-5), point(True), point([]), None, [], 5, "x", {}),
    *(point(MIDNIGHT_S, price) for price in ("0", "-1", 0, "", None, "NaN", "Infinity", "1e400")),
    *(point(MIDNIGHT_S, price) for price in ("1e-400", "many", True, [], {}, "1,000")),
]


def test_odd_points_are_counted_in_one_line(server: OpenSeaServer) -> None:
    whole = make_rates(date(2020, 1, 1), date(2020, 12, 31))
    server.market.rates = {ZERO: []}
    server.market.rate_replies = {2020: json_reply(200, {"prices": [*ODD_POINTS, *whole]})}
    rates, (warning,) = collect(server, 2020)
    assert [rate.usd_per_eth for rate in rates] == [float(p["usd_price"]) for p in whole]
    assert warning == (
        f"left out {len(ODD_POINTS)} prices of ETH in US dollars without a readable time or "
        "without an amount above 0"
    )


def test_server_that_ignores_the_years_costs_nothing(server: OpenSeaServer) -> None:
    expected = collect(server)
    everything = json_reply(200, {"prices": make_rates(date(2015, 1, 1), date(2021, 12, 31))})
    server.market.rate_replies = dict.fromkeys(range(2017, 2022), everything)
    rates, warnings = collect(server)
    assert [rate.day for rate in rates] == [rate.day for rate in expected[0]]
    assert warnings == []


@pytest.mark.parametrize("year", [1970, 2019])
def test_clock_that_was_set_back_costs_no_year(server: OpenSeaServer, year: int) -> None:
    expected = collect(server)
    assert collect(server, year) == expected


# -- Gaps and failures -----------------------------------------------------------------------


def test_capped_replies_leave_gaps_that_are_counted(server: OpenSeaServer) -> None:
    server.market.max_rates = 100
    rates, (warning,) = collect(server)
    assert len(rates) == 500
    num_days = (rates[-1].day - rates[0].day).days + 1
    assert warning == (
        f"prices of ETH in US dollars are missing for {num_days - 500:,} days between the first "
        "and the last known day"
    )


@pytest.mark.parametrize("reply", [not_found_reply(), json_reply(400, {"errors": ["no"]})])
def test_first_years_without_rates_are_no_failure(server: OpenSeaServer, reply: Reply) -> None:
    server.market.rate_replies = {2017: reply, 2018: json_reply(200, {"prices": []})}
    rates, warnings = collect(server)
    assert (rates[0].day, warnings) == (datetime(2019, 1, 1, tzinfo=UTC), [])
    assert requested(server) == [(ZERO, str(year)) for year in range(2021, 2016, -1)]


@pytest.mark.parametrize("reply", [REFUSED, BROKEN, WEB_PAGE, NOT_JSON])
def test_failing_year_ends_the_requests_and_keeps_newer_ones(
    server: OpenSeaServer, reply: Reply
) -> None:
    server.market.rate_replies = {2019: reply}
    rates, (warning,) = collect(server)
    assert rates[0].day == datetime(2020, 1, 1, tzinfo=UTC)
    assert warning.startswith(
        "prices of ETH in US dollars before 2020-01-01 are missing, because they could not be read"
    )
    assert {year for _, year in requested(server)} == {"2021", "2020", "2019"}
    server.market.rate_replies = {2021: reply}
    rates, (warning,) = collect(server)
    assert rates == []
    assert warning.startswith("prices of ETH in US dollars are missing, because they could not be")


def test_weth_is_used_if_eth_has_no_rates(server: OpenSeaServer) -> None:
    expected = collect(server)
    server.market.rates = {WETH: make_rates()}  # The zero address is answered with status 400.
    server.log.clear()
    assert collect(server) == expected
    assert requested(server)[0] == (ZERO, "2021")
    assert requested(server)[1:] == [(WETH, str(year)) for year in range(2021, 2016, -1)]
    server.market.rates = {ZERO: [], WETH: make_rates()}
    assert collect(server) == expected


def test_newest_year_may_be_empty(server: OpenSeaServer) -> None:
    expected = collect(server)
    assert collect(server, 2022) == expected


@pytest.mark.parametrize("reply", [not_found_reply(), json_reply(400, {"errors": ["no"]})])
def test_newest_year_may_not_be_known_yet(server: OpenSeaServer, reply: Reply) -> None:
    expected = collect(server)
    server.market.rate_replies = {2022: reply}
    assert collect(server, 2022) == expected


def test_server_without_rates_gets_four_requests(server: OpenSeaServer) -> None:
    server.market.rates = {}
    rates, warnings = collect_rates(make_client(server), 2026)
    assert (rates, warnings) == (
        None,
        ["prices of ETH in US dollars are missing: the API has none"],
    )
    assert requested(server) == [(t, year) for year in ("2026", "2025") for t in (ZERO, WETH)]

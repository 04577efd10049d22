"""The price of ETH in US dollars for each day, collected for a fetch or for a build.

There is one request for each calendar year, the newest year first, so that a refresh copies the
past years from its parent recording and requests only the year that is not over.
"""

from datetime import UTC, date, datetime

from punkdata.currencies import ETH_ADDRESSES
from punkdata.errors import PunkError
from punkdata.records import RateRecord
from punkdata.sources.opensea.api.client import OpenSeaClient
from punkdata.sources.opensea.api.market_schemas import PriceHistory
from punkdata.sources.opensea.failures import message_or_raise
from punkdata.sources.opensea.prices import parse_positive, parse_time

FIRST_DAY = date(2017, 6, 1)
"""First day that is requested. The contract of the CryptoPunks is three weeks younger."""
CHAIN = "ethereum"

_Days = dict[date, tuple[int, float]]
"""Time in Unix seconds and price of the last known point of each day."""


def collect_rates(
    client: OpenSeaClient, newest_year: int
) -> tuple[list[RateRecord] | None, list[str]]:
    """Return the prices of ETH up to a year, by day, and what to report about them.

    `newest_year` is the year of the fetch, which was not over; if the clock was wrong, the reply to
    its request has later years, too. The list is None if no price is known. ETH is requested by
    the zero address, and as WETH in years without prices of the former.
    """
    days: _Days = {}
    warnings: list[str] = []
    num_unusable = 0
    newest_year = max(newest_year, FIRST_DAY.year)
    tokens = [ETH_ADDRESSES["ETH"], ETH_ADDRESSES["WETH"]]
    try:
        for year in range(newest_year, FIRST_DAY.year - 1, -1):
            is_over = year < newest_year
            for token in list(tokens):
                history = _request_year(client, token, year, is_over=is_over)
                # Early on January 1, the API may have no prices of the newest year yet.
                if history is None and not days and is_over:
                    tokens.remove(token)  # The API does not know this currency.
                found, num_odd = _read_days(history, year, is_over=is_over)
                num_unusable += num_odd
                days = found | days
                if found:
                    tokens = [token]
                    break
    except PunkError as error:
        warnings.append(_describe_failure(message_or_raise(error), days))
    else:
        if not days:
            warnings.append("prices of ETH in US dollars are missing: the API has none")
    if num_unusable:
        warnings.append(
            f"left out {num_unusable:,} prices of ETH in US dollars without a readable time or "
            "without an amount above 0"
        )
    if days and (num_missing := (max(days) - min(days)).days + 1 - len(days)):
        warnings.append(
            f"prices of ETH in US dollars are missing for {num_missing:,} days between the first "
            "and the last known day"
        )
    rates = [_make_record(day, price) for day, (_, price) in sorted(days.items())]
    return rates or None, warnings


def _request_year(
    client: OpenSeaClient, token: str, year: int, *, is_over: bool
) -> PriceHistory | None:
    start = max(date(year, 1, 1), FIRST_DAY)
    return client.get_rates(token, start, date(year, 12, 31) if is_over else None, CHAIN)


def _read_days(history: PriceHistory | None, year: int, *, is_over: bool) -> tuple[_Days, int]:
    """Return the last price of each day of a year, and the number of points that cannot be used.

    Later years are included if this one was not over. Other years are ignored: they come with the
    replies to the requests for these.
    """
    days: _Days = {}
    num_unusable = len(history.unreadable) if history else 0
    for point in history.rows if history else ():
        time, price = parse_time(point.time), parse_positive(point.usd_price)
        if time is None or price is None:
            num_unusable += 1
            continue
        day = datetime.fromtimestamp(time[0], UTC).date()
        is_wanted = day.year == year or (day.year > year and not is_over)
        if is_wanted and day >= FIRST_DAY and time[0] >= days.get(day, (0, 0.0))[0]:
            days[day] = time[0], price
    return days, num_unusable


def _describe_failure(message: str, days: _Days) -> str:
    before = f" before {min(days).isoformat()}" if days else ""
    return (
        f"prices of ETH in US dollars{before} are missing, because they could not be read: "
        f"{message}"
    )


def _make_record(day: date, price: float) -> RateRecord:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return RateRecord(midnight, price)

from __future__ import annotations

import itertools
import threading
from email.utils import formatdate
from math import ceil

import httpx
import pytest

from punkdata.errors import LimitError, StoppedError
from punkdata.sources.opensea.rate_limit import (
    InterruptibleSleep,
    RateLimiter,
    parse_retry_after_s,
)

NOW_S = 1_800_000_000.0


class FakeClock:
    """A clock that advances only when `sleep` is called."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def make_limiter(clock: FakeClock, max_wait_s: float = 7200.0) -> RateLimiter:
    return RateLimiter("host", max_wait_s=max_wait_s, clock=clock, sleep=clock.sleep)


def budget_headers(limit: int, remaining: int, reset_at: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": f"{reset_at:.0f}",
    }


def send_requests(
    clock: FakeClock, n: int, limit: int, window_s: int, planned: int | None = None
) -> int:
    """Send n requests to a server that allows `limit` per window. Returns how many it refused."""
    limiter, sent_per_window, refused = make_limiter(clock), {}, 0
    limiter.planned_requests = n if planned is None else planned
    done = 0
    while done < n:
        limiter.acquire()
        window = int(clock() // window_s)
        sent = sent_per_window[window] = sent_per_window.get(window, 0) + 1
        headers = budget_headers(limit, max(0, limit - sent), (window + 1) * window_s)
        is_accepted = sent <= limit
        refused += not is_accepted
        done += is_accepted
        limiter.update(200 if is_accepted else 429, httpx.Headers(headers))
    return refused


@pytest.mark.parametrize("limit", [1, 7, 20, 600])
@pytest.mark.parametrize("share", [0.1, 0.96, 1.0, 1.04, 1.5, 2.0, 2.5, 3.0])
def test_n_requests_take_the_minimum_number_of_windows(
    clock: FakeClock, limit: int, share: float
) -> None:
    n, window_s = max(1, round(limit * share)), 3600
    assert send_requests(clock, n, limit, window_s) == 0
    assert clock() - NOW_S <= max(0, ceil(n / limit) - 1) * window_s


def test_underestimated_plan_takes_no_extra_window(clock: FakeClock) -> None:
    assert send_requests(clock, 50, 20, 60, planned=5) == 0
    assert clock() - NOW_S <= 2 * 60


def test_requests_beyond_the_budget_are_spread_until_the_reset(clock: FakeClock) -> None:
    limiter = make_limiter(clock)
    limiter.planned_requests = 100
    limiter.update(200, budget_headers(10, 10, NOW_S + 100))
    sent_at = []
    for _ in range(10):
        limiter.acquire()
        sent_at.append(clock() - NOW_S)
    gaps = [b - a for a, b in itertools.pairwise(sent_at)]
    assert all(9 <= gap <= 11 for gap in gaps)
    limiter.acquire()
    assert clock() - NOW_S == 100


def test_requests_within_the_budget_are_not_delayed(clock: FakeClock) -> None:
    limiter = make_limiter(clock)
    limiter.planned_requests = 100
    limiter.update(200, budget_headers(600, 105, NOW_S + 3000))
    for _ in range(100):
        limiter.acquire()
    assert clock() == NOW_S


def test_wait_beyond_the_maximum_is_an_error_with_the_reset_time(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=900)
    limiter.planned_requests = 100
    limiter.update(200, budget_headers(600, 3, NOW_S + 3000))
    for _ in range(3):  # The rest of the budget is spent first, without pacing.
        limiter.acquire()
    assert clock() == NOW_S
    with pytest.raises(LimitError, match=r"resets in 50 min \(at 08:50 UTC\).*--max-wait 51m"):
        limiter.acquire()


@pytest.mark.parametrize("seconds", ["500000000000", "99999999999", "900000000000"])
def test_wait_beyond_the_calendar_is_a_one_line_error(clock: FakeClock, seconds: str) -> None:
    limiter = make_limiter(clock)
    limiter.update(429, {"retry-after": seconds})
    with pytest.raises(LimitError, match=r"resets in .* min \(2028-"):
        limiter.acquire()


def test_max_wait_of_zero_never_waits(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=0)
    limiter.acquire()
    limiter.update(429, {"retry-after": "1"})
    with pytest.raises(LimitError):
        limiter.acquire()
    assert clock() == NOW_S


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": formatdate(NOW_S + 12, usegmt=True)}, 12),
        ({"retry-after": formatdate(NOW_S - 99, usegmt=True)}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_parse_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after_s(headers, NOW_S) == seconds


def test_status_503_blocks_only_with_retry_after(clock: FakeClock) -> None:
    limiter = make_limiter(clock)
    limiter.update(503, {"retry-after": "30"})
    limiter.acquire()
    assert clock() == NOW_S + 30
    limiter.update(503, {})
    limiter.acquire()
    assert clock() == NOW_S + 30


@pytest.mark.parametrize("status", [429, 599])
@pytest.mark.parametrize("form", ["seconds", "date", "reset"])
def test_rate_limit_status_blocks_until_it_is_over(
    clock: FakeClock, status: int, form: str
) -> None:
    headers = {
        "seconds": {"retry-after": "30"},
        "date": {"retry-after": formatdate(NOW_S + 30, usegmt=True)},
        "reset": budget_headers(10, 0, NOW_S + 30),
    }[form]
    limiter = make_limiter(clock)
    limiter.update(status, headers)
    assert limiter.is_blocked
    limiter.acquire()
    assert clock() == NOW_S + 30
    assert limiter.waited_s == 30


def test_clock_skew_of_the_server_is_corrected(clock: FakeClock) -> None:
    limiter = make_limiter(clock)
    server_date = {"date": formatdate(NOW_S + 1000, usegmt=True)}
    limiter.update(200, budget_headers(10, 0, NOW_S + 1060) | server_date)
    limiter.acquire()
    assert clock() == NOW_S + 60


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-limit": "many", "x-ratelimit-remaining": "", "x-ratelimit-reset": "later"},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "1800000100"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"},
        {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e300"},
    ],
)
def test_invalid_headers_neither_block_nor_raise(clock: FakeClock, headers: dict[str, str]) -> None:
    limiter = make_limiter(clock)
    for _ in range(5):
        limiter.update(200, headers)
        limiter.acquire()
    assert clock() - NOW_S <= 30


def test_wait_is_reported_before_it_begins(clock: FakeClock) -> None:
    waits: list[tuple[str, float, float]] = []
    limiter = RateLimiter(
        "api.test",
        max_wait_s=900,
        clock=clock,
        sleep=clock.sleep,
        on_wait=lambda host, seconds: waits.append((host, seconds, clock())),
    )
    limiter.update(429, {"retry-after": "60"})
    limiter.acquire()
    assert waits == [("api.test", 60.0, NOW_S)]


def test_sleep_is_interrupted_by_another_thread() -> None:
    sleep = InterruptibleSleep()
    threading.Timer(0.05, sleep.stop).start()
    with pytest.raises(StoppedError):
        sleep(600)
    with pytest.raises(StoppedError):
        sleep(0)

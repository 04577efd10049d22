from __future__ import annotations

import threading
from email.utils import formatdate
from math import ceil

import httpx
import pytest

from punkdata.errors import LimitError, StoppedError
from punkdata.sources.opensea.http.rate_limit import InterruptibleSleep, RateLimiter

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
    return RateLimiter("host", max_wait_s, clock.sleep, clock=clock)


def budget_headers(limit: int, remaining: int, reset_at: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": f"{reset_at:.0f}",
    }


@pytest.mark.parametrize("limit", [1, 7, 600])
@pytest.mark.parametrize("share", [0.1, 0.96, 1.0, 1.04, 2.5, 3.0])
def test_n_requests_take_the_minimum_number_of_windows(
    clock: FakeClock, limit: int, share: float
) -> None:
    n, window_s = max(1, round(limit * share)), 3600
    limiter = make_limiter(clock)
    sent_per_window: dict[int, int] = {}
    for _ in range(n):
        limiter.acquire()
        window = int(clock() // window_s)
        sent = sent_per_window[window] = sent_per_window.get(window, 0) + 1
        headers = budget_headers(limit, limit - sent, (window + 1) * window_s)
        limiter.update(200, httpx.Headers(headers))
    assert max(sent_per_window.values()) <= limit
    assert clock() - NOW_S == max(0, ceil(n / limit) - 1) * window_s


def test_wait_beyond_the_maximum_is_an_error_with_the_reset_time(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=900)
    limiter.update(200, budget_headers(600, 1, NOW_S + 3000))
    limiter.acquire()
    limiter.update(200, budget_headers(600, 0, NOW_S + 3000))
    with pytest.raises(LimitError, match=r"resets in 50 min, .* \(15 min\).*--max-wait 51m"):
        limiter.acquire()
    assert clock() == NOW_S


@pytest.mark.parametrize("max_wait_s", [0.0, 7200.0])
def test_absurd_wait_is_a_one_line_error(clock: FakeClock, max_wait_s: float) -> None:
    limiter = make_limiter(clock, max_wait_s)
    limiter.update(429, {"retry-after": "900000000000"})
    with pytest.raises(LimitError, match=r"resets in .* min"):
        limiter.acquire()
    assert clock() == NOW_S


@pytest.mark.parametrize("status", [429, 599, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("12", 12),
        (formatdate(NOW_S + 12, usegmt=True), 12),
        (formatdate(NOW_S - 99, usegmt=True), 0),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_blocks_until_it_is_over(
    clock: FakeClock, status: int, retry_after: str, seconds: float
) -> None:
    limiter = make_limiter(clock)
    limiter.update(status, {"retry-after": retry_after})
    limiter.acquire()
    assert clock() == NOW_S + seconds
    assert limiter.waited_s == seconds
    limiter.update(200, {"retry-after": "99"})  # Not a refusal.
    limiter.acquire()
    assert clock() == NOW_S + seconds


def test_later_of_retry_after_and_reset_counts(clock: FakeClock) -> None:
    limiter = make_limiter(clock)
    limiter.update(429, budget_headers(10, 0, NOW_S + 300) | {"retry-after": "1"})
    limiter.update(429, {"retry-after": "1"})
    limiter.acquire()
    assert clock() == NOW_S + 300


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


def test_long_wait_is_reported_once_before_it_begins(clock: FakeClock) -> None:
    warnings: list[tuple[str, float]] = []
    limiter = make_limiter(clock)
    limiter.warn = lambda text: warnings.append((text, clock()))
    for seconds in ("3", "3240"):
        limiter.update(429, {"retry-after": seconds})
        limiter.acquire()
        limiter.acquire()
    assert warnings == [("waiting 54 min for the rate limit of host", NOW_S + 3)]


def test_sleep_is_interrupted_by_another_thread() -> None:
    sleep = InterruptibleSleep()
    threading.Timer(0.05, sleep.set).start()
    with pytest.raises(StoppedError):
        sleep(600)
    with pytest.raises(StoppedError):
        sleep(0)


# -- Groups of endpoints ---------------------------------------------------------------------


def test_retry_after_blocks_only_the_group_that_received_it(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=60)
    limiter.update(429, {"retry-after": "600"}, "listings")
    limiter.acquire("events")
    assert clock() == NOW_S
    with pytest.raises(LimitError, match="the rate limit of host for 'listings' resets") as caught:
        limiter.acquire("listings")
    assert not caught.value.is_host_wide


def test_budget_of_one_group_does_not_stop_others(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=60)
    limiter.update(200, budget_headers(600, 500, NOW_S + 3000), "collection")
    limiter.update(200, budget_headers(60, 0, NOW_S + 3000), "listings")
    for group in ("collection", "events"):
        limiter.acquire(group)
    with pytest.raises(LimitError) as caught:
        limiter.acquire("listings")
    assert not caught.value.is_host_wide


def test_budget_that_two_groups_report_is_that_of_the_host(clock: FakeClock) -> None:
    limiter = make_limiter(clock, max_wait_s=60)
    limiter.update(200, budget_headers(5, 3, NOW_S + 900), "events")
    limiter.update(200, budget_headers(600, 1, NOW_S + 3000), "collection")
    limiter.update(200, budget_headers(600, 0, NOW_S + 3001), "traits")
    for group in ("collection", "traits", "listings"):
        with pytest.raises(LimitError, match="the rate limit of host resets") as caught:
            limiter.acquire(group)
        assert caught.value.is_host_wide
    limiter.acquire("events")  # It has a budget of its own.
    clock.now_s += 1000
    with pytest.raises(LimitError):  # Which says nothing about the next window.
        limiter.acquire("events")
    clock.now_s += 2001
    for group in ("collection", "traits", "listings", "events"):
        limiter.acquire(group)

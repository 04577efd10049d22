from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from math import ceil

import httpx
import pytest

from punkdata.errors import DataError, LimitError, NetworkError, StoppedError
from punkdata.sources.opensea.rate_limit import InterruptibleSleep, RateLimiter
from punkdata.sources.opensea.retry import InvalidReplyError, RetryTransport, retry_after_s

NOW_S = 1_800_000_000.0


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(clock: Clock, max_wait_s: float = 7200.0) -> RateLimiter:
    return RateLimiter("host", max_wait_s=max_wait_s, clock=clock, sleep=clock.sleep)


def budget(limit: int, remaining: int, reset_at: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": f"{reset_at:.0f}",
    }


# -- the limiter ---------------------------------------------------------------------------


def run(
    clock: Clock, n: int, limit: int, window_s: int, *, planned_requests: int | None = None
) -> int:
    """Send n requests to a server of `limit` a window; returns how many it refused."""
    lim, used, refused = limiter(clock), {}, 0
    lim.planned_requests = n if planned_requests is None else planned_requests
    done = 0
    while done < n:
        lim.acquire()
        window = int(clock() // window_s)
        used[window] = used.get(window, 0) + 1
        headers = budget(limit, max(0, limit - used[window]), (window + 1) * window_s)
        ok = used[window] <= limit
        refused += not ok
        done += ok
        lim.update(200 if ok else 429, httpx.Headers(headers))
    return refused


@pytest.mark.parametrize("limit", [1, 7, 20, 600])
@pytest.mark.parametrize("share", [0.1, 0.96, 1.0, 1.04, 1.5, 2.0, 2.5, 3.0])
def test_n_requests_cost_the_windows_that_the_limit_itself_costs(
    clock: Clock, limit: int, share: float
) -> None:
    n, window_s = max(1, round(limit * share)), 3600
    refused = run(clock, n, limit, window_s)
    assert refused == 0
    assert clock() - NOW_S <= max(0, ceil(n / limit) - 1) * window_s


def test_a_plan_that_turns_out_longer_costs_no_more(clock: Clock) -> None:
    assert run(clock, 50, 20, 60, planned_requests=5) == 0
    assert clock() - NOW_S <= 2 * 60


def test_a_plan_beyond_the_budget_is_spread_until_the_reset(clock: Clock) -> None:
    lim = limiter(clock)
    lim.planned_requests = 100
    lim.update(200, budget(10, 10, NOW_S + 100))
    left_at = []
    for _ in range(10):
        lim.acquire()
        left_at.append(clock() - NOW_S)
    gaps = [b - a for a, b in itertools.pairwise(left_at)]
    assert all(9 <= gap <= 11 for gap in gaps)
    lim.acquire()
    assert clock() - NOW_S == 100


def test_a_plan_within_the_budget_goes_at_full_speed(clock: Clock) -> None:
    lim = limiter(clock)
    lim.planned_requests = 100
    lim.update(200, budget(600, 105, NOW_S + 3000))
    for _ in range(100):
        lim.acquire()
    assert clock() == NOW_S


def test_a_longer_wait_than_allowed_ends_with_the_time_to_come_back(clock: Clock) -> None:
    lim = limiter(clock, max_wait_s=900)
    lim.planned_requests = 100
    lim.update(200, budget(600, 3, NOW_S + 3000))
    for _ in range(3):  # what is left is spent first, at once
        lim.acquire()
    assert clock() == NOW_S
    with pytest.raises(LimitError, match=r"lifts in 50 min \(at 08:50 UTC\).*--max-wait 51m"):
        lim.acquire()


@pytest.mark.parametrize("seconds", ["500000000000", "99999999999", "900000000000"])
def test_a_wait_beyond_all_calendars_is_one_line(clock: Clock, seconds: str) -> None:
    lim = limiter(clock)
    lim.update(429, {"retry-after": seconds})
    with pytest.raises(LimitError, match=r"lifts in .* min \(2028-"):
        lim.acquire()


def test_never_waiting_never_waits(clock: Clock) -> None:
    lim = limiter(clock, max_wait_s=0)
    lim.acquire()
    lim.update(429, {"retry-after": "1"})
    with pytest.raises(LimitError):
        lim.acquire()
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
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW_S) == seconds


def test_an_unavailable_server_that_names_a_time_is_heard(clock: Clock) -> None:
    lim = limiter(clock)
    lim.update(503, {"retry-after": "30"})
    lim.acquire()
    assert clock() == NOW_S + 30
    lim.update(503, {})
    lim.acquire()
    assert clock() == NOW_S + 30


@pytest.mark.parametrize("status", [429, 599])
@pytest.mark.parametrize("form", ["seconds", "date", "reset"])
def test_a_limit_is_waited_for_and_then_over(clock: Clock, status: int, form: str) -> None:
    headers = {
        "seconds": {"retry-after": "30"},
        "date": {"retry-after": formatdate(NOW_S + 30, usegmt=True)},
        "reset": budget(10, 0, NOW_S + 30),
    }[form]
    lim = limiter(clock)
    lim.update(status, headers)
    assert lim.blocked
    lim.acquire()
    assert clock() == NOW_S + 30
    assert lim.waited_s == 30


def test_a_server_whose_clock_differs_is_understood(clock: Clock) -> None:
    lim = limiter(clock)
    ahead = {"date": formatdate(NOW_S + 1000, usegmt=True)}
    lim.update(200, budget(10, 0, NOW_S + 1060) | ahead)
    lim.acquire()
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
def test_strange_headers_neither_hang_nor_crash(clock: Clock, headers: dict[str, str]) -> None:
    lim = limiter(clock)
    for _ in range(5):
        lim.update(200, headers)
        lim.acquire()
    assert clock() - NOW_S <= 30


# -- sending again ---------------------------------------------------------------------------


def transport(*replies: int | Exception, slept: list[float] | None = None) -> RetryTransport:
    left = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply)

    sleep: Callable[[float], None] = (slept if slept is not None else []).append
    return RetryTransport(httpx.MockTransport(answer), sleep=sleep)


def get(sender: RetryTransport, **extensions: object) -> int:
    request = httpx.Request("GET", "https://api.test/x?y=1", extensions=extensions)
    return sender.handle_request(request).status_code


@pytest.mark.parametrize("bad", [408, 429, 500, 502, 503, 504, 599, httpx.ReadError("reset")])
def test_what_may_pass_is_sent_again(bad: int | Exception) -> None:
    assert get(transport(bad, bad, 200)) == 200


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 410])
def test_what_will_not_change_is_not_sent_again(status: int) -> None:
    assert get(transport(status)) == status


def test_waits_grow_to_a_cap_with_jitter() -> None:
    slept: list[float] = []
    with pytest.raises(NetworkError):
        get(transport(*[503] * 20, slept=slept), attempts=20)
    assert len(slept) == 19
    assert all(a <= b + 0.25 for a, b in itertools.pairwise(slept))
    assert 20 < max(slept) <= 30.25
    assert len(set(slept)) > 10


def test_giving_up_names_the_host_the_path_and_what_to_type() -> None:
    with pytest.raises(NetworkError) as caught:
        get(transport(*[503] * 8))
    assert "api.test (GET /x) answered 503 8 times; run the same command again" in str(caught.value)
    with pytest.raises(NetworkError, match="failed 8 times: no route"):
        get(transport(*[httpx.ConnectError("no route")] * 8))
    with pytest.raises(LimitError, match="429"):
        get(transport(*[429] * 8))


@pytest.mark.parametrize(("image", "tells"), [(False, [4, 5, 6, 7, 8]), (True, [])])
def test_trouble_that_lasts_is_told_but_not_for_images(image: bool, tells: list[int]) -> None:
    told: list[tuple[str, str, int, int]] = []
    sender = RetryTransport(
        httpx.MockTransport(lambda request: httpx.Response(503)),
        sleep=lambda seconds: None,
        on_retry=lambda *what: told.append(what),
    )
    with pytest.raises(NetworkError):
        get(sender, image=image)
    assert [attempt for _, _, attempt, _ in told] == tells
    assert {(host, reason) for host, reason, _, _ in told} <= {("api.test", "it answered 503")}


def test_an_image_that_is_always_too_fast_is_one_failed_image() -> None:
    with pytest.raises(NetworkError, match="429, too fast|429 8 times"):
        get(transport(*[429] * 8), image=True)


def test_a_reply_broken_every_time_ends_in_its_own_error() -> None:
    broken = InvalidReplyError(DataError("GET /x sent something unexpected: nfts: Field required"))
    assert get(transport(broken, broken, 200)) == 200
    with pytest.raises(DataError, match="Field required"):
        get(transport(*[broken] * 4))  # not sent again as often as what merely failed


def test_an_image_that_is_slow_to_fail_is_not_asked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("punkdata.sources.opensea.retry.IMAGE_PATIENCE_S", 0.0)
    slow = httpx.ReadTimeout("the reply took too long")
    with pytest.raises(NetworkError, match="failed once"):
        get(transport(slow), image=True)
    assert get(transport(slow, slow, 200)) == 200


def test_a_pause_ends_when_another_thread_stops_it() -> None:
    sleep = InterruptibleSleep()
    threading.Timer(0.05, sleep.stop).start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        sleep(60)
    assert time.monotonic() - began < 30


def test_a_wait_is_told_before_it_begins(clock: Clock) -> None:
    told: list[tuple[str, float]] = []
    lim = RateLimiter(
        "api.test",
        max_wait_s=900,
        clock=clock,
        sleep=clock.sleep,
        on_wait=lambda host, seconds: told.append((host, seconds)),
    )
    lim.update(429, {"retry-after": "60"})
    lim.acquire()
    assert told == [("api.test", 60.0)]

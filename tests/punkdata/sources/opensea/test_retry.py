from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from punkdata.errors import DataError, LimitError, NetworkError
from punkdata.sources.opensea.http.retry import RetryTransport
from punkdata.sources.opensea.http.transport import InvalidReplyError


def make_transport(*replies: int | httpx.Response | Exception, **options: Any) -> RetryTransport:
    """Return a transport whose requests end with `replies`: statuses or errors, in this order."""
    remaining = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = remaining.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(reply)

    options = {"sleep": lambda seconds: None} | options
    return RetryTransport(httpx.MockTransport(answer), **options)


def get(transport: RetryTransport, **extensions: object) -> int:
    """Send a request, and return the status."""
    request = httpx.Request("GET", "https://api.test/x?y=1", extensions=extensions)
    return transport.handle_request(request).status_code


@pytest.mark.parametrize("bad", [408, 429, 500, 502, 503, 504, 599, httpx.ReadError("reset")])
def test_transient_failure_is_retried(bad: int | Exception) -> None:
    assert get(make_transport(bad, bad, 200)) == 200


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 410])
def test_permanent_status_is_not_retried(status: int) -> None:
    assert get(make_transport(status)) == status


def test_backoff_grows_to_a_maximum_with_jitter() -> None:
    delays: list[float] = []
    with pytest.raises(NetworkError):
        get(make_transport(*[503] * 20, api_attempts=20, sleep=delays.append))
    assert len(delays) == 19
    assert all(a <= b + 0.25 for a, b in itertools.pairwise(delays))
    assert 20 < max(delays) <= 30.25
    assert len(set(delays)) > 10


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (503, "api.test answered with status 503; run the same command again"),
        (httpx.ConnectError("api.test: no route"), "api.test: no route"),
    ],
)
@pytest.mark.parametrize(("is_image", "attempts"), [(False, 8), (True, 5)])
def test_last_failure_is_raised_with_its_reason(
    failure: int | Exception, reason: str, is_image: bool, attempts: int
) -> None:
    with pytest.raises(NetworkError, match=f"GET /x failed repeatedly: {reason}"):
        get(make_transport(*[failure] * attempts), image=is_image)


@pytest.mark.parametrize(("is_image", "reported"), [(False, [4, 5, 6, 7, 8]), (True, [])])
def test_later_retries_are_reported_except_for_images(is_image: bool, reported: list[int]) -> None:
    warnings: list[str] = []
    with pytest.raises(NetworkError):
        get(make_transport(*[503] * 8, warn=warnings.append), image=is_image)
    text = "api.test answered with status 503; trying again"
    assert warnings == [f"{text} (attempt {attempt} of 8)" for attempt in reported]


def test_invalid_reply_is_retried_and_raises_its_own_error() -> None:
    invalid = InvalidReplyError(DataError("unexpected reply to GET /x: nfts: Field required"))
    assert get(make_transport(invalid, invalid, 200)) == 200
    with pytest.raises(DataError, match="Field required"):
        get(make_transport(*[invalid] * 8))


def test_image_that_fails_slowly_is_not_retried() -> None:
    timeout = httpx.ReadTimeout("the reply took too long")
    with pytest.raises(NetworkError, match="took too long"):
        get(make_transport(timeout, image_patience_s=0.0), image=True)
    assert get(make_transport(timeout, timeout, 200, image_patience_s=0.0)) == 200


# -- Rate limits -----------------------------------------------------------------------------


def limited(seconds: float = 1, status: int = 429) -> httpx.Response:
    """Return a reply that announces how long to wait."""
    headers = {"retry-after": str(seconds)}
    return httpx.Response(status, headers=headers, json={"errors": ["Slow down"]})


@pytest.mark.parametrize("is_image", [False, True])
def test_rate_limits_do_not_use_up_the_attempts(is_image: bool) -> None:
    delays: list[float] = []
    replies = [limited() for _ in range(12)]
    assert get(make_transport(*replies, 200, sleep=delays.append), image=is_image) == 200
    assert all(a <= b + 0.25 for a, b in itertools.pairwise(delays))
    assert delays[-1] > 10  # Beyond the second that the server announces.
    assert sum(delays) < 120


def test_rate_limits_and_failures_are_counted_apart() -> None:
    replies = [reply for _ in range(7) for reply in (limited(), 503, 599)]
    assert get(make_transport(*replies, 200)) == 200


@pytest.mark.parametrize("refusal", [429, 599])
@pytest.mark.parametrize("is_announced", [False, True])
def test_rate_limit_that_lasts_ends_in_its_own_error(refusal: int, is_announced: bool) -> None:
    def refuse() -> httpx.Response:
        return limited(1, refusal) if is_announced else httpx.Response(refusal)

    with pytest.raises(LimitError, match=f"GET /x was rate-limited repeatedly.*status {refusal}"):
        get(make_transport(*[refuse() for _ in range(15)]))
    assert get(make_transport(*[refuse() for _ in range(14)], 200)) == 200
    # One image must not stop the download of others.
    with pytest.raises(NetworkError, match="GET /x failed repeatedly"):
        get(make_transport(*[refuse() for _ in range(15)]), image=True)


def test_rate_limit_that_lasts_for_two_groups_is_that_of_the_host() -> None:
    answers = [*[429] * 15, 200, *[429] * 30]
    transport = make_transport(*answers)
    hosts_limited = []
    for path in ("traits", "nfts", "listings", "events"):
        request = httpx.Request("GET", f"https://api.test/api/v2/{path}/x")
        if path == "nfts":
            assert transport.handle_request(request).status_code == 200
            continue
        with pytest.raises(LimitError) as caught:
            transport.handle_request(request)
        hosts_limited.append(caught.value.is_host_wide)
    assert hosts_limited == [False, False, True]


def test_rate_limit_that_lasts_ends_after_the_maximum_wait() -> None:
    delays: list[float] = []
    replies = [limited() for _ in range(15)]
    with pytest.raises(LimitError):
        get(make_transport(*replies, max_wait_s=5, sleep=delays.append))
    assert 5 <= sum(delays) < 10
    delays.clear()
    with pytest.raises(LimitError):
        get(make_transport(*replies, max_wait_s=0, sleep=delays.append))
    assert delays == [0]


def test_user_is_told_of_long_delays_by_rate_limits() -> None:
    warnings: list[str] = []
    assert get(make_transport(*[limited() for _ in range(13)], 200, warn=warnings.append)) == 200
    assert len(warnings) == 2
    assert "api.test answered with status 429: Slow down; trying again in " in warnings[0]


# -- Requests that create something ----------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [429, 500, 503, 599, httpx.ReadError("reset"), httpx.ReadTimeout("late")]
)
def test_request_that_creates_something_is_sent_once(failure: int | Exception) -> None:
    with pytest.raises(NetworkError, match=r"^(?!.*GET /x failed repeatedly)"):
        get(make_transport(failure), once=True)


def test_request_that_creates_something_is_repeated_if_it_was_not_sent() -> None:
    refused = httpx.ConnectError("refused")
    assert get(make_transport(refused, refused, 200), once=True) == 200


def test_request_that_creates_something_waits_once_for_a_rate_limit() -> None:
    assert get(make_transport(limited(), 200), once=True) == 200
    with pytest.raises(NetworkError, match="answered with status 429: Slow down"):
        get(make_transport(limited(), limited()), once=True)


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [(503, 6), (httpx.ReadTimeout("silence"), 6), (httpx.ConnectError("no route"), 8)],
)
def test_optional_request_is_given_up_earlier_unless_the_server_is_unreachable(
    failure: int | Exception, attempts: int
) -> None:
    with pytest.raises(NetworkError, match="failed repeatedly"):
        get(make_transport(*[failure] * attempts), optional=True)
    assert get(make_transport(*[failure] * (attempts - 1), 200), optional=True) == 200

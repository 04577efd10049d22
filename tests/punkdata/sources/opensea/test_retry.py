from __future__ import annotations

import itertools
from collections.abc import Callable

import httpx
import pytest

from punkdata.errors import DataError, LimitError, NetworkError
from punkdata.sources.opensea.retry import InvalidReplyError, RetryPolicy, RetryTransport


def make_transport(
    *replies: int | Exception,
    policy: RetryPolicy | None = None,
    sleep: Callable[[float], None] = lambda seconds: None,
) -> RetryTransport:
    """Return a transport whose requests end with `replies`: statuses or errors, in this order."""
    remaining = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = remaining.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply)

    return RetryTransport(httpx.MockTransport(answer), policy or RetryPolicy(), sleep=sleep)


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
    transport = make_transport(
        *[503] * 20, policy=RetryPolicy(api_attempts=20), sleep=delays.append
    )
    with pytest.raises(NetworkError):
        get(transport)
    assert len(delays) == 19
    assert all(a <= b + 0.25 for a, b in itertools.pairwise(delays))
    assert 20 < max(delays) <= 30.25
    assert len(set(delays)) > 10


def test_final_error_names_host_path_and_reason() -> None:
    with pytest.raises(NetworkError) as caught:
        get(make_transport(*[503] * 8))
    assert "api.test (GET /x) answered 8 times with status 503; run the same command again" in str(
        caught.value
    )
    with pytest.raises(NetworkError, match="failed 8 times: no route"):
        get(make_transport(*[httpx.ConnectError("no route")] * 8))
    with pytest.raises(LimitError, match="429"):
        get(make_transport(*[429] * 8))


@pytest.mark.parametrize(("is_image", "reported_attempts"), [(False, [4, 5, 6, 7, 8]), (True, [])])
def test_later_retries_are_reported_except_for_images(
    is_image: bool, reported_attempts: list[int]
) -> None:
    reports: list[tuple[str, str, int, int]] = []
    transport = RetryTransport(
        httpx.MockTransport(lambda request: httpx.Response(503)),
        sleep=lambda seconds: None,
        on_retry=lambda *report: reports.append(report),
    )
    with pytest.raises(NetworkError):
        get(transport, image=is_image)
    assert [attempt for _, _, attempt, _ in reports] == reported_attempts
    assert {(host, reason) for host, reason, _, _ in reports} <= {
        ("api.test", "the server answered with status 503")
    }


def test_rate_limited_image_is_a_network_error() -> None:
    with pytest.raises(NetworkError, match="answered 5 times with status 429"):
        get(make_transport(*[429] * 5), image=True)


def test_invalid_reply_is_retried_less_often_and_raises_its_own_error() -> None:
    invalid = InvalidReplyError(DataError("unexpected reply to GET /x: nfts: Field required"))
    assert get(make_transport(invalid, invalid, 200)) == 200
    with pytest.raises(DataError, match="Field required"):
        get(make_transport(*[invalid] * 4))


def test_image_that_fails_slowly_is_not_retried() -> None:
    policy = RetryPolicy(image_patience_s=-1.0)
    timeout = httpx.ReadTimeout("the reply took too long")
    with pytest.raises(NetworkError, match="failed once"):
        get(make_transport(timeout, policy=policy), image=True)
    assert get(make_transport(timeout, timeout, 200, policy=policy)) == 200


def test_no_backoff_while_the_rate_limiter_waits() -> None:
    replies = [httpx.Response(429, extensions={"waits_for_rate_limit": True}), httpx.Response(200)]
    delays: list[float] = []
    transport = RetryTransport(
        httpx.MockTransport(lambda request: replies.pop(0)), sleep=delays.append
    )
    assert get(transport) == 200
    assert delays == [0.0]

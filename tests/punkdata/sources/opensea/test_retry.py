from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from punkdata.errors import DataError, NetworkError
from punkdata.sources.opensea.transport import InvalidReplyError, RetryTransport


def make_transport(*replies: int | Exception, **options: Any) -> RetryTransport:
    """Return a transport whose requests end with `replies`: statuses or errors, in this order."""
    remaining = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = remaining.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply)

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
        (429, "api.test answered with status 429"),
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

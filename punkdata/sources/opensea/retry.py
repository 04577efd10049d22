"""Retry policy: which requests are sent again, how often, and after which delay.

`RetryTransport` wraps another transport and repeats requests that may succeed a moment later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import httpx
import tenacity

from punkdata.errors import LimitError, NetworkError, PunkError
from punkdata.sources.opensea.rate_limit import RATE_LIMIT_STATUSES, RETRY_HINT, Sleep

OnRetry = Callable[[str, str, int, int], None]
"""Callback that receives the host, the reason, the next attempt, and the number of attempts."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is sent, and how long to wait between two attempts."""

    api_attempts: int = 8
    """Maximum number of attempts for an API request."""
    image_attempts: int = 5
    """Maximum number of attempts for an image."""
    invalid_reply_attempts: int = 4
    """Maximum number of attempts when a complete reply has the wrong content."""
    image_patience_s: float = 30.0
    """Time in seconds since the first attempt after which an image is not retried any more."""
    report_from_attempt: int = 3
    """Attempt from which failures are reported to the user."""
    backoff_s: float = 0.25
    """Delay in seconds after the first attempt. It doubles after each further attempt."""
    max_backoff_s: float = 30.0
    """Longest delay in seconds, without jitter."""
    jitter_s: float = 0.25
    """Maximum random delay in seconds that is added to each delay."""


DEFAULT_POLICY = RetryPolicy()


class InvalidReplyError(httpx.RequestError):
    """A reply that is truncated, too slow, or not what the endpoint should send.

    Args:
        final: The error to raise if the last attempt also fails in this way.
    """

    def __init__(self, final: PunkError) -> None:
        super().__init__(str(final))
        self.final = final


class RetryTransport(httpx.BaseTransport):
    """Retries after status 408, 429 and 5xx (599 included), broken connections, invalid replies.

    Args:
        inner: The transport that sends the requests.
        on_retry: Called before each retry from `RetryPolicy.report_from_attempt` on, except
            for images.

    Raises (from `handle_request`):
        NetworkError: Every attempt failed.
        LimitError: The last attempt exceeded the rate limit.
        DataError: The last attempt got an invalid reply; see `InvalidReplyError`.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        policy: RetryPolicy = DEFAULT_POLICY,
        *,
        sleep: Sleep = time.sleep,
        on_retry: OnRetry = lambda host, reason, attempt, attempts: None,
    ) -> None:
        self.inner = inner
        self.policy = policy
        self._sleep = sleep
        self._on_retry = on_retry
        self._backoff = tenacity.wait_exponential(
            multiplier=policy.backoff_s, max=policy.max_backoff_s
        )
        self._jitter = tenacity.wait_random(max=policy.jitter_s)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_image = bool(request.extensions.get("image"))
        attempts = self.policy.image_attempts if is_image else self.policy.api_attempts

        def report(state: tenacity.RetryCallState) -> None:
            if state.attempt_number >= self.policy.report_from_attempt and not is_image:
                host, reason = request.url.host, _describe_failure(state)
                self._on_retry(host, reason, state.attempt_number + 1, attempts)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(httpx.RequestError)
            | tenacity.retry_if_result(_is_transient),
            wait=self._compute_delay_s,
            stop=lambda state: self._should_stop(state, attempts, is_image),
            sleep=self._sleep,
            before_sleep=report,
            retry_error_callback=lambda state: _raise_final_error(request, state),
        )
        return retrying(self.inner.handle_request, request)

    def close(self) -> None:
        self.inner.close()

    def _should_stop(self, state: tenacity.RetryCallState, attempts: int, is_image: bool) -> bool:
        if state.attempt_number >= attempts:
            return True
        if state.outcome is None or not state.outcome.failed:
            return False
        # Two kinds of failure are likely to repeat: invalid replies and slow image hosts.
        if isinstance(state.outcome.exception(), InvalidReplyError):
            return state.attempt_number >= self.policy.invalid_reply_attempts
        return is_image and (state.seconds_since_start or 0) > self.policy.image_patience_s

    def _compute_delay_s(self, state: tenacity.RetryCallState) -> float:
        if state.outcome is not None and not state.outcome.failed:
            response: httpx.Response = state.outcome.result()
            if response.extensions.get("waits_for_rate_limit"):
                return 0.0  # The rate limiter waits before it sends the next request.
        return self._backoff(state) + self._jitter(state)


def _is_transient(response: httpx.Response) -> bool:
    """Return True if the same request may get another reply a moment later."""
    status = response.status_code
    return status in RATE_LIMIT_STATUSES or status == 408 or status >= 500


def _describe_failure(state: tenacity.RetryCallState) -> str:
    """Return the reason why the last attempt failed, in a few words."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if error is None:
        return f"the server answered with status {state.outcome.result().status_code}"
    return " ".join(str(error).split()) or type(error).__name__


def _raise_final_error(request: httpx.Request, state: tenacity.RetryCallState) -> NoReturn:
    """Raise the error that describes how the last attempt failed."""
    endpoint = f"{request.url.host} ({request.method} {request.url.path})"
    times = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, InvalidReplyError):
        raise error.final
    if error is not None:
        reason = _describe_failure(state)
        raise NetworkError(f"the request to {endpoint} failed {times}: {reason}", hint=RETRY_HINT)
    status = state.outcome.result().status_code
    # A rate limit of an image host affects only its images. One of the API ends the run.
    if status in RATE_LIMIT_STATUSES and not request.extensions.get("image"):
        raise LimitError(
            f"{endpoint} answered {times} with status {status} (rate limit exceeded)",
            hint=RETRY_HINT,
        )
    raise NetworkError(f"{endpoint} answered {times} with status {status}", hint=RETRY_HINT)

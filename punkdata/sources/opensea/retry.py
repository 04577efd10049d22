"""One retry policy and one rate limiter for everything that goes over the network.

`RetryTransport` repeats what may succeed a moment later. `Limiter` decides when the next
request may leave: at once while the announced budget covers the plan, else spread evenly
until the budget is renewed. Clock and sleep are passed in, so that tests need not wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import tenacity

from punkdata.errors import LimitError, NetworkError, PunkError, StoppedError

LIMIT_STATUSES = frozenset({429, 599})
"""answers that mean "too fast" """
GO_ON = "run the same command again; nothing that was received is lost"
API_ATTEMPTS = 8
IMAGE_ATTEMPTS = 5
BROKEN_ATTEMPTS = 4
"""a whole reply of the wrong kind is not sent for more often"""
IMAGE_PATIENCE_S = 30.0
"""an image that takes longer to fail is not asked for again at once"""
_SKEW_S = 5.0
_LONGEST_SLEEP_S = 86_400.0
_FAR_S = 365 * 86_400.0

TELL_FROM = 3
"""so many failures of one request are told before the last one"""

Sleep = Callable[[float], None]
OnRetry = Callable[[str, str, int, int], None]
Clock = Callable[[], float]


class BrokenReplyError(httpx.RequestError):
    """A reply that is cut short, too slow, or not what the endpoint should send.

    Args:
        final: what to raise when it is so every time.
    """

    def __init__(self, final: PunkError) -> None:
        super().__init__(str(final))
        self.final = final


class Pause:
    """A sleep that another thread can end: a stopped program does not wait for its workers."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def __call__(self, seconds: float) -> None:
        if self._stopped.wait(min(seconds, _LONGEST_SLEEP_S)):
            raise StoppedError("stopped")

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()


# -- when the next request may leave ------------------------------------------------------


class Limiter:
    """When the next request to one host may leave. Safe to share between threads.

    `planned` is the number of requests still to come, as far as is known. While the
    announced budget covers them they leave at once. When it does not, a renewal has to be
    waited for in any case, and the budget is spread evenly until then. In this way n
    requests at R a window take ceil(n / R) - 1 windows and no more: pacing a plan that just
    fits would cost a whole window and save nothing.

    Args:
        max_wait_s: a longer wait than this ends in a LimitError.
        on_wait: told the host and the seconds before every wait.
    """

    def __init__(
        self,
        host: str,
        *,
        max_wait_s: float,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        on_wait: Callable[[str, float], None] = lambda host, seconds: None,
    ) -> None:
        self.host = host
        self.max_wait_s = max_wait_s
        self.planned = 0
        self.limit: int | None = None
        self.remaining: int | None = None
        self.reset_at: float | None = None
        self.waited_s = 0.0
        self.waits_until = 0.0
        self._clock, self._sleep, self._on_wait = clock, sleep, on_wait
        self._blocked_until = 0.0
        self._next_at = 0.0
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Wait until the next request may leave, and count it as sent.

        Raises:
            LimitError: that would take longer than `max_wait_s`.
        """
        while True:
            with self._lock:
                wait_s = self._wait_s()
                if wait_s <= 0:
                    self.planned = max(0, self.planned - 1)
                    if self.remaining is not None:
                        self.remaining = max(0, self.remaining - 1)
                    return
                if wait_s > self.max_wait_s:
                    raise self._error(wait_s)
                self.waited_s += wait_s
                self.waits_until = self._clock() + wait_s
            self._on_wait(self.host, wait_s)
            self._sleep(wait_s)

    def _wait_s(self) -> float:
        now_s = self._clock()
        if self._blocked_until > now_s:
            return self._blocked_until - now_s
        if self.reset_at is None or self.remaining is None:
            return 0.0
        until_reset_s = self.reset_at - now_s
        if until_reset_s <= 0:  # a new window has begun, with a budget like the last
            self.remaining, self.reset_at, self._next_at = self.limit, None, 0.0
            return 0.0
        if self.remaining == 0:
            return until_reset_s
        # A wait for the renewal that is not allowed need not be shared out either: what is
        # left is spent at once, and the run then ends, resumable.
        if self.planned <= self.remaining or until_reset_s > self.max_wait_s:
            return 0.0
        if self._next_at > now_s:
            return min(self._next_at, self.reset_at) - now_s
        self._next_at = now_s + until_reset_s / self.remaining
        return 0.0

    def update(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from a reply's status and headers."""
        now_s = self._clock()
        served_s = _http_date(headers.get("date"))
        # Clocks differ; within a few seconds the header, which has whole ones, knows no better.
        skew_s = served_s - now_s if served_s and abs(served_s - now_s) > _SKEW_S else 0.0
        with self._lock:
            limit, remaining = (_number(headers.get(f"x-ratelimit-{k}")) for k in _BUDGET)
            reset = _number(headers.get("x-ratelimit-reset"))
            if limit is not None and limit > 0:
                self.limit = int(limit)
            if remaining is not None and remaining >= 0:
                self.remaining = int(remaining)
            if reset is not None:
                # A number too small for a date is how many seconds are left.
                self.reset_at = reset - skew_s if reset > 1e9 else now_s + reset
            after_s = retry_after_s(headers, now_s + skew_s)
            if status in LIMIT_STATUSES or (status == 503 and after_s is not None):
                if after_s is not None:
                    self._blocked_until = max(self._blocked_until, now_s + after_s)
                elif self.remaining == 0 and self.reset_at is not None:
                    self._blocked_until = max(self._blocked_until, self.reset_at)

    @property
    def blocked(self) -> bool:
        """Whether the server has named the time to come back."""
        return self._blocked_until > self._clock()

    def _error(self, wait_s: float) -> LimitError:
        at = datetime.fromtimestamp(self._clock() + min(wait_s, _FAR_S), UTC)
        when = f"at {at:%H:%M} UTC" if wait_s < 86_400 else f"{at:%Y-%m-%d}"
        return LimitError(
            f"the rate limit of {self.host} lifts in {_span(wait_s)} ({when}); --max-wait allows "
            f"{_span(self.max_wait_s)}",
            hint=f"run the same command again after that, or with --max-wait "
            f"{int(wait_s // 60) + 1}m; nothing that was received is lost",
        )


_BUDGET = ("limit", "remaining")


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None


def _http_date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Retry-After in seconds from now, given as seconds or as an HTTP date; None if neither."""
    text = headers.get("retry-after")
    if (seconds := _number(text)) is not None:
        return seconds
    date_s = _http_date(text)
    return None if date_s is None else max(0.0, date_s - now_s)


# -- what is sent again -------------------------------------------------------------------


def _may_pass(response: httpx.Response) -> bool:
    """Whether an answer may be another one a moment later."""
    status = response.status_code
    return status in LIMIT_STATUSES or status == 408 or status >= 500


_backoff = tenacity.wait_exponential(multiplier=0.25, max=30)
_jitter = tenacity.wait_random(0, 0.25)


class RetryTransport(httpx.BaseTransport):
    """Sends again on 408, 429, 5xx (599 too), failed exchanges and broken replies.

    Args:
        on_retry: told host, reason, next attempt and number of attempts where the first few
            have failed, but not for images.

    Raises (from `handle_request`):
        NetworkError: every attempt failed.
        LimitError: every attempt met the rate limit.
        DataError: every reply was broken in the same way; see `BrokenReplyError`.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        sleep: Sleep = time.sleep,
        on_retry: OnRetry = lambda host, reason, attempt, attempts: None,
    ) -> None:
        self.inner = inner
        self._sleep = sleep
        self._on_retry = on_retry

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        attempts: int = request.extensions.get("attempts", API_ATTEMPTS)

        def tell(state: tenacity.RetryCallState) -> None:
            if state.attempt_number >= TELL_FROM and not request.extensions.get("image"):
                host, reason = request.url.host, _reason(state)
                self._on_retry(host, reason, state.attempt_number + 1, attempts)

        again = tenacity.retry_if_exception_type(httpx.RequestError)
        enough = tenacity.stop_after_attempt(attempts)
        retrying = tenacity.Retrying(
            retry=again | tenacity.retry_if_result(_may_pass),
            wait=_wait,
            stop=lambda state: enough(state) or _is_hopeless(state),
            sleep=self._sleep,
            before_sleep=tell,
            retry_error_callback=lambda state: _give_up(request, state),
        )
        return retrying(self.inner.handle_request, request)

    def close(self) -> None:
        self.inner.close()


def _is_hopeless(state: tenacity.RetryCallState) -> bool:
    """Whether the same fault again is more likely than a reply."""
    if state.outcome is None or not state.outcome.failed:
        return False
    if isinstance(state.outcome.exception(), BrokenReplyError):
        return state.attempt_number >= BROKEN_ATTEMPTS
    is_image = state.args[0].extensions.get("image")
    return bool(is_image) and (state.seconds_since_start or 0) > IMAGE_PATIENCE_S


def _wait(state: tenacity.RetryCallState) -> float:
    outcome = state.outcome
    if outcome is not None and not outcome.failed:
        response: httpx.Response = outcome.result()
        if response.extensions.get("limiter_waits"):
            return 0.0
    return _backoff(state) + _jitter(state)


def _reason(state: tenacity.RetryCallState) -> str:
    """Why the last attempt failed, in a few words."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if error is None:
        return f"it answered {state.outcome.result().status_code}"
    return " ".join(str(error).split()) or type(error).__name__


def _give_up(request: httpx.Request, state: tenacity.RetryCallState) -> httpx.Response:
    what = f"{request.url.host} ({request.method} {request.url.path})"
    tries = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, BrokenReplyError):
        raise error.final
    if error is not None:
        raise NetworkError(f"{what} failed {tries}: {_reason(state)}", hint=GO_ON)
    status = state.outcome.result().status_code
    # One image's host is not the API: such an image is one of those that failed.
    if status in LIMIT_STATUSES and not request.extensions.get("image"):
        raise LimitError(f"{what} answered {status}, too fast, {tries}", hint=GO_ON)
    raise NetworkError(f"{what} answered {status} {tries}", hint=GO_ON)

"""Client-side rate limiting: decides when the next request to a host may be sent.

The limiter reads the budget that the server announces in its `X-RateLimit-*` and
`Retry-After` headers. The clock and the sleep function are parameters, so that tests do not
have to wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from punkdata.errors import LimitError, StoppedError

RATE_LIMIT_STATUSES = frozenset({429, 599})
"""HTTP statuses with which OpenSea reports that the rate limit is exceeded."""
RETRY_HINT = "run the same command again; nothing that was received is lost"
"""Hint for errors that may not occur again in a later run."""

Sleep = Callable[[float], None]
"""Function that sleeps for a number of seconds."""
Clock = Callable[[], float]
"""Function that returns Unix time in seconds."""
OnWait = Callable[[str, float], None]
"""Callback that receives the host and the number of seconds before each wait."""

_MAX_SLEEP_S = 86_400.0
_MAX_IGNORED_SKEW_S = 5.0
_MAX_ANNOUNCED_WAIT_S = 365 * 86_400.0


class InterruptibleSleep:
    """A sleep function that another thread can interrupt.

    When the program stops, the worker threads that are waiting must stop as well.
    """

    def __init__(self) -> None:
        self._stop_event = threading.Event()

    def __call__(self, seconds: float) -> None:
        """Sleep for `seconds`.

        Raises:
            StoppedError: `stop` was called before or during the sleep.
        """
        if self._stop_event.wait(min(seconds, _MAX_SLEEP_S)):
            raise StoppedError("stopped")

    @property
    def is_stopped(self) -> bool:
        return self._stop_event.is_set()

    def stop(self) -> None:
        """Interrupt all sleeps, now and in the future."""
        self._stop_event.set()


class RateLimiter:
    """Delays requests to one host so that they stay within its rate limit. Thread-safe.

    While the announced budget covers `planned_requests`, requests are sent at once. Otherwise
    the run must wait for the next window in any case, so the remaining budget is spread evenly
    over the time until then. In this way, n requests at a limit of R per window wait for
    ceil(n / R) - 1 windows and no more. Spreading requests that the budget covers would take a
    full window and save nothing.

    Args:
        host: Name of the host in messages.
        max_wait_s: Longest allowed wait in seconds. A longer one raises LimitError.
        clock: Returns Unix time in seconds.
        on_wait: Called with the host and the number of seconds before each wait.
    """

    def __init__(
        self,
        host: str,
        *,
        max_wait_s: float,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        on_wait: OnWait = lambda host, seconds: None,
    ) -> None:
        self.host = host
        self.max_wait_s = max_wait_s
        self.planned_requests = 0
        """Number of requests that are still to be sent, as far as is known."""
        self.limit: int | None = None
        """Announced number of requests per window, or None if it is not known."""
        self.remaining: int | None = None
        """Number of requests left in the current window, or None if it is not known."""
        self.reset_at: float | None = None
        """Unix time at which the next window begins, or None if it is not known."""
        self.waited_s = 0.0
        """Total time waited so far, in seconds."""
        self.waiting_until = 0.0
        """Unix time at which the latest wait ends."""
        self._clock, self._sleep, self._on_wait = clock, sleep, on_wait
        self._blocked_until = 0.0
        self._next_paced_at = 0.0
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Wait until the next request may be sent, and count it as sent.

        Raises:
            LimitError: The wait would take longer than `max_wait_s`.
        """
        while True:
            with self._lock:
                wait_s = self._compute_wait_s()
                if wait_s <= 0:
                    self.planned_requests = max(0, self.planned_requests - 1)
                    if self.remaining is not None:
                        self.remaining = max(0, self.remaining - 1)
                    return
                if wait_s > self.max_wait_s:
                    raise self._make_error(wait_s)
                self.waited_s += wait_s
                self.waiting_until = self._clock() + wait_s
            self._on_wait(self.host, wait_s)
            self._sleep(wait_s)

    def _compute_wait_s(self) -> float:
        """Return the number of seconds until the next request may be sent, 0 for now."""
        now_s = self._clock()
        if self._blocked_until > now_s:
            return self._blocked_until - now_s
        if self.reset_at is None or self.remaining is None:
            return 0.0
        until_reset_s = self.reset_at - now_s
        if until_reset_s <= 0:  # A new window has begun, with the same budget as the last one.
            self.remaining, self.reset_at, self._next_paced_at = self.limit, None, 0.0
            return 0.0
        if self.remaining == 0:
            return until_reset_s
        # If waiting for the reset is not allowed, there is no reason to pace either: spend what
        # is left at once. The run then ends with an error and can be resumed.
        if self.planned_requests <= self.remaining or until_reset_s > self.max_wait_s:
            return 0.0
        if self._next_paced_at > now_s:
            return min(self._next_paced_at, self.reset_at) - now_s
        self._next_paced_at = now_s + until_reset_s / self.remaining
        return 0.0

    def update(self, status: int, headers: Mapping[str, str]) -> None:
        """Update the budget, and the end of the wait, from a reply's status and headers."""
        now_s = self._clock()
        server_s = _parse_http_date(headers.get("date"))
        # The server's clock may differ from ours. A difference of a few seconds is ignored,
        # because the Date header has whole seconds and was set before the reply arrived.
        skew_s = server_s - now_s if server_s else 0.0
        if abs(skew_s) <= _MAX_IGNORED_SKEW_S:
            skew_s = 0.0
        limit = _parse_number(headers.get("x-ratelimit-limit"))
        remaining = _parse_number(headers.get("x-ratelimit-remaining"))
        reset = _parse_number(headers.get("x-ratelimit-reset"))
        with self._lock:
            if limit is not None and limit > 0:
                self.limit = int(limit)
            if remaining is not None:
                self.remaining = int(remaining)
            if reset is not None:
                # A number too small for a Unix time is a number of seconds from now.
                self.reset_at = reset - skew_s if reset > 1e9 else now_s + reset
            retry_after_s = parse_retry_after_s(headers, now_s + skew_s)
            if status in RATE_LIMIT_STATUSES or (status == 503 and retry_after_s is not None):
                if retry_after_s is not None:
                    self._blocked_until = max(self._blocked_until, now_s + retry_after_s)
                elif self.remaining == 0 and self.reset_at is not None:
                    self._blocked_until = max(self._blocked_until, self.reset_at)

    @property
    def is_blocked(self) -> bool:
        """Whether the server has rejected requests until a time that is still in the future."""
        return self._blocked_until > self._clock()

    def _make_error(self, wait_s: float) -> LimitError:
        end_s = self._clock() + min(wait_s, _MAX_ANNOUNCED_WAIT_S)
        end = datetime.fromtimestamp(end_s, UTC)
        when = f"at {end:%H:%M} UTC" if wait_s < 86_400 else f"{end:%Y-%m-%d}"
        return LimitError(
            f"the rate limit of {self.host} resets in {_format_seconds(wait_s)} ({when}), which "
            f"is longer than --max-wait allows ({_format_seconds(self.max_wait_s)})",
            hint=f"run the same command again after that, or with --max-wait "
            f"{int(wait_s // 60) + 1}m; nothing that was received is lost",
        )


def parse_retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the `Retry-After` header in seconds from now, or None if it is missing or invalid.

    The header is either a number of seconds or an HTTP date.
    """
    text = headers.get("retry-after")
    if (seconds := _parse_number(text)) is not None:
        return seconds
    date_s = _parse_http_date(text)
    return None if date_s is None else max(0.0, date_s - now_s)


def _format_seconds(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _parse_number(text: str | None) -> float | None:
    """Return a number from 0 to below 1e12, or None if `text` is not such a number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None


def _parse_http_date(text: str | None) -> float | None:
    """Return the Unix time of an HTTP date, or None if `text` is not one."""
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None

"""Client-side rate limiting: decides when the next request to a host may be sent."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from punkdata.errors import LimitError, StoppedError
from punkdata.progress import SHOWN

logger = logging.getLogger(__name__)

RATE_LIMIT_STATUSES = frozenset({429, 599})
"""HTTP statuses with which OpenSea reports that the rate limit is exceeded."""
RETRY_HINT = "run the same command again; nothing that was received is lost"

Sleep = Callable[[float], None]
Warn = Callable[[str], None]
"""Callback that receives a message for the user. Several threads may call it."""


class InterruptibleSleep(threading.Event):
    """A sleep function; setting the event interrupts all sleeps, now and in the future."""

    def __call__(self, seconds: float) -> None:
        if self.wait(min(seconds, threading.TIMEOUT_MAX)):
            raise StoppedError("stopped")


@dataclass
class RateLimiter:
    """Delays requests to one host so that they stay within its rate limit. Thread-safe.

    Requests are sent at full speed until the host announces, in its `X-RateLimit-*` and
    `Retry-After` headers, that its budget is used up. All requests then wait for the next window,
    or raise LimitError if that takes longer than `max_wait_s`. `blocked_until` is the Unix time of
    that window, and `waited_s` the total time waited so far.
    """

    host: str
    max_wait_s: float
    sleep: Sleep = time.sleep
    warn: Warn = lambda text: None
    clock: Callable[[], float] = time.time
    blocked_until: float = 0.0
    waited_s: float = 0.0
    _queue: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self) -> None:
        """Wait until the next request may be sent."""
        with self._queue:  # One thread waits, and the others wait for that thread.
            while (wait_s := self.blocked_until - self.clock()) > 0:
                if wait_s > self.max_wait_s:
                    raise LimitError(
                        f"the rate limit of {self.host} resets in {_format_seconds(wait_s)}, which "
                        f"is longer than --max-wait allows ({_format_seconds(self.max_wait_s)})",
                        hint="run the same command again after that, or with --max-wait "
                        f"{int(wait_s // 60) + 1}m; nothing that was received is lost",
                    )
                text = f"waiting {_format_seconds(wait_s)} for the rate limit of {self.host}"
                if wait_s >= 10:  # The user does not need to know of shorter ones.
                    self.warn(text)
                logger.warning(text, extra=SHOWN if wait_s >= 10 else None)
                self.waited_s += wait_s
                self.sleep(wait_s)

    def update(self, status: int, headers: Mapping[str, str]) -> None:
        """Update the time until which requests wait from a reply."""
        now_s = self.clock()
        # The server's clock may differ from ours. A few seconds are ignored, because the Date
        # header has whole seconds and was set before the reply arrived.
        server_s = _parse_http_date(headers.get("date"))
        if server_s is None or abs(server_s - now_s) <= 5:
            server_s = now_s
        remaining = _parse_number(headers.get("x-ratelimit-remaining"))
        reset = _parse_number(headers.get("x-ratelimit-reset"))
        wait_s = 0.0
        if remaining == 0 and reset is not None:
            # A number too small for a Unix time is a number of seconds from now.
            wait_s = reset - server_s if reset > 1e9 else reset
        if status in RATE_LIMIT_STATUSES or status == 503:
            text = headers.get("retry-after")  # A number of seconds, or an HTTP date.
            date_s = _parse_http_date(text) or server_s
            wait_s = max(wait_s, _parse_number(text) or date_s - server_s)
        self.blocked_until = max(self.blocked_until, now_s + wait_s)


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

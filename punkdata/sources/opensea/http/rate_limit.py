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
SAME_RESET_S = 2.0
"""Largest difference in seconds between two announcements of the same reset time."""

Sleep = Callable[[float], None]
Warn = Callable[[str], None]
"""Callback that receives a message for the user. Several threads may call it."""


class InterruptibleSleep(threading.Event):
    """A sleep function; setting the event interrupts all sleeps, now and in the future."""

    def __call__(self, seconds: float) -> None:
        if self.wait(min(seconds, threading.TIMEOUT_MAX)):
            raise StoppedError("stopped")


@dataclass(frozen=True)
class Budget:
    """A number of requests that a server allows until a time; the two identify the budget."""

    limit: float | None
    reset_at: float

    def is_same(self, other: "Budget | None") -> bool:
        if other is None or self.limit != other.limit:
            return False
        return abs(self.reset_at - other.reset_at) <= SAME_RESET_S


@dataclass
class RateLimiter:
    """Delays requests to one host so that they stay within its rate limits. Thread-safe.

    Requests are sent at full speed until the host announces that they must wait. They then wait
    until that time, or raise LimitError if it is more than `max_wait_s` away. `waited_s` is the
    total time waited so far.

    Some endpoints have tighter limits than others, so each request belongs to a group of endpoints:

    - A wait announced by `Retry-After` concerns only the group that received it.
    - A budget, announced by the `X-RateLimit-*` headers, is recognized by its limit and its reset
      time. When it is used up, all groups wait that reported this budget last. Once two groups
      have reported it, it is taken for the budget of the whole host: then those groups wait, too,
      that have not reported any budget that is still valid.
    """

    host: str
    max_wait_s: float
    sleep: Sleep = time.sleep
    warn: Warn = lambda text: None
    clock: Callable[[], float] = time.time
    waited_s: float = 0.0
    _retry_at: dict[str, float] = field(default_factory=dict)
    _reported: dict[str, Budget] = field(default_factory=dict)
    _exhausted: list[Budget] = field(default_factory=list)
    _queues: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, group: str = "") -> None:
        """Wait until the next request to this group of endpoints may be sent."""
        # One thread of each group waits, and the others wait for that thread.
        with self._queues.setdefault(group, threading.Lock()):
            while True:
                blocked_until, is_host_wide = self._find_block(group)
                wait_s = blocked_until - self.clock()
                if wait_s <= 0:
                    return
                name = self.host if is_host_wide or not group else f"{self.host} for {group!r}"
                if wait_s > self.max_wait_s:
                    raise LimitError(
                        f"the rate limit of {name} resets in {_format_seconds(wait_s)}, which "
                        f"is longer than --max-wait allows ({_format_seconds(self.max_wait_s)})",
                        hint="run the same command again after that, or with --max-wait "
                        f"{int(wait_s // 60) + 1}m; nothing that was received is lost",
                        is_host_wide=is_host_wide,
                    )
                text = f"waiting {_format_seconds(wait_s)} for the rate limit of {name}"
                if wait_s >= 10:  # The user does not need to know of shorter ones.
                    self.warn(text)
                logger.warning(text, extra=SHOWN if wait_s >= 10 else None)
                self.waited_s += wait_s
                self.sleep(wait_s)

    def update(self, status: int, headers: Mapping[str, str], group: str = "") -> None:
        """Learn from a reply until when the requests of a group must wait."""
        now_s = self.clock()
        # The server's clock may differ from ours. A few seconds are ignored, because the Date
        # header has whole seconds and was set before the reply arrived.
        server_s = _parse_http_date(headers.get("date"))
        if server_s is None or abs(server_s - now_s) <= 5:
            server_s = now_s
        with self._lock:
            if status in RATE_LIMIT_STATUSES or status == 503:
                wait_s = _parse_retry_after(headers, server_s) or 0.0
                self._retry_at[group] = max(self._retry_at.get(group, 0.0), now_s + wait_s)
            reset = _parse_number(headers.get("x-ratelimit-reset"))
            if reset is None:
                return
            # A number too small for a Unix time is a number of seconds from now.
            reset_at = now_s + (reset - server_s if reset > 1e9 else reset)
            budget = Budget(_parse_number(headers.get("x-ratelimit-limit")), reset_at)
            self._reported[group] = budget
            self._exhausted = [b for b in self._exhausted if b.reset_at > now_s]
            if _parse_number(headers.get("x-ratelimit-remaining")) == 0:
                self._exhausted.append(budget)

    def _find_block(self, group: str) -> tuple[float, bool]:
        """Return until when a group must wait, and whether the whole host must."""
        with self._lock:
            blocked_until, is_host_wide = self._retry_at.get(group, 0.0), False
            own = self._reported.get(group)
            if own is not None and own.reset_at <= self.clock():
                own = None  # It says nothing about the current window.
            for budget in self._exhausted:
                is_shared = sum(budget.is_same(other) for other in self._reported.values()) > 1
                concerns_group = is_shared if own is None else budget.is_same(own)
                if concerns_group and budget.reset_at > blocked_until:
                    blocked_until, is_host_wide = budget.reset_at, is_shared
        return blocked_until, is_host_wide


def announces_wait(headers: Mapping[str, str]) -> bool:
    """Return whether a refusal by a rate limit says when to try again."""
    is_budget = _parse_number(headers.get("x-ratelimit-remaining")) == 0
    has_reset = _parse_number(headers.get("x-ratelimit-reset")) is not None
    return (is_budget and has_reset) or _parse_retry_after(headers, 0.0) is not None


def _format_seconds(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _parse_retry_after(headers: Mapping[str, str], server_s: float) -> float | None:
    """Return the seconds to wait by `Retry-After`, a number of seconds or an HTTP date."""
    text = headers.get("retry-after")
    number = _parse_number(text)
    if number is None and (date_s := _parse_http_date(text)) is not None:
        number = max(0.0, date_s - server_s)
    return number


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

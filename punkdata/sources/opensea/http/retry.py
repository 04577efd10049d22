"""A transport that repeats failed requests."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import tenacity

from punkdata.errors import LimitError, NetworkError, UnreachableError
from punkdata.progress import SHOWN
from punkdata.safe_text import redact_url
from punkdata.sources.opensea.http.error_replies import describe_error_body
from punkdata.sources.opensea.http.rate_limit import (
    RATE_LIMIT_STATUSES,
    RETRY_HINT,
    Sleep,
    Warn,
    announces_wait,
)
from punkdata.sources.opensea.http.transport import InvalidReplyError, endpoint_group

FIRST_DELAY_S, LONGEST_DELAY_S = 0.25, 30.0
FAILURE_GROWTH, LIMIT_GROWTH = 2.0, 1.4
"""Factors by which the delay grows with each failure, and with each refusal by a rate limit."""

logger = logging.getLogger(__name__)


class _RefusalError(httpx.RequestError):
    """A reply that says that a rate limit is exceeded, and perhaps when to try again."""

    def __init__(self, message: str, *, is_announced: bool) -> None:
        super().__init__(message)
        self.is_announced = is_announced


@dataclass
class _Tries:
    """The failed attempts of one request: their number by kind, and the last error."""

    request: httpx.Request
    failures: int = 0
    refusals: int = 0
    error: httpx.RequestError | None = None

    def add(self, error: httpx.RequestError) -> None:
        self.error = error
        self.refusals += isinstance(error, _RefusalError)
        self.failures += not isinstance(error, _RefusalError)


@dataclass
class RetryTransport(httpx.BaseTransport):
    """Retries after status 408, 429 and 5xx (599 included), broken connections, invalid replies.

    The delay between two attempts doubles, up to half a minute. Failed images are given up
    earlier: after fewer attempts, and after `image_patience_s` seconds. Requests with the extension
    `optional`, which a fetch can do without, are given up after fewer attempts, too.

    Refusals by a rate limit are counted apart, up to `limit_attempts` of them and `max_wait_s` in
    total. The wait is the longer one of what the server announces, which the inner transport waits
    for, and of a delay that grows here, because some servers announce one second again and again.

    All requests only read, also POST /nfts/batch, so they may be repeated after any failure. The
    exception are requests with the extension `once`, which create something. They are repeated
    only if no connection was established, and once after a wait that the server announced.

    Refusals of requests with the extension `optional` never count as a limit of the whole host,
    because an account may not be allowed any of these endpoints.

    Raises NetworkError, UnreachableError if there was no connection, or the error of the last
    invalid reply, if every attempt failed, and LimitError if a rate limit lasts, except for images.
    `warn` is called before each retry, except for images and for the first retries, and
    `count_wait` with the delay after a refusal.
    """

    inner: httpx.BaseTransport
    sleep: Sleep = time.sleep
    warn: Warn = lambda text: None
    api_attempts: int = 8
    optional_attempts: int = 6
    image_attempts: int = 5
    limit_attempts: int = 15
    image_patience_s: float = 30.0
    max_wait_s: float = 900.0
    count_wait: Callable[[float], None] = lambda seconds: None
    _refused_groups: set[str] = field(default_factory=set)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        tries = _Tries(request)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(httpx.RequestError),
            stop=lambda state: not self._may_repeat(tries, state),
            wait=lambda state: self._choose_delay(tries),
            sleep=self.sleep,
            before_sleep=lambda state: self._report(tries, state.upcoming_sleep),
            reraise=True,
        )
        try:
            return retrying(self._attempt, tries)
        except httpx.RequestError as error:
            raise self._final_error(request, error) from None

    def _attempt(self, tries: _Tries) -> httpx.Response:
        request = tries.request
        try:
            response = self.inner.handle_request(request)
            _check_status(request, response)
        except httpx.RequestError as error:
            tries.add(error)
            raise
        if not request.extensions.get("image"):
            self._refused_groups.clear()
        return response

    def _may_repeat(self, tries: _Tries, state: tenacity.RetryCallState) -> bool:
        is_image, is_once = (tries.request.extensions.get(name) for name in ("image", "once"))
        spent_s = max(state.seconds_since_start or 0.0, state.idle_for)
        if isinstance(tries.error, _RefusalError):
            if is_once:
                return tries.error.is_announced and tries.refusals == 1
            # After the first one, the inner transport says if the announced wait is too long.
            is_within_limits = tries.refusals < self.limit_attempts and spent_s < self.max_wait_s
            return tries.refusals == 1 or is_within_limits
        if is_once and not isinstance(tries.error, httpx.ConnectError):
            return False
        if is_image and spent_s >= self.image_patience_s:
            return False
        return tries.failures < self._max_attempts(tries)

    def _max_attempts(self, tries: _Tries) -> int:
        if tries.request.extensions.get("image"):
            return self.image_attempts
        is_optional = tries.request.extensions.get("optional")
        # Without a connection, the next request would fail, too.
        has_connection = not isinstance(tries.error, httpx.ConnectError)
        return self.optional_attempts if is_optional and has_connection else self.api_attempts

    def _choose_delay(self, tries: _Tries) -> float:
        if isinstance(tries.error, _RefusalError):
            return min(_delay(tries.refusals, LIMIT_GROWTH), self.max_wait_s)
        return _delay(tries.failures)

    def _final_error(self, request: httpx.Request, error: httpx.RequestError) -> Exception:
        if isinstance(error, InvalidReplyError):
            return error.final
        endpoint = f"{request.method} {request.url.path}"
        is_unreachable = isinstance(error, httpx.ConnectError)
        if request.extensions.get("once") and not is_unreachable:
            return NetworkError(str(error), hint=RETRY_HINT)
        if isinstance(error, _RefusalError) and not request.extensions.get("image"):
            # After two groups of endpoints in a row, the limit is taken for that of the whole host.
            is_optional = bool(request.extensions.get("optional"))
            if not is_optional:
                self._refused_groups.add(endpoint_group(request.url))
            return LimitError(
                f"{endpoint} was rate-limited repeatedly: {error}",
                hint=RETRY_HINT,
                is_host_wide=not is_optional and len(self._refused_groups) > 1,
            )
        kind = UnreachableError if is_unreachable else NetworkError
        return kind(f"{endpoint} failed repeatedly: {error}", hint=RETRY_HINT)

    def _report(self, tries: _Tries, delay_s: float) -> None:
        """Log a failure. Tell the user of later ones, and of long delays."""
        is_shown = tries.failures >= 3
        text = f"(attempt {tries.failures + 1} of {self._max_attempts(tries)})"
        if isinstance(tries.error, _RefusalError):
            is_shown, text = delay_s >= 10, f"in {delay_s:.0f} s"
            self.count_wait(delay_s)
        is_image = tries.request.extensions.get("image")
        endpoint = f"{tries.request.method} {redact_url(str(tries.request.url))}"
        logger.log(
            logging.DEBUG if is_image else logging.WARNING,
            f"attempt {tries.failures + tries.refusals} of {endpoint} failed: {tries.error}",
            extra=SHOWN if is_shown else None,
        )
        if is_shown and not is_image:
            self.warn(f"{tries.error}; trying again {text}")


def _check_status(request: httpx.Request, response: httpx.Response) -> None:
    """Raise httpx.RequestError if a request with this status may succeed later."""
    status = response.status_code
    if status not in RATE_LIMIT_STATUSES and status != 408 and status < 500:
        return
    reason = ""
    if not request.extensions.get("image"):
        may_have_key = bool(request.extensions.get("once"))
        reason = describe_error_body(response.content, may_have_key=may_have_key)
    message = f"{request.url.host} answered with status {status}{reason}"
    if status in RATE_LIMIT_STATUSES:
        raise _RefusalError(message, is_announced=announces_wait(response.headers))
    raise httpx.RequestError(message)


def _delay(number: int, growth: float = FAILURE_GROWTH) -> float:
    """Return the seconds to wait after the first, second, … failure, with some jitter."""
    # The exponent is limited, because the power would overflow after a thousand rate limits.
    grown_s = FIRST_DELAY_S * growth ** min(number - 1, 20)
    jitter_s = random.uniform(0, FIRST_DELAY_S)  # noqa: S311  # no secret
    return min(grown_s, LONGEST_DELAY_S) + jitter_s

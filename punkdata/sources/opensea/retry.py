"""A transport that repeats failed requests."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from punkdata.errors import LimitError, NetworkError, UnreachableError
from punkdata.progress import SHOWN
from punkdata.safe_text import redact_url
from punkdata.sources.opensea.error_replies import describe_error_body
from punkdata.sources.opensea.rate_limit import (
    RATE_LIMIT_STATUSES,
    RETRY_HINT,
    Sleep,
    Warn,
    announces_wait,
)
from punkdata.sources.opensea.transport import InvalidReplyError, endpoint_group

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
class RetryTransport(httpx.BaseTransport):
    """Retries after status 408, 429 and 5xx (599 included), broken connections, invalid replies.

    The delay between two attempts doubles, up to half a minute. Failed images are given up
    earlier: after fewer attempts, and after `image_patience_s` seconds.

    Refusals by a rate limit are counted apart, up to `limit_attempts` of them and `max_wait_s` in
    total. The wait is the longer one of what the server announces, which the inner transport waits
    for, and of a delay that grows here, because some servers announce one second again and again.

    All requests only read, also POST /nfts/batch, so they may be repeated after any failure. The
    exception are requests with the extension `once`, which create something. They are repeated
    only if no connection was established, and once after a wait that the server announced.

    Raises NetworkError, UnreachableError if there was no connection, or the error of the last
    invalid reply, if every attempt failed, and LimitError if a rate limit lasts, except for images.
    `warn` is called before each retry, except for images and for the first retries, and
    `count_wait` with the delay after a refusal.
    """

    inner: httpx.BaseTransport
    sleep: Sleep = time.sleep
    warn: Warn = lambda text: None
    api_attempts: int = 8
    image_attempts: int = 5
    limit_attempts: int = 15
    image_patience_s: float = 30.0
    max_wait_s: float = 900.0
    count_wait: Callable[[float], None] = lambda seconds: None
    _refused_groups: set[str] = field(default_factory=set)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        start_s, slept_s = time.monotonic(), 0.0
        failures = refusals = 0
        while True:
            try:
                return self._attempt(request)
            except httpx.RequestError as error:
                is_refusal = isinstance(error, _RefusalError)
                refusals += is_refusal
                failures += not is_refusal
                spent_s = max(time.monotonic() - start_s, slept_s)
                if not self._may_repeat(request, error, failures, refusals, spent_s):
                    raise self._final_error(request, error) from None
                delay_s = _delay(failures)
                if is_refusal:
                    delay_s = min(_delay(refusals, LIMIT_GROWTH), self.max_wait_s)
                self._report(request, error, failures, delay_s)
            slept_s += delay_s
            if is_refusal:
                self.count_wait(delay_s)
            self.sleep(delay_s)

    def _attempt(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        status = response.status_code
        if status in RATE_LIMIT_STATUSES or status == 408 or status >= 500:
            is_image, may_have_key = (request.extensions.get(name) for name in ("image", "once"))
            reason = ""
            if not is_image:
                reason = describe_error_body(response.content, may_have_key=bool(may_have_key))
            message = f"{request.url.host} answered with status {status}{reason}"
            if status in RATE_LIMIT_STATUSES:
                is_announced = announces_wait(response.headers)
                raise _RefusalError(message, is_announced=is_announced)
            raise httpx.RequestError(message)
        if not request.extensions.get("image"):
            self._refused_groups.clear()
        return response

    def _may_repeat(
        self,
        request: httpx.Request,
        error: httpx.RequestError,
        failures: int,
        refusals: int,
        spent_s: float,
    ) -> bool:
        is_image, is_once = request.extensions.get("image"), request.extensions.get("once")
        if isinstance(error, _RefusalError):
            if is_once:
                return error.is_announced and refusals == 1
            # After the first one, the inner transport says if the announced wait is too long.
            return refusals == 1 or (refusals < self.limit_attempts and spent_s < self.max_wait_s)
        if is_once and not isinstance(error, httpx.ConnectError):
            return False
        if is_image and spent_s >= self.image_patience_s:
            return False
        return failures < (self.image_attempts if is_image else self.api_attempts)

    def _final_error(self, request: httpx.Request, error: httpx.RequestError) -> Exception:
        if isinstance(error, InvalidReplyError):
            return error.final
        endpoint = f"{request.method} {request.url.path}"
        is_unreachable = isinstance(error, httpx.ConnectError)
        if request.extensions.get("once") and not is_unreachable:
            return NetworkError(str(error), hint=RETRY_HINT)
        if isinstance(error, _RefusalError) and not request.extensions.get("image"):
            # After two groups of endpoints in a row, the limit is taken for that of the whole host.
            self._refused_groups.add(endpoint_group(request.url))
            return LimitError(
                f"a rate limit refused {endpoint} repeatedly: {error}",
                hint=RETRY_HINT,
                is_host_wide=len(self._refused_groups) > 1,
            )
        kind = UnreachableError if is_unreachable else NetworkError
        return kind(f"{endpoint} failed repeatedly: {error}", hint=RETRY_HINT)

    def _report(
        self, request: httpx.Request, error: httpx.RequestError, failures: int, delay_s: float
    ) -> None:
        """Log a failure. Tell the user of later ones, and of long delays."""
        is_shown, text = failures >= 3, f"(attempt {failures + 1} of {self.api_attempts})"
        if isinstance(error, _RefusalError):
            is_shown, text = delay_s >= 10, f"in {delay_s:.0f} s"
        is_image = request.extensions.get("image")
        logger.log(
            logging.DEBUG if is_image else logging.WARNING,
            f"{request.method} {redact_url(str(request.url))} failed: {error}; trying again {text}",
            extra=SHOWN if is_shown else None,
        )
        if is_shown and not is_image:
            self.warn(f"{error}; trying again {text}")


def _delay(number: int, growth: float = FAILURE_GROWTH) -> float:
    """Return the seconds to wait after the first, second, … failure, with some jitter."""
    # The exponent is limited, because the power would overflow after a thousand rate limits.
    grown_s = FIRST_DELAY_S * growth ** min(number - 1, 20)
    jitter_s = random.uniform(0, FIRST_DELAY_S)  # noqa: S311  # no secret
    return min(grown_s, LONGEST_DELAY_S) + jitter_s

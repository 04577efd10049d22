"""A transport that repeats requests which may succeed a moment later."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
import tenacity

from punkdata.errors import NetworkError, PunkError
from punkdata.sources.opensea.rate_limit import RATE_LIMIT_STATUSES, RETRY_HINT, Sleep, Warn


class InvalidReplyError(httpx.RequestError):
    """A complete reply with wrong content; `final` is raised if all attempts end like this."""

    def __init__(self, final: PunkError) -> None:
        super().__init__(final.message)
        self.final = final


@dataclass
class RetryTransport(httpx.BaseTransport):
    """Retries after status 408, 429 and 5xx (599 included), broken connections, invalid replies.

    The delay between two attempts doubles, up to half a minute. Failed images are given up
    earlier: after fewer attempts, and after `image_patience_s` seconds.

    Raises NetworkError, or the error of the last invalid reply, if every attempt failed.
    """

    inner: httpx.BaseTransport
    sleep: Sleep = time.sleep
    warn: Warn = lambda text: None
    """Called before each retry, except for images and for the first retries."""
    api_attempts: int = 8
    image_attempts: int = 5
    image_patience_s: float = 30.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        stop: tenacity.stop.stop_base = tenacity.stop_after_attempt(self.api_attempts)
        if request.extensions.get("image"):
            stop = tenacity.stop_after_attempt(self.image_attempts)
            stop |= tenacity.stop_after_delay(self.image_patience_s)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(httpx.RequestError),
            wait=tenacity.wait_exponential(multiplier=0.25, max=30)
            + tenacity.wait_random(max=0.25),
            stop=stop,
            sleep=self.sleep,
            before_sleep=self._report,
            reraise=True,
        )
        try:
            return retrying(self._attempt, request)
        except InvalidReplyError as error:
            raise error.final from None
        except httpx.RequestError as error:
            raise NetworkError(
                f"{request.method} {request.url.path} failed repeatedly: {error}", hint=RETRY_HINT
            ) from None

    def _attempt(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        status = response.status_code
        if status in RATE_LIMIT_STATUSES or status == 408 or status >= 500:
            raise httpx.RequestError(f"{request.url.host} answered with status {status}")
        return response

    def _report(self, state: tenacity.RetryCallState) -> None:
        request: httpx.Request = state.args[0]
        if state.attempt_number >= 3 and not request.extensions.get("image") and state.outcome:
            self.warn(
                f"{state.outcome.exception()}; "
                f"trying again (attempt {state.attempt_number + 1} of {self.api_attempts})"
            )

    def close(self) -> None:
        self.inner.close()

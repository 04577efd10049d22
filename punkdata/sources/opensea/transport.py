"""Network transport: sends requests to the OpenSea API and to image hosts.

This is the only module that adds the API key to a request. Requests with the extension `image`
go to image hosts: they carry no key, go to allowed hosts only, and their redirects are followed
here, so that each target is checked like the first URL. All other requests go to the API. Only
complete replies are returned. The key is redacted from them, in case the server sent it back.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from punkdata.errors import ImageError, NetworkError, PunkError
from punkdata.images.formats import MAX_BYTES as MAX_IMAGE_BYTES
from punkdata.images.formats import check_complete
from punkdata.sources.opensea.rate_limit import (
    RETRY_HINT,
    InterruptibleSleep,
    OnWait,
    RateLimiter,
)
from punkdata.sources.opensea.retry import InvalidReplyError
from punkdata.sources.opensea.url_rules import ImageUrlRules
from punkdata.sources.recording_format import MAX_BODY_BYTES

MAX_REDIRECTS = 3
"""Number of redirects that are followed for one image."""
DEFAULT_MAX_WAIT_S = 900.0
"""Default of --max-wait, in seconds."""

_STORED_HEADERS = ("content-type", "date", "retry-after", "last-modified", "etag", "location")
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_API_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_IMAGE_TIMEOUT = httpx.Timeout(10.0)
_API_HEADERS = {"accept": "application/json", "accept-encoding": "gzip"}
_IMAGE_HEADERS = {"accept": "image/png", "accept-encoding": "identity"}


@dataclass(frozen=True)
class ReplyDeadlines:
    """Maximum time in seconds until a reply is complete, even if data keeps arriving."""

    api_s: float = 120.0
    image_s: float = 20.0


DEFAULT_DEADLINES = ReplyDeadlines()


class NetworkTransport(httpx.BaseTransport):
    """Sends requests to the API and to image hosts.

    Args:
        http: The client that owns the sockets. This transport closes it.
        base_url: Base URL of the API, as returned by `check_base_url`.
        key: API key, sent to the API only. None for requests that need no key.
        image_hosts: Additional image hosts; see `ImageUrlRules`.
        max_wait_s, on_wait: See `RateLimiter`.
        sleep: Used for all waits. Downloads in progress end when it is stopped.
        deadlines: Maximum time for a complete reply.

    Raises (from `handle_request`):
        ImageError: The URL of an image is not allowed, or the image is too large.
        LimitError: See `RateLimiter.acquire`.
        httpx.RequestError: No valid reply arrived. `RetryTransport` decides whether to retry.
    """

    def __init__(
        self,
        http: httpx.Client,
        base_url: str,
        key: SecretStr | None,
        image_hosts: Iterable[str] = (),
        *,
        max_wait_s: float = DEFAULT_MAX_WAIT_S,
        on_wait: OnWait = lambda host, seconds: None,
        sleep: InterruptibleSleep | None = None,
        deadlines: ReplyDeadlines = DEFAULT_DEADLINES,
    ) -> None:
        self._http = http
        self._base_url = httpx.URL(base_url)
        self._key = key
        self._image_url_rules = ImageUrlRules(self._base_url, image_hosts)
        self._max_wait_s = max_wait_s
        self._on_wait = on_wait
        self._deadlines = deadlines
        self.sleep = sleep or InterruptibleSleep()
        self._limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()
        self.api_requests = 0
        """Number of requests sent to the API."""
        self.image_requests = 0
        """Number of requests sent for images."""
        self.bytes = 0
        """Number of bytes received in bodies, uncompressed."""

    @property
    def waited_s(self) -> float:
        """Total time in seconds that requests have waited for the API's rate limit."""
        return self.api_limiter.waited_s

    def describe_rate_limit(self) -> str:
        """Return a one-line status of the rate limit, or "" before the first reply."""
        limiters = [*self._limiters.values()]  # A copy, because other threads may add one.
        wait_s = max((limiter.waiting_until - time.time() for limiter in limiters), default=0.0)
        if wait_s > 1:
            return f"waiting {wait_s:,.0f} s for the rate limit"
        api = self.api_limiter
        return "" if api.limit is None else f"{api.remaining} of {api.limit} requests left"

    @property
    def api_limiter(self) -> RateLimiter:
        return self._get_limiter(self._base_url, is_api=True)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_api = not request.extensions.get("image")
        url = request.url
        for _ in range(1 + MAX_REDIRECTS):
            try:
                if not is_api:
                    self._image_url_rules.check(url)
                response = self._exchange(request, url, is_api)
                if response.status_code not in _REDIRECT_STATUSES:
                    return _check_reply(request, response)
                if not is_api:
                    url = url.join(response.headers["location"])
                    continue
            # Invalid URLs raise different errors in `httpx.URL` and in the resolver.
            except (httpx.InvalidURL, ValueError, KeyError):
                if not is_api:
                    raise ImageError("has an invalid URL, or is redirected to one") from None
            raise InvalidReplyError(
                NetworkError(
                    f"{url.host} redirects {url.path} to another address, which the API never "
                    "does; check --base-url"
                )
            )
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        self._http.close()

    def _get_limiter(self, url: httpx.URL, is_api: bool) -> RateLimiter:
        # Images on the host of the API do not count toward the rate limit of the API.
        name = url.host if is_api else f"{url.host} (images)"
        with self._lock:
            if name not in self._limiters:
                self._limiters[name] = RateLimiter(
                    name, max_wait_s=self._max_wait_s, sleep=self.sleep, on_wait=self._on_wait
                )
            return self._limiters[name]

    def _exchange(self, request: httpx.Request, url: httpx.URL, is_api: bool) -> httpx.Response:
        """Send one request and read its complete body, limited in size and time."""
        headers = _API_HEADERS if is_api else _IMAGE_HEADERS
        if is_api and self._key is not None:
            headers = headers | {"x-api-key": self._key.get_secret_value()}
        if request.content:
            headers = headers | {"content-type": "application/json"}
        limiter = self._get_limiter(url, is_api)
        limiter.acquire()
        with self._lock:
            self.api_requests += is_api
            self.image_requests += not is_api
        try:
            with self._http.stream(
                request.method,
                url,
                headers=headers,
                content=request.content or None,
                timeout=_API_TIMEOUT if is_api else _IMAGE_TIMEOUT,
            ) as reply:
                limiter.update(reply.status_code, reply.headers)
                body = self._read_body(reply, is_api)
        except InvalidReplyError:
            raise
        except httpx.RequestError as error:
            # The library's message may quote what the server sent, and so contain the key.
            raise httpx.TransportError(_describe_error(error)) from None
        with self._lock:
            self.bytes += len(body)
        stored_headers = {
            name: self._redact_key(value.encode()).decode()
            for name, value in reply.headers.items()
            if (name in _STORED_HEADERS or name.startswith("x-ratelimit-")) and value.isascii()
        }
        return httpx.Response(
            reply.status_code,
            headers=stored_headers,
            content=self._redact_key(body),
            extensions={"waits_for_rate_limit": limiter.is_blocked},
        )

    def _read_body(self, reply: httpx.Response, is_api: bool) -> bytes:
        """Return the decompressed body.

        It is decompressed here and not by httpx, which does not limit the decompressed size.
        """
        max_bytes = MAX_BODY_BYTES if is_api else MAX_IMAGE_BYTES
        deadline_s = self._deadlines.api_s if is_api else self._deadlines.image_s
        end_s = time.monotonic() + deadline_s
        received = bytearray()
        for chunk in reply.iter_raw():
            received += chunk
            if len(received) > max_bytes:
                break
            if time.monotonic() > end_s or self.sleep.is_stopped:
                raise httpx.ReadTimeout("")
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        body = bytes(received)
        if encoding != "identity" and len(body) <= max_bytes:
            body = _decompress(body, encoding, max_bytes)
        if len(body) > max_bytes:
            too_large = f"has more than {max_bytes:,} bytes"
            if not is_api:
                raise ImageError(too_large)
            raise InvalidReplyError(NetworkError(f"a reply from {reply.url.host} {too_large}"))
        return body

    def _redact_key(self, text: bytes) -> bytes:
        secret = self._key.get_secret_value().encode() if self._key else b""
        return text.replace(secret, b"***") if secret else text


def _check_reply(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """Return the response. The body of a successful response is checked first.

    Raises:
        InvalidReplyError: The body is incomplete, or is not what the endpoint should send. It is
            retried like a broken connection.
    """
    if response.is_success:
        check = request.extensions.get("check", check_complete)
        try:
            check(response.content)
        except ImageError as error:
            message = f"{request.url.host} sent a reply that {error.message}"
            raise InvalidReplyError(NetworkError(message, hint=RETRY_HINT)) from None
        except PunkError as error:
            final = type(error)(error.message, hint=error.hint or RETRY_HINT)
            raise InvalidReplyError(final) from None
    return response


def _decompress(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the content of a gzip or zlib stream, cut off after `max_bytes` + 1 bytes."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise httpx.DecodingError("")
    decompressor = zlib.decompressobj(wbits=47)  # Detects gzip and zlib by their headers.
    try:
        body = decompressor.decompress(data, max_bytes + 1)
    except zlib.error:
        raise httpx.DecodingError("") from None
    if len(body) <= max_bytes and not decompressor.eof:
        raise httpx.ReadError("")
    return body


def _describe_error(error: httpx.RequestError) -> str:
    """Return a description of an httpx error that cannot contain the API key."""
    match error:
        case httpx.ConnectError():  # Nothing has been sent or received yet, so it is safe to quote.
            return " ".join(str(error).split()) or "no connection"
        case httpx.ConnectTimeout():
            return "the connection timed out"
        case httpx.TimeoutException():
            return "the reply took too long"
        case httpx.DecodingError():
            return "the reply cannot be decompressed"
        case httpx.ProtocolError():
            return "the reply is not valid HTTP"
        case _:
            return "the connection was interrupted"

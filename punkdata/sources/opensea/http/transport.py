"""A transport that sends requests to the OpenSea API and to image hosts.

This is the only module that adds the API key to a request. Requests with the extension `image`
go to image hosts: they carry no key, go to allowed hosts only, and their redirects are followed
here, so that each target is checked like the first URL. All other requests go to the API. Only
complete replies are returned. The key is redacted from them, in case the server sent it back.
"""

import logging
import threading
import time
import zlib
from collections.abc import Iterable

import httpx
from pydantic import SecretStr

from punkdata.errors import DataError, ImageError, NetworkError, PunkError, ReplyError
from punkdata.images.formats import MAX_BYTES as MAX_IMAGE_BYTES
from punkdata.images.formats import check_complete
from punkdata.safe_text import redact_url
from punkdata.sources.http_client import make_http_client, run_exchange
from punkdata.sources.opensea.http.error_replies import to_one_line
from punkdata.sources.opensea.http.rate_limit import (
    RETRY_HINT,
    InterruptibleSleep,
    RateLimiter,
    Warn,
)
from punkdata.sources.opensea.http.redaction import make_redactor
from punkdata.sources.opensea.http.url_rules import check_image_host, check_image_url
from punkdata.sources.recording_format import MAX_BODY_BYTES
from punkdata.sources.recording_transport import CONDITIONS, RECORDED_HEADERS

MAX_REDIRECTS = 3
logger = logging.getLogger(__name__)

_API_HEADERS = {"accept": "application/json", "accept-encoding": "gzip"}
_IMAGE_HEADERS = {"accept": "image/png", "accept-encoding": "identity"}


class InvalidReplyError(httpx.RequestError):
    """A complete reply with wrong content; `final` is raised if all attempts end like this."""

    def __init__(self, final: PunkError) -> None:
        super().__init__(final.message)
        self.final = final


class NetworkTransport(httpx.BaseTransport):
    """Sends requests to the API at `base_url` and to image hosts.

    A request may carry the extension `parse`, a function that validates a successful body. Its
    result becomes the extension `parsed` of the response, so that no body is parsed twice.

    A key of None is for requests that need no key. `image_hosts` are allowed in addition to
    `url_rules.IMAGE_HOSTS`. `max_wait_s` is the longest wait for a rate limit, and `deadline_s` the
    time from connecting until a reply must be complete, even if data keeps arriving.

    When `sleep` is stopped, all requests in progress end with StoppedError, see `run_exchange`.

    Raises ImageError if an image is too large or its URL is not allowed, LimitError as
    `RateLimiter` does, and httpx.RequestError, which `RetryTransport` handles, if no valid reply
    arrived.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None,
        image_hosts: Iterable[str] = (),
        *,
        max_wait_s: float = 900.0,
        warn: Warn = lambda text: None,
        sleep: InterruptibleSleep | None = None,
        deadline_s: float = 60.0,
        http: httpx.Client | None = None,
    ) -> None:
        self._base_url = httpx.URL(base_url)
        self._key = "" if key is None else key.get_secret_value()
        self._redact = make_redactor(self._key)
        self._image_hosts = [check_image_host(host) for host in image_hosts]
        self.max_wait_s = max_wait_s
        self.warn = warn
        self.sleep: InterruptibleSleep = sleep or InterruptibleSleep()
        self._deadline_s = deadline_s
        self._http = http or make_http_client()
        self._limiters: dict[tuple[str, bool], RateLimiter] = {}
        self._lock = threading.Lock()
        self._counted_wait_s = 0.0
        self.accepts_key = False
        """Whether a request to the API with the key has succeeded."""
        self.api_requests: int = 0
        self.image_requests: int = 0

    @property
    def waited_s(self) -> float:
        """Total time in seconds that requests have waited for the API's rate limit."""
        return self._get_limiter(self._base_url.host).waited_s + self._counted_wait_s

    def count_wait(self, seconds: float) -> None:
        """Count time that a request has waited for a rate limit outside of this transport."""
        with self._lock:
            self._counted_wait_s += seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_image = bool(request.extensions.get("image"))
        try:
            exchange = self._follow_redirects if is_image else self._exchange
            response = exchange(request, request.url)
        except PunkError:
            raise
        # Invalid URLs raise different errors in `httpx.URL` and in the resolver.
        except (httpx.InvalidURL, ValueError):
            if is_image:
                raise ImageError("has an invalid URL, or is redirected to one") from None
            raise httpx.ProtocolError(f"{request.url.host} sent an invalid redirect") from None
        if response.is_success:
            _check_body(request, response)
            self.accepts_key |= not is_image
        return response

    def close(self) -> None:
        self._http.close()

    def _follow_redirects(self, request: httpx.Request, url: httpx.URL) -> httpx.Response:
        for _ in range(1 + MAX_REDIRECTS):
            check_image_url(url, self._base_url, self._image_hosts)
            response = self._exchange(request, url)
            if not response.has_redirect_location:
                return response
            url = url.join(response.headers["location"])
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    def _get_limiter(self, host: str, *, is_image: bool = False) -> RateLimiter:
        """Return the limiter of a host's API or of its images, which have nothing in common."""
        limiter = RateLimiter(host, self.max_wait_s, self.sleep, self.warn)
        return self._limiters.setdefault((host, is_image), limiter)

    def _exchange(self, request: httpx.Request, url: httpx.URL) -> httpx.Response:
        """Send one request and read its complete body, limited in size and time."""
        is_image = bool(request.extensions.get("image"))
        headers = dict(_IMAGE_HEADERS if is_image else _API_HEADERS)
        if self._key and not is_image:
            headers["x-api-key"] = self._key
        if is_image:
            headers |= {n: request.headers[n] for n in CONDITIONS.values() if n in request.headers}
        if request.content:
            headers["content-type"] = "application/json"
        limiter = self._get_limiter(url.host, is_image=is_image)
        group = endpoint_group(url)
        limiter.acquire(group)
        with self._lock:
            self.api_requests += not is_image
            self.image_requests += is_image
        start_s = time.monotonic()
        end_s = start_s + self._deadline_s

        def exchange() -> tuple[httpx.Response, bytes]:
            content = request.content or None
            with self._http.stream(request.method, url, headers=headers, content=content) as reply:
                limiter.update(reply.status_code, reply.headers, group)
                return reply, self._read_body(reply, end_s, is_image=is_image)

        try:
            reply, body = run_exchange(exchange, self.sleep, self._deadline_s)
        except httpx.RequestError as error:
            self._log(request.method, url, type(error).__name__, start_s)
            raise _to_plain_error(error, url.host) from None
        self._log(request.method, url, f"status {reply.status_code}, {len(body):,} bytes", start_s)
        kept_headers = {
            name: self._redact(reply.headers[name].encode()).decode()
            for name in (*RECORDED_HEADERS, "location")
            if name in reply.headers and reply.headers[name].isascii()
        }
        if not is_image:  # No key was sent, and a changed image would be damaged.
            body = self._redact(body)
        return httpx.Response(reply.status_code, headers=kept_headers, content=body)

    def _read_body(self, reply: httpx.Response, end_s: float, *, is_image: bool) -> bytes:
        """Return the body, decompressed here because httpx does not limit the decompressed size."""
        max_bytes = MAX_IMAGE_BYTES if is_image else MAX_BODY_BYTES
        received = bytearray()
        for chunk in reply.iter_raw():
            received += chunk
            if len(received) > max_bytes:
                break
            if time.monotonic() > end_s or self.sleep.is_set():  # Nobody waits for it any more.
                raise httpx.ReadTimeout("")
        body = bytes(received)
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity" and len(body) <= max_bytes:
            if encoding not in ("gzip", "deflate"):
                raise httpx.DecodingError("")
            try:
                # The window size 47 detects gzip and zlib by their headers.
                body = zlib.decompressobj(wbits=47).decompress(body, max_bytes + 1)
            except zlib.error:
                raise httpx.DecodingError("") from None
        if len(body) > max_bytes:
            if is_image:
                raise ImageError(f"has more than {max_bytes:,} bytes")
            raise ReplyError(f"{reply.url.host} sent a reply of more than {max_bytes:,} bytes")
        return body

    def _log(self, method: str, url: httpx.URL, result: str, start_s: float) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            text = f"{method} {redact_url(str(url))}: {result}, {time.monotonic() - start_s:.2f} s"
            logger.debug(self._redact(text.encode()).decode())


def _to_plain_error(error: httpx.RequestError, host: str) -> httpx.TransportError:
    """Return an error in plain words: a ConnectError if nothing can have been sent."""
    # Once connected, the library may quote what the server sent, and so the key.
    match error:
        case httpx.ConnectError():
            return httpx.ConnectError(f"{host}: {to_one_line(str(error), 200)}")
        case httpx.ConnectTimeout():
            return httpx.ConnectError(f"{host} could not be reached in time")
        case httpx.ProxyError():
            return httpx.ConnectError(f"the proxy did not connect to {host}")
        case httpx.TimeoutException():
            return httpx.TransportError(f"{host} did not send a complete reply in time")
        case httpx.DecodingError():
            return httpx.TransportError(f"{host} sent a reply that cannot be decompressed")
    return httpx.TransportError(f"{host} closed the connection or sent an invalid HTTP reply")


def _check_body(request: httpx.Request, response: httpx.Response) -> None:
    """Check and parse the body of a successful response; raise InvalidReplyError if it is wrong."""
    try:
        if request.extensions.get("image"):
            check_complete(response.content)
        elif parse := request.extensions.get("parse"):
            response.extensions["parsed"] = parse(response.content)
    except ImageError as error:
        message = f"{request.url.host} sent a reply that {error.message}"
        raise InvalidReplyError(NetworkError(message, hint=RETRY_HINT)) from None
    except (DataError, NetworkError) as error:
        raise InvalidReplyError(error) from None


def endpoint_group(url: httpx.URL) -> str:
    """Return the group of endpoints with a rate limit of its own, "" for an image."""
    return url.path.partition("/api/v2/")[2].partition("/")[0]

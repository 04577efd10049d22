"""The last layer before the sockets: the one place that knows the key and the hosts.

Requests go to the API, with the key, unless they are marked as for an image (extension
`image`). Those carry no key, go only to allowed hosts, and their redirects are followed
here, each checked like the first address. A reply is handed up only when it is whole, and
never with the key in it, even if the server sent it back.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from punkdata._version import __version__
from punkdata.errors import ImageError, NetworkError, PunkError, SetupError, UsageError
from punkdata.images.formats import MAX_BYTES as MAX_IMAGE_BYTES
from punkdata.images.formats import check_whole
from punkdata.sources.opensea.retry import GO_ON, BrokenReplyError, Limiter, Pause
from punkdata.sources.recorded_reply import MAX_BODY_BYTES

IMAGE_HOSTS = ("*.seadn.io", "openseauserdata.com", "lh3.googleusercontent.com")
MAX_REDIRECTS = 3
API_WITHIN_S = 120.0
IMAGE_WITHIN_S = 20.0
"""so long may the whole of a reply take"""
CONNECTIONS = 16
DEFAULT_MAX_WAIT_S = 900.0

_KEPT_HEADERS = ("content-type", "date", "retry-after", "last-modified", "etag", "location")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HTTP_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
_API_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_IMAGE_TIMEOUT = httpx.Timeout(10.0)
_API_HEADERS = {"accept": "application/json", "accept-encoding": "gzip"}
_IMAGE_HEADERS = {"accept": "image/png", "accept-encoding": "identity"}


def check_base_url(base_url: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        UsageError: it is not an https URL; plain http is for this machine only, because the
            key would travel in the clear.
    """
    try:
        url = httpx.URL(base_url.rstrip("/"))
        _ = urlsplit(base_url).port  # notices what httpx lets pass, as "https://[x"
        _check_name(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"the base URL is not a URL ({error})") from None
    if url.userinfo or url.query or url.fragment:
        raise UsageError("a base URL has no user, query or fragment")
    if not url.host or url.scheme not in ("http", "https"):
        raise UsageError(f"the base URL {base_url!r} is not a web address")
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(f"the base URL {base_url} would send the key in the clear; use https")
    return str(url).rstrip("/")


def check_image_host(host: str) -> str:
    """A host name, or "*." and a name, either with ":port", in lower case.

    Raises:
        UsageError: it is neither.
    """
    if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?", host.lower()):
        raise UsageError(
            f"{host!r} is not the name of an image host; write images.example.com or *.example.com"
        )
    return host.lower()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_http() -> httpx.Client:
    """The HTTP client for `NetworkTransport`; it honors the usual proxy variables.

    Raises:
        SetupError: they, or those of certificates, are not as they should be.
    """
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"user-agent": f"punkdata/{__version__} (data set builder)"}
    try:
        return httpx.Client(limits=limits, headers=headers, follow_redirects=False)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        # Not its words: the address of a proxy may hold a password.
        chosen = [name for name in _HTTP_VARIABLES if os.environ.get(name)]
        chosen += [name.lower() for name in _HTTP_VARIABLES if os.environ.get(name.lower())]
        raise SetupError(
            f"no connection is possible with what {', '.join(chosen)} say ({type(error).__name__})",
            hint="for a SOCKS proxy: pip install socksio; else mend or unset them",
        ) from None


class NetworkTransport(httpx.BaseTransport):
    """Sends requests to the API and to image hosts.

    Args:
        http: the client that owns the sockets; this transport closes it.
        base_url: of the API, as `check_base_url` returns it.
        key: sent to the API only; None for what needs none.
        image_hosts: allowed beside `IMAGE_HOSTS` and the base URL's own; "*.name" allows
            all hosts below a name.
        max_wait_s, on_wait: see `Limiter`.

    Raises (from `handle_request`):
        ImageError: an image address that is not allowed.
        LimitError: see `Limiter.acquire`.
        httpx.RequestError: the exchange failed; `retry` decides what follows.
    """

    def __init__(
        self,
        http: httpx.Client,
        base_url: str,
        key: SecretStr | None,
        image_hosts: Iterable[str] = (),
        *,
        max_wait_s: float = DEFAULT_MAX_WAIT_S,
        on_wait: Callable[[str, float], None] = lambda host, seconds: None,
    ) -> None:
        self._http = http
        self._base = httpx.URL(base_url)
        self._key = key
        self._hosts = (*IMAGE_HOSTS, *map(check_image_host, image_hosts))
        self._max_wait_s = max_wait_s
        self._on_wait = on_wait
        self.pause = Pause()
        self._limiters: dict[str, Limiter] = {}
        self._lock = threading.Lock()
        self.api_requests = 0
        self.image_requests = 0
        self.bytes = 0

    @property
    def waited_s(self) -> float:
        """How long requests have waited for the API's limit, in all."""
        return self.api_limiter.waited_s

    def describe_limit(self) -> str:
        """How the budget stands, in a few words; empty while nothing is known."""
        waits_s = max((x.waits_until - time.time() for x in [*self._limiters.values()]), default=0)
        if waits_s > 1:
            return f"waiting {waits_s:,.0f} s for the rate limit"
        api = self.api_limiter
        return "" if api.limit is None else f"{api.remaining} of {api.limit} requests left"

    @property
    def api_limiter(self) -> Limiter:
        return self._limiter(self._base, is_api=True)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_api = not request.extensions.get("image")
        url = request.url
        for _ in range(1 + MAX_REDIRECTS):
            try:
                if not is_api:
                    self._check_image_url(url)
                response = self._exchange(request, url, is_api)
                if response.status_code not in _REDIRECTS:
                    return self._checked(request, response)
                if not is_api:
                    url = url.join(response.headers["location"])
                    continue
            # A host name that is none fails in several ways, here or in the libraries below.
            except (httpx.InvalidURL, ValueError, KeyError):
                if not is_api:
                    raise ImageError("leads to an address that is none") from None
            elsewhere = f"{url.host} sends {url.path} to another address; is it the API?"
            raise BrokenReplyError(NetworkError(elsewhere))
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        self._http.close()

    def _check_image_url(self, url: httpx.URL) -> None:
        _check_name(url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ImageError(f"has an address that is not a plain web one ({_short(url)})")
        if _origin(url) == _origin(self._base):
            return
        if url.scheme == "http" and not is_loopback(self._base.host):
            raise ImageError(f"would come over unencrypted http ({_short(url)})")
        name = url.netloc.decode("ascii")  # with the port, unless it is the usual one
        if not any(_matches(name, host) for host in self._hosts):
            hint = f"--image-host {name} would allow it"
            raise ImageError(f"lies on a host that is not allowed ({_short(url)}; {hint})")

    def _limiter(self, url: httpx.URL, is_api: bool) -> Limiter:
        # The API's limit is not that of images on the same machine.
        name = url.host if is_api else f"{url.host} (images)"
        with self._lock:
            if name not in self._limiters:
                self._limiters[name] = Limiter(
                    name, max_wait_s=self._max_wait_s, sleep=self.pause, on_wait=self._on_wait
                )
            return self._limiters[name]

    def _exchange(self, request: httpx.Request, url: httpx.URL, is_api: bool) -> httpx.Response:
        """One request and its whole body, bounded in size and time."""
        headers = _API_HEADERS if is_api else _IMAGE_HEADERS
        if is_api and self._key is not None:
            headers = headers | {"x-api-key": self._key.get_secret_value()}
        if request.content:
            headers = headers | {"content-type": "application/json"}
        limiter = self._limiter(url, is_api)
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
                body = self._read(reply, is_api)
        except BrokenReplyError:
            raise
        except httpx.RequestError as error:
            # In the libraries' own words there may be what the server sent, and so the key.
            raise httpx.TransportError(_in_our_words(error)) from None
        with self._lock:
            self.bytes += len(body)
        kept = {
            name: self._without_key(value.encode()).decode()
            for name, value in reply.headers.items()
            if (name in _KEPT_HEADERS or name.startswith("x-ratelimit-")) and value.isascii()
        }
        return httpx.Response(
            reply.status_code,
            headers=kept,
            content=self._without_key(body),
            extensions={"limiter_waits": limiter.blocked},
        )

    def _read(self, reply: httpx.Response, is_api: bool) -> bytes:
        """The unpacked body.

        Unpacked here, not by httpx, which would hold all that a few packed bytes swell to.
        """
        most = MAX_BODY_BYTES if is_api else MAX_IMAGE_BYTES
        until = time.monotonic() + (API_WITHIN_S if is_api else IMAGE_WITHIN_S)
        packed = bytearray()
        for chunk in reply.iter_raw():
            packed += chunk
            if len(packed) > most:
                break
            if time.monotonic() > until or self.pause.stopped:
                raise httpx.ReadTimeout("")
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        body = bytes(packed)
        if encoding != "identity" and len(body) <= most:
            body = _unpack(body, encoding, most)
        if len(body) > most:
            too_much = f"has more than {most:,} bytes"
            if not is_api:
                raise ImageError(too_much)
            raise BrokenReplyError(NetworkError(f"a reply of {reply.url.host} {too_much}"))
        return body

    def _without_key(self, text: bytes) -> bytes:
        secret = self._key.get_secret_value().encode() if self._key else b""
        return text.replace(secret, b"***") if secret else text

    def _checked(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """Only whole replies of the right kind pass; others are like a broken connection."""
        if response.is_success:
            try:
                check = request.extensions.get("check", check_whole)
                check(response.content)
            except PunkError as error:
                if isinstance(error, ImageError):
                    what = f"came from {request.url.host} as a reply that {error.message}"
                    raise BrokenReplyError(NetworkError(what, hint=GO_ON)) from None
                final = type(error)(error.message, hint=error.hint or GO_ON)
                raise BrokenReplyError(final) from None
        return response


def _unpack(packed: bytes, encoding: str, most: int) -> bytes:
    """The content of a gzip or zlib stream, of which no more than `most` + 1 bytes are made."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise httpx.DecodingError("")
    unpacker = zlib.decompressobj(wbits=47)  # tells gzip and zlib by their heads
    try:
        body = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise httpx.DecodingError("") from None
    if len(body) <= most and not unpacker.eof:
        raise httpx.ReadError("")
    return body


def _in_our_words(error: httpx.RequestError) -> str:
    match error:
        case httpx.ConnectError():  # nothing has been sent or received yet
            return " ".join(str(error).split()) or "no connection"
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "the reply took too long"
        case httpx.DecodingError():
            return "the reply cannot be unpacked"
        case httpx.ProtocolError():
            return "the reply is no whole HTTP"
        case _:
            return "the connection broke"


def _check_name(url: httpx.URL) -> None:
    """Notice names that httpx lets pass and the resolver stumbles over.

    Raises:
        ValueError: the host has an empty or too long part, or characters that none may have.
    """
    url.host.encode("idna")
    if not re.fullmatch(rb"[A-Za-z0-9._:-]*", url.raw_host):
        raise ValueError("its host has characters that no name has")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _matches(host: str, allowed: str) -> bool:
    """Whether `host` is `allowed`, or lies below it when that begins with "*."."""
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _short(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"[:80]

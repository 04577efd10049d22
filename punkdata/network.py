"""The last layer before the sockets: the one place that knows the key and the hosts.

Requests go to the API, with the key, unless they are marked as for an image (extension
`image`). Those carry no key, go only to allowed hosts, and their redirects are followed
here, each checked like the first address. A reply is handed up only when it is whole, and
never with the key in it, even if the server sent it back.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import punkdata
from punkdata.errors import ImageError, NetworkError, PunkError, UsageError
from punkdata.images import MAX_BYTES as MAX_IMAGE_BYTES
from punkdata.images import check_whole
from punkdata.retry import GO_ON, BrokenReplyError, Limiter, Pause

IMAGE_HOSTS = ("*.seadn.io", "openseauserdata.com", "lh3.googleusercontent.com")
MAX_API_BYTES = 64_000_000
MAX_REDIRECTS = 3
REPLY_WITHIN_S = 120.0
CONNECTIONS = 16
DEFAULT_MAX_WAIT_S = 900.0

_KEPT_HEADERS = ("content-type", "date", "retry-after", "last-modified", "etag")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


def check_base_url(base_url: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        UsageError: it is not an https URL; plain http is for this machine only, because the
            key would travel in the clear.
    """
    try:
        url = httpx.URL(base_url.rstrip("/"))
        _ = urlsplit(base_url).port  # notices what httpx lets pass, as "https://[x"
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"the base URL is not a URL ({error})") from None
    if url.userinfo or url.query or url.fragment:
        raise UsageError("a base URL has no user, query or fragment")
    if not url.host or url.scheme not in ("http", "https"):
        raise UsageError(f"the base URL {base_url!r} is not a web address")
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(f"the base URL {base_url} would send the key in the clear; use https")
    return str(url).rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_http() -> httpx.Client:
    """The HTTP client for `NetworkTransport`; it honours the usual proxy variables."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"user-agent": f"punkdata/{punkdata.__version__} (data set builder)"}
    return httpx.Client(timeout=_TIMEOUT, limits=limits, headers=headers, follow_redirects=False)


class NetworkTransport(httpx.BaseTransport):
    """Sends requests to the API and to image hosts.

    Args:
        http: the client that owns the sockets; this transport closes it.
        base_url: of the API, as `check_base_url` returns it.
        key: sent to the API only; None for what needs none.
        image_hosts: allowed beside `IMAGE_HOSTS` and the base URL's own; "*.name" allows
            all hosts below a name.
        max_wait_s: see `Limiter`.

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
    ) -> None:
        self._http = http
        self._base = httpx.URL(base_url)
        self._key = key
        self._hosts = (*IMAGE_HOSTS, *image_hosts)
        self._max_wait_s = max_wait_s
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
        url, headers = request.url, {"accept": "application/json" if is_api else "image/png"}
        for _ in range(1 + MAX_REDIRECTS):
            if is_api:
                if self._key is not None:
                    headers["x-api-key"] = self._key.get_secret_value()
                if request.content:
                    headers["content-type"] = "application/json"
            else:
                self._check_image_url(url)
            try:
                response = self._exchange(request.method, url, headers, request.content, is_api)
            except httpx.InvalidURL:  # httpx reads every Location, followed or not
                raise _no_address(url, is_api) from None
            if response.status_code not in _REDIRECTS:
                return self._checked(request, response)
            if is_api or "location" not in response.headers:
                raise _no_address(url, is_api)
            try:
                url = url.join(response.headers["location"])
            except httpx.InvalidURL:
                raise _no_address(url, is_api) from None
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        self._http.close()

    def _check_image_url(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ImageError(f"has an address that is not a plain web one ({_short(url)})")
        if _origin(url) == _origin(self._base):
            return
        if url.scheme == "http" and not is_loopback(self._base.host):
            raise ImageError(f"would come over unencrypted http ({_short(url)})")
        if url.port is not None or not any(_matches(url.host, host) for host in self._hosts):
            raise ImageError(
                f"lies on a host that is not allowed ({_short(url)})",
                try_next=f"if you trust it: --image-host {url.host}",
            )

    def _limiter(self, url: httpx.URL, is_api: bool) -> Limiter:
        # The API's limit is not that of images on the same machine.
        name = url.host if is_api else f"{url.host} (images)"
        with self._lock:
            if name not in self._limiters:
                self._limiters[name] = Limiter(name, max_wait_s=self._max_wait_s, sleep=self.pause)
            return self._limiters[name]

    def _exchange(
        self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes, is_api: bool
    ) -> httpx.Response:
        """One request and its whole body, bounded in size and time."""
        limiter = self._limiter(url, is_api)
        limiter.acquire()
        with self._lock:
            self.api_requests += is_api
            self.image_requests += not is_api
        most = MAX_API_BYTES if is_api else MAX_IMAGE_BYTES
        until = time.monotonic() + REPLY_WITHIN_S
        body = bytearray()
        with self._http.stream(method, url, headers=headers, content=content or None) as reply:
            limiter.update(reply.status_code, reply.headers)
            for chunk in reply.iter_bytes(65536):
                body += chunk
                if len(body) > most:
                    too_much = f"has more than {most:,} bytes"
                    if not is_api:
                        raise ImageError(too_much)
                    raise BrokenReplyError(NetworkError(f"a reply of {url.host} {too_much}"))
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"the reply took longer than {REPLY_WITHIN_S:.0f} s")
        with self._lock:
            self.bytes += len(body)
        kept = {
            name: self._without_key(value.encode()).decode("latin-1")
            for name, value in reply.headers.items()
            if name in _KEPT_HEADERS or name.startswith("x-ratelimit-") or name == "location"
        }
        extensions = {"limiter_waits": limiter.blocked}
        return httpx.Response(
            reply.status_code,
            headers=kept,
            content=self._without_key(bytes(body)),
            extensions=extensions,
        )

    def _without_key(self, text: bytes) -> bytes:
        secret = self._key.get_secret_value().encode() if self._key else b""
        return text.replace(secret, b"[the key]") if secret else text

    def _checked(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """Only whole replies of the right kind pass; others are like a broken connection."""
        if response.is_success:
            try:
                check = request.extensions.get("check", check_whole)
                check(response.content)
            except PunkError as error:
                if isinstance(error, ImageError):
                    raise BrokenReplyError(error) from None
                final = type(error)(error.message, try_next=error.try_next or GO_ON)
                raise BrokenReplyError(final) from None
        return response


def _no_address(url: httpx.URL, is_api: bool) -> Exception:
    if is_api:
        error = NetworkError(f"{url.host} redirects {url.path} elsewhere; is it the API?")
        return BrokenReplyError(error)
    return ImageError("is redirected to something that is no address")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _matches(host: str, allowed: str) -> bool:
    """Whether `host` is `allowed`, or lies below it when that begins with "*."."""
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _short(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.host}"[:80]

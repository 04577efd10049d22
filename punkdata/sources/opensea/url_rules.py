"""URL rules: which API base URLs and which image hosts may be contacted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from punkdata.errors import ImageError, UsageError

IMAGE_HOSTS = ("*.seadn.io", "openseauserdata.com", "lh3.googleusercontent.com")
"""Hosts from which OpenSea serves images. "*.name" means all subdomains of a name."""


def check_base_url(base_url: str) -> str:
    """Return the base URL without a trailing slash.

    Raises:
        UsageError: It is not an https URL. Plain http would send the API key unencrypted, so it
            is allowed for loopback addresses only.
    """
    try:
        url = httpx.URL(base_url.rstrip("/"))
        _ = urlsplit(base_url).port  # Raises for URLs that httpx accepts, such as "https://[x".
        _check_host_name(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"--base-url {base_url!r} is not a valid URL ({error})") from None
    if url.userinfo or url.query or url.fragment:
        raise UsageError("--base-url must not contain a user, a query or a fragment")
    if not url.host or url.scheme not in ("http", "https"):
        raise UsageError(
            f"--base-url {base_url!r} is not a web address; it must begin with https://"
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"--base-url {base_url} would send the API key unencrypted; use https instead"
        )
    return str(url).rstrip("/")


def check_image_host(host: str) -> str:
    """Return the value of --image-host in lower case.

    Raises:
        UsageError: It is not a host name, optionally with "*." before it and ":port" after it.
    """
    if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?", host.lower()):
        raise UsageError(
            f"--image-host {host!r} is not a host name; write images.example.com or *.example.com"
        )
    return host.lower()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ImageUrlRules:
    """The image URLs that may be requested: on `IMAGE_HOSTS`, on `hosts`, and on the API's host.

    Plain http is allowed only if the API itself runs on a loopback address.
    """

    def __init__(self, base_url: httpx.URL, hosts: Iterable[str] = ()) -> None:
        self._base_url = base_url
        self._hosts = (*IMAGE_HOSTS, *map(check_image_host, hosts))

    def check(self, url: httpx.URL) -> None:
        """Check one URL before it is requested.

        Raises:
            ImageError: The URL is not allowed. The subject of the message is "the image".
            ValueError: The host name is invalid.
        """
        _check_host_name(url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ImageError(f"has a URL that is not a plain web address ({_shorten(url)})")
        if _origin(url) == _origin(self._base_url):
            return
        if url.scheme == "http" and not is_loopback(self._base_url.host):
            raise ImageError(f"would be downloaded over unencrypted http ({_shorten(url)})")
        name = url.netloc.decode("ascii")  # Includes the port, unless it is the default one.
        if not any(_matches(name, host) for host in self._hosts):
            raise ImageError(
                f"is on a host that is not allowed ({_shorten(url)}); add --image-host {name} "
                "to allow it"
            )


def _check_host_name(url: httpx.URL) -> None:
    """Raise ValueError for host names that httpx accepts and that the resolver would crash on."""
    url.host.encode("idna")  # Raises for empty parts and for parts that are too long.
    if not re.fullmatch(rb"[A-Za-z0-9._:-]*", url.raw_host):
        raise ValueError("the host name contains invalid characters")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _matches(host: str, pattern: str) -> bool:
    """Return True if `host` equals `pattern`, or matches a pattern of the form "*.name"."""
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _shorten(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"[:80]

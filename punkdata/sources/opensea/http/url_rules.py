"""Rules for URLs: which base URLs of the API, and which image hosts, may be contacted."""

import ipaddress
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

import httpx

from punkdata.errors import ImageError, UsageError

IMAGE_HOSTS = ("*.seadn.io", "openseauserdata.com", "lh3.googleusercontent.com")
"""Hosts from which OpenSea serves images. "*.name" means all subdomains of a name."""


def check_base_url(base_url: str) -> str:
    """Return the base URL without a trailing slash; raise UsageError if it is not allowed.

    Plain http would send the API key unencrypted, so it is allowed on this machine only.
    """
    try:
        url = httpx.URL(base_url.rstrip("/"))
        _check_host_name(url)
        _ = url.netloc  # Raises for a port that is not a number.
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    is_allowed = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    if not is_allowed or not url.host or url.userinfo or url.query or url.fragment:
        raise UsageError(
            "--base-url must be an https:// URL without user, query and fragment; "
            "http:// is allowed for this machine only"
        )
    return str(url)


def check_image_host(host: str) -> str:
    """Return the value of --image-host in lower case; raise UsageError if it is not a host name."""
    if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?", host.lower()):
        raise UsageError(
            f"--image-host {host!r} is not a host name; write images.example.com or *.example.com"
        )
    return host.lower()


def check_image_url(url: httpx.URL, base_url: httpx.URL, extra_hosts: Iterable[str] = ()) -> None:
    """Raise ImageError, or ValueError, if an image may not be requested from this URL.

    Images may be on `IMAGE_HOSTS`, on `extra_hosts`, and on the API's own host. Plain http is
    allowed only if the API itself runs on this machine.
    """
    _check_host_name(url)
    name = url.netloc.decode("ascii")  # Includes the port, unless it is the default one.
    shown = f"{url.scheme}://{name}"[:80]
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ImageError(f"has a URL that is not a plain web address ({shown})")
    if (url.scheme, url.netloc) == (base_url.scheme, base_url.netloc):
        return
    if url.scheme == "http" and not _is_loopback(base_url.host):
        raise ImageError(f"would be downloaded over unencrypted http ({shown})")
    if not any(fnmatchcase(name, host) for host in (*IMAGE_HOSTS, *extra_hosts)):
        raise ImageError(
            f"is on a host that is not allowed ({shown}); add --image-host {name} to allow it"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_host_name(url: httpx.URL) -> None:
    """Raise ValueError for host names that httpx accepts and that the resolver would crash on."""
    url.host.encode("idna")  # Raises for empty parts and for parts that are too long.
    if not re.fullmatch(rb"[A-Za-z0-9._:-]*", url.raw_host):
        raise ValueError("the host name contains invalid characters")

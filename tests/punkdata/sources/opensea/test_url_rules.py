from __future__ import annotations

import httpx
import pytest

from punkdata.errors import ImageError, UsageError
from punkdata.sources.opensea.http.url_rules import (
    check_base_url,
    check_image_host,
    check_image_url,
)

BASE_URL = "https://api.test"
IMAGE_HOSTS = ("extra.test", "*.wild.test", "ported.test:8443")


def check(url: str, base_url: str = BASE_URL) -> None:
    check_image_url(httpx.URL(url), httpx.URL(base_url), IMAGE_HOSTS)


@pytest.mark.parametrize(
    ("base_url", "normalized"),
    [
        ("https://api.opensea.io", "https://api.opensea.io"),
        ("https://api.opensea.io/", "https://api.opensea.io"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/mirror/", "http://localhost:8000/mirror"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_base_url_may_be_https_or_on_this_machine(base_url: str, normalized: str) -> None:
    assert check_base_url(base_url) == normalized


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.opensea.io",
        "http://127.0.0.1.evil.test",
        "ftp://api.opensea.io",
        "api.opensea.io",
        "",
        "https://",
        "https://me:secret@api.opensea.io",  # pragma: allowlist secret
        "https://api.opensea.io?x=1",
        "https://[broken",
        "https://a..b",
        "https://xn--a",
        "https://ex ample",
    ],
)
def test_other_base_urls_are_rejected(base_url: str) -> None:
    with pytest.raises(UsageError, match="--base-url"):
        check_base_url(base_url)


@pytest.mark.parametrize("host", ["", "*", "https://x", "x:port", "*.", "a b", "*.*.x"])
def test_invalid_image_host_is_rejected(host: str) -> None:
    with pytest.raises(UsageError, match="--image-host .* is not a host name"):
        check_image_host(host)


@pytest.mark.parametrize(
    "url",
    [
        "https://i.seadn.io/a.png",
        "https://I2C.SEADN.IO/a.png",
        "https://raw2.seadn.io:443/a.png?v=1",
        "https://openseauserdata.com/a.png",
        "https://lh3.googleusercontent.com/abc=s0",
        "https://extra.test/a.png",
        "https://deep.down.wild.test/a.png",
        "https://ported.test:8443/a.png",
        f"{BASE_URL}/images/a.png",
    ],
)
def test_image_urls_on_allowed_hosts_are_accepted(url: str) -> None:
    check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://wild.test/a.png",
        "https://ported.test/a.png",
        "https://ported.test:8444/a.png",
        "https://other.extra.test/a.png",
    ],
)
def test_image_urls_on_similar_hosts_are_rejected(url: str) -> None:
    with pytest.raises(ImageError, match="not allowed"):
        check(url)


def test_http_images_are_accepted_only_for_an_api_on_this_machine() -> None:
    local = "http://127.0.0.1:9"
    check("http://i.seadn.io/a.png", local)
    check("http://127.0.0.1:9/a.png", local)
    with pytest.raises(ImageError, match="not allowed"):
        check("http://127.0.0.1:22/a.png", local)
    with pytest.raises(ImageError, match="unencrypted http"):
        check("http://i.seadn.io/a.png")


def test_rejected_image_host_comes_with_the_option_that_allows_it() -> None:
    with pytest.raises(ImageError, match="add --image-host images.test:8443 to allow it"):
        check("https://images.test:8443/a.png")

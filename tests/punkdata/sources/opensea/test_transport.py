from __future__ import annotations

import gzip
import logging
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import SecretStr
from support.opensea_server import KEY, Faults, OpenSeaServer
from support.sprites import DrawnPunk, png_bytes

from punkdata.errors import DataError, ImageError, SetupError, UsageError
from punkdata.sources.opensea import transport
from punkdata.sources.opensea.http_client import make_http_client
from punkdata.sources.opensea.retry import InvalidReplyError, RetryTransport
from punkdata.sources.opensea.transport import NetworkTransport
from punkdata.sources.opensea.url_rules import check_base_url

BASE = "https://api.test"
PNG = png_bytes(DrawnPunk(1, "Ape").sprite)


def fake(answer: Callable[[httpx.Request], httpx.Response], base: str = BASE) -> NetworkTransport:
    """A transport whose sockets lead to `answer`, for hosts that do not exist."""

    def send(request: httpx.Request) -> httpx.Response:
        made = answer(request)
        if not made.is_stream_consumed:
            return made
        stream = httpx.ByteStream(made.content)  # as from a socket: not read yet
        return httpx.Response(made.status_code, headers=made.headers, stream=stream)

    http = httpx.Client(transport=httpx.MockTransport(send))
    return NetworkTransport(
        http, base, SecretStr(KEY), ["extra.test", "*.wild.test", "ported.test:8443"]
    )


def image(url: str) -> httpx.Request:
    return httpx.Request("GET", url, extensions={"image": True})


def api(url: str, check: Callable[[bytes], None] = lambda body: None) -> httpx.Request:
    return httpx.Request("GET", url, extensions={"check": check})


# -- where the base URL may lead -------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.opensea.io", "https://api.opensea.io"),
        ("https://api.opensea.io/", "https://api.opensea.io"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/mirror/", "http://localhost:8000/mirror"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_https_or_this_machine_s(given: str, used: str) -> None:
    assert check_base_url(given) == used


@pytest.mark.parametrize(
    "given",
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
def test_any_other_base_url_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        check_base_url(given)


# -- where images may come from --------------------------------------------------------------


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
        f"{BASE}/images/a.png",
    ],
)
def test_images_come_from_allowed_hosts_without_the_key(url: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=PNG)

    assert fake(answer).handle_request(image(url)).content == PNG
    assert asked[0].headers["accept"] == "image/png"
    assert "x-api-key" not in asked[0].headers
    assert KEY not in str(asked[0].headers)


HOSTILE = [
    "http://i.seadn.io/a.png",
    "https://seadn.io/a.png",
    "https://evilseadn.io/a.png",
    "https://i.seadn.io.evil.test/a.png",
    "https://i.seadn.io./a.png",
    "https://i.seadn.io@evil.test/a.png",
    "https://user:word@i.seadn.io/a.png",  # pragma: allowlist secret
    "https://i.seadn.io:8443/a.png",
    "https://api.test:8443/a.png",
    "https://ported.test/a.png",
    "https://ported.test:8444/a.png",
    "https://evil.test/a.png",
    "https://wild.test/a.png",
    "https://127.0.0.1/a.png",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/a.png",
    "ftp://i.seadn.io/a.png",
    "file:///etc/passwd",
    "//evil.test/a.png",
    "javascript:alert(1)",
    "/etc/passwd",
    "https://i..seadn.io/a.png",
    "https://.seadn.io/a.png",
    "https://" + "x" * 70 + ".seadn.io/a.png",
    "https://i%2eseadn.io/a.png",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_any_other_address_is_refused_unasked(url: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("was asked")

    with pytest.raises(ImageError):
        fake(answer).handle_request(image(url))


@pytest.mark.parametrize("target", [url for url in HOSTILE if not url.startswith("/etc")])
def test_a_redirect_is_checked_like_the_first_address(target: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": target})

    with pytest.raises(ImageError):
        fake(answer).handle_request(image("https://i.seadn.io/a.png"))
    assert asked == ["i.seadn.io"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://me:secret@127.0.0.1:1080"),  # pragma: allowlist secret
        ("HTTPS_PROXY", "ftp://me:secret@proxy.test"),  # pragma: allowlist secret
        ("NO_PROXY", "localhost,[::1]"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_what_no_connection_can_be_made_with_is_named_by_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        SetupError, match=f"no connection is possible with what .*{variable}"
    ) as told:
        make_http_client()
    assert value not in str(told.value)


def test_few_redirects_are_followed_and_circles_are_not() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        left = int(request.url.path[1:])
        if left:
            return httpx.Response(301, headers={"location": f"/{left - 1}"})
        return httpx.Response(200, content=PNG)

    assert fake(answer).handle_request(image("https://i.seadn.io/3")).content == PNG
    with pytest.raises(ImageError, match="redirected more than 3 times"):
        fake(answer).handle_request(image("https://i.seadn.io/4"))


def test_plain_http_is_for_a_base_url_on_this_machine() -> None:
    sender = fake(lambda request: httpx.Response(200, content=PNG), "http://127.0.0.1:9")
    assert sender.handle_request(image("http://i.seadn.io/a.png")).content == PNG
    assert sender.handle_request(image("http://127.0.0.1:9/a.png")).content == PNG
    with pytest.raises(ImageError, match="not allowed"):
        sender.handle_request(image("http://127.0.0.1:22/a.png"))


def test_the_api_s_redirects_are_not_followed() -> None:
    moved = httpx.Response(302, headers={"location": "https://evil.test/api"})
    with pytest.raises(InvalidReplyError, match="to another address"):
        fake(lambda request: moved).handle_request(api(f"{BASE}/api/v2/x"))


# -- what is handed up -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sorry</html>",
        b'{"errors": []}',
        b"plain",
        PNG[:-20],
        b"\xff\xd8\xff\xe0 half a JPEG",
        b"RIFF\xff\x00\x00\x00WEBPVP8 ",
        b"\x00\x00\x00\x1cftypavif" + b"\x00" * 16 + b"\x00\x00\x01\x00mdat short",
    ],
)
def test_what_is_no_whole_picture_counts_as_a_broken_transfer(body: bytes) -> None:
    sender = fake(lambda request: httpx.Response(200, content=body))
    with pytest.raises(InvalidReplyError):
        sender.handle_request(image("https://i.seadn.io/a.png"))


def test_a_content_type_is_not_believed() -> None:
    headers = {"content-type": "text/html"}
    sender = fake(lambda request: httpx.Response(200, content=PNG, headers=headers))
    assert sender.handle_request(image("https://i.seadn.io/a.png")).content == PNG


def test_a_body_is_bounded_even_when_it_arrives_compressed() -> None:
    bomb = gzip.compress(b"\x89PNG" + bytes(20_000_000))
    headers = {"content-encoding": "gzip"}
    sender = fake(
        lambda request: httpx.Response(200, stream=httpx.ByteStream(bomb), headers=headers)
    )
    with pytest.raises(ImageError, match="more than 8,000,000 bytes"):
        sender.handle_request(image("https://i.seadn.io/a.png"))


def test_the_key_goes_to_the_api_and_never_comes_back() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        told = request.headers["x-api-key"]
        assert told == KEY
        return httpx.Response(401, json={"errors": [f"no: {told}"]}, headers={"etag": told})

    response = fake(answer).handle_request(api(f"{BASE}/api/v2/x"))
    assert KEY.encode() not in response.content
    assert KEY not in str(response.headers)


def test_the_check_of_a_request_decides_what_the_api_may_answer() -> None:
    def check(body: bytes) -> None:
        raise DataError("GET /x sent something unexpected")

    sender = fake(lambda request: httpx.Response(200, content=b"{}"))
    with pytest.raises(InvalidReplyError, match="unexpected"):
        sender.handle_request(api(f"{BASE}/api/v2/x", check))


# -- real sockets ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[OpenSeaServer]:
    with OpenSeaServer([DrawnPunk(0, "Ape")]) as running:
        yield running


@pytest.fixture
def sender(server: OpenSeaServer) -> Iterator[NetworkTransport]:
    made = NetworkTransport(make_http_client(), server.base_url, SecretStr(KEY))
    yield made
    made.close()


@pytest.mark.parametrize("fault", ["drop", "truncate"])
def test_broken_connections_are_errors_that_a_retry_heals(
    server: OpenSeaServer, sender: NetworkTransport, fault: str
) -> None:
    request = image(f"{server.base_url}/images/0.png")
    server.faults = Faults(**{fault: 1.0})
    for _ in range(2):  # a truncated body comes with its length and without it by turns
        with pytest.raises(httpx.RequestError):
            sender.handle_request(request)
    server.faults = Faults(**{fault: 0.5})
    retrying = RetryTransport(sender, sleep=lambda seconds: None)
    for _ in range(10):
        assert retrying.handle_request(request).content.startswith(b"\x89PNG")


def test_a_body_that_drips_ends_in_time(
    server: OpenSeaServer, sender: NetworkTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults = Faults(reply_delay_s=0.4)
    monkeypatch.setattr(transport, "IMAGE_WITHIN_S", 0.05)
    with pytest.raises(httpx.RequestError, match="took too long"):
        sender.handle_request(image(f"{server.base_url}/images/0.png"))


def test_garbage_instead_of_http_is_a_transport_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"I am no web server\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sender = NetworkTransport(make_http_client(), base, None)
        with pytest.raises(httpx.RequestError):
            sender.handle_request(api(f"{base}/api/v2/x"))
        sender.close()


def test_a_body_that_does_not_unpack_is_a_broken_transfer() -> None:
    body = zlib.compress(PNG)[:-9] + b"123456789"
    headers = {"content-encoding": "gzip"}
    sender = fake(
        lambda request: httpx.Response(200, stream=httpx.ByteStream(body), headers=headers)
    )
    with pytest.raises(httpx.RequestError):
        sender.handle_request(image("https://i.seadn.io/a.png"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "X-GZIP"])
def test_a_packed_body_is_unpacked(encoding: str) -> None:
    packed = zlib.compress(PNG) if encoding == "deflate" else gzip.compress(PNG)
    headers = {"content-encoding": encoding}
    sender = fake(
        lambda request: httpx.Response(200, stream=httpx.ByteStream(packed), headers=headers)
    )
    assert sender.handle_request(image("https://i.seadn.io/a.png")).content == PNG


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "rot13"])
def test_other_packings_are_refused(encoding: str) -> None:
    body = gzip.compress(gzip.compress(PNG))
    headers = {"content-encoding": encoding}
    sender = fake(
        lambda request: httpx.Response(200, stream=httpx.ByteStream(body), headers=headers)
    )
    with pytest.raises(httpx.RequestError):
        sender.handle_request(image("https://i.seadn.io/a.png"))


def say(*replies: bytes) -> Iterator[str]:
    """A server that says these bytes, one after the other, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            for reply in replies:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(reply)

        threading.Thread(target=talk, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nx-api-key " + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::" + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + KEY.encode() + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_no_broken_reply_brings_the_key_into_an_error(reply: bytes) -> None:
    for base in say(reply):
        sender = NetworkTransport(make_http_client(), base, SecretStr(KEY))
        with pytest.raises(httpx.RequestError) as caught:
            sender.handle_request(api(f"{base}/api/v2/x"))
        sender.close()
        assert KEY not in str(caught.value)
        # A traceback must not show the library's own error, either.
        assert caught.value.__suppress_context__
        assert caught.value.__cause__ is None


def test_headers_that_are_not_ascii_are_left_out() -> None:
    for base in say(b"HTTP/1.1 200 OK\r\nETag: caf\xe9\r\nContent-Length: 2\r\n\r\n{}"):
        sender = NetworkTransport(make_http_client(), base, None)
        assert "etag" not in sender.handle_request(api(f"{base}/api/v2/x")).headers
        sender.close()


@pytest.mark.parametrize("host", ["", "*", "https://x", "x:port", "*.", "a b", "*.*.x"])
def test_what_is_no_host_cannot_be_allowed(host: str) -> None:
    with pytest.raises(UsageError, match="not the name of an image host"):
        NetworkTransport(
            httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200))),
            BASE,
            None,
            [host],
        )


def test_no_log_shows_the_key(
    server: OpenSeaServer, sender: NetworkTransport, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sender.handle_request(api(f"{server.base_url}/api/v2/collections/cryptopunks"))
    assert "collections/cryptopunks" in caplog.text
    assert KEY not in caplog.text


def test_requests_and_bytes_are_counted(server: OpenSeaServer, sender: NetworkTransport) -> None:
    sender.handle_request(api(f"{server.base_url}/api/v2/collections/cryptopunks"))
    sender.handle_request(image(f"{server.base_url}/images/0.png"))
    assert (sender.api_requests, sender.image_requests) == (1, 1)
    assert sender.bytes > 200
    assert server.requests_to("/images/")[0].key is None

from __future__ import annotations

import gzip
import json
import logging
import sys
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import SecretStr
from support.opensea_server import KEY, Faults, OpenSeaServer
from support.sprites import FakePunk, png_bytes

from punkdata.errors import DataError, ImageError, SetupError
from punkdata.sources.opensea.http.retry import RetryTransport
from punkdata.sources.opensea.http.transport import InvalidReplyError, NetworkTransport

BASE_URL = "https://api.test"
PNG = png_bytes(FakePunk(1, "Ape").sprite)
IMAGE_URL = "https://i.seadn.io/a.png"


def make_transport(answer: Callable[[httpx.Request], httpx.Response]) -> NetworkTransport:
    """Return a transport that gets its replies from `answer` instead of from sockets."""

    def send(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        if not response.is_stream_consumed:
            return response
        # A body that comes from a socket has not been read yet.
        stream = httpx.ByteStream(response.content)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    http = httpx.Client(transport=httpx.MockTransport(send))
    return NetworkTransport(BASE_URL, SecretStr(KEY), http=http)


def make_encoded_transport(body: bytes, encoding: str) -> NetworkTransport:
    """Return a transport that receives this compressed body."""
    headers = {"content-encoding": encoding}
    return make_transport(
        lambda request: httpx.Response(200, stream=httpx.ByteStream(body), headers=headers)
    )


def image_request(url: str = IMAGE_URL) -> httpx.Request:
    return httpx.Request("GET", url, extensions={"image": True})


def api_request(url: str, **extensions: object) -> httpx.Request:
    return httpx.Request("GET", url, extensions=extensions)


# -- URLs and redirects ----------------------------------------------------------------------


def test_image_request_has_no_key() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=PNG)

    assert make_transport(answer).handle_request(image_request()).content == PNG
    assert requests[0].headers["accept"] == "image/png"
    assert "x-api-key" not in requests[0].headers
    assert KEY not in str(requests[0].headers)


HOSTILE_URLS = [
    "http://i.seadn.io/a.png",
    "https://seadn.io/a.png",
    "https://evilseadn.io/a.png",
    "https://i.seadn.io.evil.test/a.png",
    "https://i.seadn.io./a.png",
    "https://i.seadn.io@evil.test/a.png",
    "https://user:word@i.seadn.io/a.png",  # pragma: allowlist secret
    "https://i.seadn.io:8443/a.png",
    "https://api.test:8443/a.png",
    "https://evil.test/a.png",
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


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_image_url_that_is_not_allowed_is_not_requested(url: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("a request was sent")

    with pytest.raises(ImageError):
        make_transport(answer).handle_request(image_request(url))


@pytest.mark.parametrize("target", [url for url in HOSTILE_URLS if not url.startswith("/etc")])
def test_redirect_target_is_checked_like_the_first_url(target: str) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": target})

    with pytest.raises(ImageError):
        make_transport(answer).handle_request(image_request())
    assert hosts == ["i.seadn.io"]


def test_number_of_image_redirects_is_limited() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        remaining = int(request.url.path[1:])
        if remaining:
            return httpx.Response(301, headers={"location": f"/{remaining - 1}"})
        return httpx.Response(200, content=PNG)

    transport = make_transport(answer)
    assert transport.handle_request(image_request("https://i.seadn.io/3")).content == PNG
    with pytest.raises(ImageError, match="redirected more than 3 times"):
        transport.handle_request(image_request("https://i.seadn.io/4"))


def test_redirect_of_the_api_is_not_followed() -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.test/api"})

    response = make_transport(answer).handle_request(api_request(f"{BASE_URL}/api/v2/x"))
    assert (response.status_code, hosts) == (302, ["api.test"])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://me:secret@127.0.0.1:1080"),  # pragma: allowlist secret
        ("HTTPS_PROXY", "ftp://me:secret@proxy.test"),  # pragma: allowlist secret
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_invalid_proxy_variable_is_named_without_its_value(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=variable) as caught:
        NetworkTransport(BASE_URL, None)
    assert value not in str(caught.value)


# -- Replies ---------------------------------------------------------------------------------


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
def test_incomplete_image_is_an_invalid_reply(body: bytes) -> None:
    transport = make_transport(lambda request: httpx.Response(200, content=body))
    with pytest.raises(InvalidReplyError):
        transport.handle_request(image_request())


def test_content_type_of_images_is_ignored() -> None:
    headers = {"content-type": "text/html"}
    transport = make_transport(lambda request: httpx.Response(200, content=PNG, headers=headers))
    assert transport.handle_request(image_request()).content == PNG


def test_key_is_sent_to_the_api_and_redacted_from_its_reply() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        key = request.headers["x-api-key"]
        assert key == KEY
        return httpx.Response(401, json={"errors": [f"no: {key}"]}, headers={"etag": key})

    response = make_transport(answer).handle_request(api_request(f"{BASE_URL}/api/v2/x"))
    assert KEY.encode() not in response.content
    assert KEY not in str(response.headers)


def test_successful_body_is_parsed_as_its_request_demands() -> None:
    def refuse(body: bytes) -> None:
        raise DataError("unexpected reply to GET /x")

    transport = make_transport(lambda request: httpx.Response(200, content=b"[1]"))
    response = transport.handle_request(api_request(f"{BASE_URL}/api/v2/x", parse=json.loads))
    assert response.extensions["parsed"] == [1]
    with pytest.raises(InvalidReplyError, match="unexpected"):
        transport.handle_request(api_request(f"{BASE_URL}/api/v2/x", parse=refuse))


def test_size_of_a_compressed_body_is_limited() -> None:
    bomb = gzip.compress(b"\x89PNG" + bytes(20_000_000))
    with pytest.raises(ImageError, match="more than 8,000,000 bytes"):
        make_encoded_transport(bomb, "gzip").handle_request(image_request())


def test_corrupt_compressed_body_is_a_request_error() -> None:
    body = zlib.compress(PNG)[:-9] + b"123456789"
    with pytest.raises(httpx.RequestError):
        make_encoded_transport(body, "gzip").handle_request(image_request())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
def test_compressed_body_is_decompressed(encoding: str) -> None:
    body = zlib.compress(PNG) if encoding == "deflate" else gzip.compress(PNG)
    assert make_encoded_transport(body, encoding).handle_request(image_request()).content == PNG


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "rot13"])
def test_other_content_encodings_are_rejected(encoding: str) -> None:
    body = gzip.compress(gzip.compress(PNG))
    with pytest.raises(httpx.RequestError):
        make_encoded_transport(body, encoding).handle_request(image_request())


# -- With the fake server --------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[OpenSeaServer]:
    with OpenSeaServer([FakePunk(0, "Ape")]) as running:
        yield running


@pytest.fixture
def transport(server: OpenSeaServer) -> Iterator[NetworkTransport]:
    network = NetworkTransport(server.base_url, SecretStr(KEY))
    yield network
    network.close()


@pytest.mark.parametrize("fault", ["drop", "truncate"])
def test_broken_connection_is_retried(
    server: OpenSeaServer, transport: NetworkTransport, fault: str
) -> None:
    request = image_request(f"{server.base_url}/images/0.png")
    server.faults = Faults(**{fault: 1.0})
    for _ in range(2):  # Truncated bodies alternate between with and without Content-Length.
        with pytest.raises(httpx.RequestError):
            transport.handle_request(request)
    server.faults = Faults(**{fault: 0.3})
    retrying = RetryTransport(transport, sleep=lambda seconds: None)
    for _ in range(10):
        assert retrying.handle_request(request).content.startswith(b"\x89PNG")


def test_slow_body_exceeds_the_deadline(server: OpenSeaServer) -> None:
    server.faults = Faults(reply_delay_s=0.4)
    network = NetworkTransport(server.base_url, None, deadline_s=0.05)
    with pytest.raises(httpx.RequestError, match="127.0.0.1 did not send a complete reply"):
        network.handle_request(image_request(f"{server.base_url}/images/0.png"))
    network.close()


def test_debug_log_does_not_contain_the_key(
    server: OpenSeaServer, transport: NetworkTransport, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        transport.handle_request(api_request(f"{server.base_url}/api/v2/collections/cryptopunks"))
    assert "collections/cryptopunks" in caplog.text
    assert KEY not in caplog.text


def test_requests_are_counted(server: OpenSeaServer, transport: NetworkTransport) -> None:
    transport.handle_request(api_request(f"{server.base_url}/api/v2/collections/cryptopunks"))
    transport.handle_request(image_request(f"{server.base_url}/images/0.png"))
    assert (transport.api_requests, transport.image_requests) == (1, 1)
    assert server.requests_to("/images/")[0].key is None


def test_debug_log_redacts_a_key_that_the_server_sends_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"location": f"https://user:{KEY}@i.seadn.io/{KEY}?{KEY}"}
    transport = make_transport(lambda request: httpx.Response(302, headers=headers))
    with caplog.at_level(logging.DEBUG, "punkdata"), pytest.raises(ImageError):
        transport.handle_request(image_request())
    assert "i.seadn.io/" in caplog.text and KEY not in caplog.text  # noqa: PT018
